import { Global, Inject, Module, type OnModuleDestroy } from '@nestjs/common'
import { PrismaPg } from '@prisma/adapter-pg'
import { withCache } from 'prisma-extension-cache-aside'
import { PrismaClient } from '../generated/prisma/client'

/** The token under which the client is injected: `@Inject(PRISMA) prisma: PrismaClient`. */
export const PRISMA = Symbol('prisma')

@Global()
@Module({
  providers: [
    {
      provide: PRISMA,
      useFactory: () =>
        withCache(new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) }), {
          redis: process.env.REDIS_URL,
          models: { User: { ttl: 300 }, Post: '5m' },
        }),
    },
  ],
  exports: [PRISMA],
})
export class PrismaModule implements OnModuleDestroy {
  constructor(@Inject(PRISMA) private readonly prisma: PrismaClient) {}

  /** Closes the connections to Postgres and to Redis. */
  onModuleDestroy() {
    return this.prisma.$disconnect()
  }
}
