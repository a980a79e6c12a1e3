/** Lets time pass for what is stored, without a sleep: entries are given another expiry, by the clock of Redis. */
import { Leases } from '../../src/redis/leases.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { complete, expiryOf, graceOf, hasTimes, loadMsOf } from '../../src/wire/envelope.js'
import type { CachedProcess, World } from './world.js'

/** Where entries are: a world, or one node of a Cluster. */
type Place = Pick<World, 'redis' | 'prefix'>

/** An entry of a world that its keys match, and its times. */
export async function timesOf(world: Place, pattern: string) {
  const [key] = await entriesOf(world, pattern)
  const entry = key === undefined ? null : await world.redis.getBuffer(key)
  if (entry === null) throw new Error(`there is no entry ${pattern}`)
  return { expiresAt: expiryOf(entry), loadMs: loadMsOf(entry), graceMs: graceOf(entry) }
}

/** Lets entries end `ms` ago; with fewer than 0, in so many. Answers how many there were. */
export async function expire(world: Place, ms: number, pattern = '*'): Promise<number> {
  const [seconds, micros] = await world.redis.time()
  const expiresAt = Number(seconds) * 1000 + Number(micros) / 1000 - ms
  const keys = await entriesOf(world, pattern)
  for (const key of keys) {
    const entry = (await world.redis.getBuffer(key)) as Buffer
    complete(entry, { expiresAt, loadMs: loadMsOf(entry), graceMs: graceOf(entry) })
    await world.redis.set(key, entry, 'KEEPTTL')
  }
  return keys.length
}

async function entriesOf({ redis, prefix }: Place, pattern: string): Promise<string[]> {
  const found: string[] = []
  for (const key of await redis.keys(`${prefix}${pattern}`)) {
    const value = await redis.getBuffer(key).catch(() => null)
    if (value !== null && hasTimes(value)) found.push(key)
  }
  return found.toSorted()
}

/** Resolves when so many background loads of a process have ended. */
export async function refreshed(process: CachedProcess, count: number): Promise<void> {
  const { $cache } = process.prisma
  await new Promise<void>(resolve => {
    const ended = () => {
      const { refreshes, refreshesFailed } = $cache.stats()
      return refreshes + refreshesFailed >= count
    }
    const off = $cache.on(event => {
      if (event.type !== 'refresh' || !ended()) return
      off()
      resolve()
    })
    if (!ended()) return
    off()
    resolve()
  })
  await process.flushed()
}

/** Every process that finds an entry due loads it. */
export class NoLeases extends Leases {
  override async take(): Promise<() => void> {
    return () => undefined
  }
}

/** Stores whatever was loaded, token or not. */
export class UnguardedFill extends Store {
  override fill(key: string, entry: Buffer, options: FillOptions): void {
    super.fill(key, entry, { ...options, guard: 'none' })
  }
}
