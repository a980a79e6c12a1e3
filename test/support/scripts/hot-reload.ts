/** Makes its client again and again, as a server does that loads its modules again: the adapter is kept, the client and the cache are not. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { type CacheApi, cacheAside } from '../../../src/index.js'

export interface Reloaded {
  readonly connections: number
  readonly listeners: Readonly<Record<'ready' | 'close' | 'end', number>>
  /** How many caches are still in memory. */
  readonly caches: number
  readonly hits: number
  readonly warnings: readonly string[]
}

const { DATABASE_URL, REDIS_URL, PREFIX, NAME, OWN } = process.env as Record<string, string>
const warnings: string[] = []
process.on('warning', ({ message }) => warnings.push(message))
const eyes = new Redis((REDIS_URL as string).split('?')[0] as string)
const kept = OWN === undefined ? undefined : new Redis(REDIS_URL as string)
const adapter = new PrismaPg({ connectionString: DATABASE_URL })
const caches: WeakRef<CacheApi<PrismaClient>>[] = []
let hits = 0

async function load(): Promise<void> {
  const base = new PrismaClient({ adapter })
  const redis = kept ?? REDIS_URL
  const prisma = base.$extends(cacheAside({ redis, prefix: PREFIX, models: { User: true }, deadlineMs: 2000 }))
  caches.push(new WeakRef(prisma.$cache))
  for (let i = 0; i < 3; i++) await prisma.user.findUnique({ where: { id: 1 } })
  hits += prisma.$cache.stats().hits
}

for (let i = 0; i < 50; i++) await load()
for (let i = 0; i < 10; i++) {
  await nextTurn()
  globalThis.gc?.()
}
const list = String(await eyes.client('LIST'))
const clients = (globalThis as unknown as Record<symbol, Map<string, { redis: Redis }>>)[
  Symbol.for('prisma-extension-cache-aside.clients')
]
const used = kept ?? clients?.get(REDIS_URL as string)?.redis
const listeners = Object.fromEntries(['ready', 'close', 'end'].map(name => [name, used?.listenerCount(name)]))
const connections = list.split('\n').filter(line => line.includes(` name=${NAME} `)).length
const left = caches.filter(cache => cache.deref() !== undefined).length
console.log(JSON.stringify({ connections, listeners, caches: left, hits, warnings }))
process.exit()
