import { Inject, Injectable, NotFoundException } from '@nestjs/common'
import type { PrismaClient } from '../generated/prisma/client'
import { PRISMA } from '../prisma/prisma.module'

/** Knows nothing of the cache: it asks for the type that Prisma generates. */
@Injectable()
export class UsersService {
  constructor(@Inject(PRISMA) private readonly prisma: PrismaClient) {}

  async user(id: number) {
    const user = await this.prisma.user.findUnique({ where: { id } })
    if (user === null) throw new NotFoundException()
    return user
  }

  async post(id: number) {
    const post = await this.prisma.post.findUnique({ where: { id }, include: { author: true } })
    if (post === null) throw new NotFoundException()
    return post
  }

  rename(id: number, name: string) {
    return this.prisma.$transaction(tx => tx.user.update({ where: { id }, data: { name } }))
  }
}
