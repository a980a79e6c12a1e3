/**
 * The interleavings that leave stale rows in other caches, step by step, on real servers. Each is run once as it is and
 * once without the guard, to show that the test sees the fault: the parts without guards are in this file and nowhere else.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Client } from 'pg'
import { type Flight, Flights, type SharedRow } from '../../src/local/flights.js'
import type { Overrides } from '../../src/assemble.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { Kind } from '../../src/wire/envelope.js'
import { EVERY_WRITE, UNNAMED_WRITES } from '../../src/wire/keys.js'
import { completed } from '../support/completed.js'
import { itInStandardMode } from '../support/consistency.js'
import { Gates } from '../support/gates.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()

// ---- parts without their guards

/** Stores whatever was loaded, token or not. */
class UnguardedFill extends Store {
  override fill(key: string, entry: Buffer, options: FillOptions): void {
    void world.redis.set(key, completed(entry, options), 'PX', Math.ceil(options.ttlMs))
  }
}

/** Lets every reader share every load in flight. */
class JoinAny extends Flights<SharedRow> {
  override begin(key: string): Flight<SharedRow> {
    const flight = super.begin(key)
    flight.mayJoin = () => true
    return flight
  }
}

/** Stores whatever was loaded as if it had been loaded just now: under the epochs of this moment. */
class FillOfNow extends Store {
  override fill(key: string, entry: Buffer, options: FillOptions): void {
    const { epochs } = options.dependsOn
    const underAny = entry[KIND_AT] !== Kind.row
    void world.redis.getBuffer(epochs[underAny ? EVERY_WRITE : UNNAMED_WRITES] as string).then(epoch => {
      epoch?.copy(entry, STAMP_AT, TOKEN_AT)
      return world.redis.set(key, completed(entry, options), 'PX', Math.ceil(options.ttlMs))
    })
  }
}

/** Where the bytes of an entry are: they keep their places (`wire/envelope`). */
const [TOKEN_AT, STAMP_AT, KIND_AT] = [4, 32, 53]

/** Hands the failure of a load to all who wait for it. */
class ShareFailures extends Flights<SharedRow> {
  override begin(key: string): Flight<SharedRow> {
    const flight = super.begin(key)
    const wait = flight.wait.bind(flight)
    flight.wait = async () => {
      const outcome = await wait()
      if (outcome.kind === 'failed') throw new Error('the load of another')
      return outcome
    }
    return flight
  }
}

/** Takes an unknown outcome for a plain failure: drops, and sets no hold. */
class NoHold extends Store {
  override invalidate({ keys }: Parameters<Store['invalidate']>[0]): ReturnType<Store['invalidate']> {
    return super.invalidate({ holds: [], keys })
  }
}

/** Drops nothing. */
class NoDrop extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

const guarded: Partial<Overrides> = {}

// ---- what the schedules are made of

let serial = 0
async function newUser(name = 'v0'): Promise<number> {
  const user = await world.plain.user.create({ data: { email: `race-${++serial}@x.org`, name } })
  return user.id
}

const nameOf = async (cached: CachedProcess, id: number) =>
  (await cached.prisma.user.findUnique({ where: { id } }))?.name

/** Prisma's promises run nothing before somebody waits for them. */
const started = async <T>(query: PromiseLike<T>): Promise<T> => await query

/** Whatever was started before has looked into Redis: replies of one connection come in order. */
async function looked(cached: CachedProcess): Promise<void> {
  await nextTurn()
  await cached.flushed()
  await nextTurn()
}

/** Begins a read, and holds the database's answer on its way back, until `handOver`. */
async function readHeldBack<T>(
  reader: CachedProcess,
  ask: (db: CachedProcess['prisma']) => PromiseLike<T>,
): Promise<{ handOver: () => Promise<T> }> {
  const gates = new Gates()
  const gate = gates.hold('findUnique', 'after')
  const read = started(ask(reader.prisma.$extends(gates.extension) as unknown as CachedProcess['prisma']))
  await gate.arrived
  return {
    handOver() {
      gate.open()
      return read
    },
  }
}

/** The epochs exist and the connection is up, so that the schedule is about the row alone. */
async function ready(...processes: CachedProcess[]): Promise<void> {
  const id = await newUser()
  for (const cached of processes) await nameOf(cached, id)
}

describe('a load that is overtaken by a write', () => {
  const overtaken = async (parts: Partial<Overrides>, writeElsewhere: boolean) => {
    const reader = world.process({}, { parts })
    const writer = writeElsewhere ? world.process({}, { parts }) : reader
    await ready(reader, writer)
    const id = await newUser()
    const read = await readHeldBack(reader, db => db.user.findUnique({ where: { id } })) // the database has answered v0
    await writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect((await read.handOver())?.name).toBe('v0') // it began before the write
    await reader.flushed()
    return { again: await nameOf(reader, id), elsewhere: await nameOf(world.process({}, { parts }), id) }
  }

  it.each([
    ['in one process', false],
    ['in two processes', true],
  ])('a load that a write overtakes leaves no stale row, %s', async (_, writeElsewhere) => {
    expect(await overtaken(guarded, writeElsewhere)).toEqual({ again: 'v1', elsewhere: 'v1' })
  })

  it.each([
    ['in one process', false],
    ['in two processes', true],
  ])('(without the token, the stale row stays, %s)', async (_, writeElsewhere) => {
    expect(await overtaken({ Store: UnguardedFill }, writeElsewhere)).toEqual({ again: 'v0', elsewhere: 'v0' })
  })

  const evicted = async (parts: Partial<Overrides>) => {
    const reader = world.process({}, { parts })
    await ready(reader)
    const id = await newUser()
    const read = await readHeldBack(reader, db => db.user.findUnique({ where: { id } }))
    await world.redis.del(`${world.prefix}User:${id}`)
    await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
    await read.handOver()
    await reader.flushed()
    return nameOf(reader, id)
  }

  it('a load does not fill after an eviction or a flush', async () => {
    expect(await evicted(guarded)).toBe('v1')
  })

  it('(without the token, it fills)', async () => {
    expect(await evicted({ Store: UnguardedFill })).toBe('v0')
  })

  const unnamed = async (parts: Partial<Overrides>) => {
    const reader = world.process({}, { parts })
    const writer = world.process({}, { parts })
    await ready(reader, writer)
    const id = await newUser()
    const read = await readHeldBack(reader, db => db.user.findUnique({ where: { id } }))
    await writer.prisma.user.updateMany({ where: { id: { gte: id } }, data: { name: 'v1' } })
    await ready(reader) // there is an epoch again
    await read.handOver()
    await reader.flushed()
    await world.redis.ping()
    await world.redis.ping()
    return [await nameOf(reader, id), await nameOf(writer, id)]
  }

  it('a fill is invalid at once when a write without named rows changes the epoch during its load', async () => {
    expect(await unnamed(guarded)).toEqual(['v1', 'v1'])
  })

  it('(with the epoch from after the load, the stale row is served)', async () => {
    expect(await unnamed({ Store: FillOfNow })).toEqual(['v0', 'v0'])
  })

  let brands = 0
  const absent = async (parts: Partial<Overrides>) => {
    const reader = world.process({}, { parts })
    const writer = world.process({}, { parts })
    await ready(reader, writer)
    const slug = `late-${++brands}`
    await reader.prisma.brand.findUnique({ where: { slug: 'never' } })
    const read = await readHeldBack(reader, db => db.brand.findUnique({ where: { slug } }))
    await writer.prisma.brand.create({ data: { slug, name: 'b' } })
    await reader.prisma.brand.findUnique({ where: { slug: `never-${brands}` } }) // there is an epoch again
    expect(await read.handOver()).toBeNull()
    await reader.flushed()
    await world.redis.ping()
    await world.redis.ping()
    return (await reader.prisma.brand.findUnique({ where: { slug } })) !== null
  }

  it('a load of an absent row does not hide a row that was created meanwhile', async () => {
    expect(await absent(guarded)).toBe(true)
  })

  it('(with the epoch from after the load, and no token, it hides the row)', async () => {
    expect(await absent({ Store: FillOfNow })).toBe(false)
  })
})

describe('sharing a load', () => {
  const acrossWrite = async (parts: Partial<Overrides>) => {
    const cached = world.process({}, { parts })
    await ready(cached)
    const gates = new Gates()
    const slow = cached.prisma.$extends(gates.extension)
    const id = await newUser()

    const gate = gates.hold('findUnique', 'after')
    const before = started(slow.user.findUnique({ where: { id } }))
    await gate.arrived
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    const after = [1, 2, 3].map(() => started(slow.user.findUnique({ where: { id } })))
    await looked(cached)
    const sql = await cached.countSql(async () => {
      gate.open()
      await Promise.all([before, ...after])
    })
    return { before: (await before)?.name, after: (await Promise.all(after)).map(user => user?.name), loads: sql }
  }

  itInStandardMode(
    'a shared load never hands a stale value to a reader from after a write; such readers share the next load',
    async () => {
      expect(await acrossWrite(guarded)).toEqual({ before: 'v0', after: ['v1', 'v1', 'v1'], loads: 1 })
    },
  )

  itInStandardMode('(joining any load in flight, the reader gets the stale value)', async () => {
    expect(await acrossWrite({ Flights: JoinAny })).toEqual({ before: 'v0', after: ['v0', 'v0', 'v0'], loads: 0 })
  })

  it('a shared load gives each reader a copy of its own', async () => {
    const cached = world.process()
    await ready(cached)
    const id = await newUser()
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => cached.prisma.user.findUnique({ where: { id } })))
    expect(a).toEqual(b)
    expect(new Set([a, b, c]).size).toBe(3)
    expect(a?.createdAt).not.toBe(b?.createdAt)
  })

  const failing = async (parts: Partial<Overrides>) => {
    const cached = world.process({}, { parts })
    await ready(cached)
    const gates = new Gates()
    let fail = true
    const broken = cached.prisma.$extends(gates.extension).$extends({
      query: {
        user: {
          findUnique({ args, query }) {
            if (!fail) return query(args)
            fail = false
            throw new Error('the connection of the first one broke')
          },
        },
      },
    })
    const id = await newUser()
    const reads = await Promise.allSettled([1, 2, 3].map(() => broken.user.findUnique({ where: { id } })))
    return reads.map(read => read.status)
  }

  it('a shared load that fails fails no other reader: each sends its own query', async () => {
    expect(await failing(guarded)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  })

  it('(with shared failures, the other readers fail)', async () => {
    expect(await failing({ Flights: ShareFailures })).toEqual(['rejected', 'rejected', 'rejected'])
  })
})

describe('a transaction in flight', () => {
  const inFlight = async (parts: Partial<Overrides>) => {
    const writer = world.process({}, { parts })
    const reader = world.process({}, { parts })
    await ready(writer, reader)
    const id = await newUser()
    let during: unknown
    await writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id }, data: { name: 'v1' } })
      during = [await nameOf(reader, id), await nameOf(writer, id)] // fills what is committed
      await tx.user.findUnique({ where: { id } })
    })
    return { during, after: [await nameOf(reader, id), await nameOf(writer, id)] }
  }

  it('a write in a transaction invalidates its rows after COMMIT, and is not seen before', async () => {
    expect(await inFlight(guarded)).toEqual({ during: ['v0', 'v0'], after: ['v1', 'v1'] })
  })

  itInStandardMode('(with an invalidation before COMMIT, the stale row stays)', async () => {
    const { after } = await inFlight({ transactionOf: () => undefined })
    expect(after).not.toEqual(['v1', 'v1'])
  })

  const rolledBack = async (parts: Partial<Overrides>) => {
    const writer = world.process({}, { parts })
    await ready(writer)
    const id = await newUser()
    const roll = writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id }, data: { name: 'dirty' } })
      await tx.user.findUnique({ where: { id } })
      await tx.user.findFirst({ where: { id } })
      throw new Error('rolled back')
    })
    await expect(roll).rejects.toThrow('rolled back')
    return nameOf(world.process({}, { parts }), id)
  }

  it('a transaction that is rolled back leaves no trace', async () => {
    expect(await rolledBack(guarded)).toBe('v0')
  })

  it('(with reads of a transaction in the cache, its rows stay)', async () => {
    expect(await rolledBack({ transactionOf: () => undefined })).toBe('dirty')
  })

  const backToSavepoint = async (parts: Partial<Overrides>) => {
    const writer = world.process({}, { parts })
    const reader = world.process({}, { parts })
    await ready(writer, reader)
    const [kept, undone] = [await newUser(), await newUser()]
    await nameOf(reader, kept)
    await nameOf(reader, undone)
    await writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id: kept }, data: { name: 'v1' } })
      const nested = tx as unknown as CachedProcess['prisma']
      const inner = nested.$transaction(async deep => {
        await deep.user.update({ where: { id: undone }, data: { name: 'dirty' } })
        expect((await deep.user.findUnique({ where: { id: undone } }))?.name).toBe('dirty')
        throw new Error('to the savepoint')
      })
      await expect(inner).rejects.toThrow('to the savepoint')
    })
    await writer.flushed()
    return [await nameOf(reader, kept), await nameOf(reader, undone)]
  }

  it('a transaction that goes back to a savepoint shows what it kept, and nothing of what was undone', async () => {
    expect(await backToSavepoint(guarded)).toEqual(['v1', 'v0'])
  })

  it('(with reads of a transaction in the cache, what was undone is served)', async () => {
    expect(await backToSavepoint({ transactionOf: () => undefined })).toEqual(['v1', 'dirty'])
  })
})

describe('a write of unknown outcome, which the server commits later', () => {
  const committedLater = async (parts: Partial<Overrides>, kind: 'plain' | 'transaction') => {
    const writer = world.process({}, { parts, pool: { query_timeout: 300 } })
    const reader = world.process({}, { parts })
    await ready(writer, reader)
    const [id, other] = [await newUser(), await newUser()]
    await world.redis.del(`${world.prefix}{User}@hold`) // of the schedule before
    await nameOf(reader, id)

    const lock = new Client({ connectionString: world.databaseUrl })
    await lock.connect()
    await lock.query('BEGIN')
    await lock.query('SELECT 1 FROM "User" WHERE id = $1 FOR UPDATE', [id])
    const write =
      kind === 'plain'
        ? writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })
        : writer.prisma.$transaction([writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })])
    await expect(write).rejects.toThrow()

    // The writer has given up and dropped. A reader comes, and a second writer, whose DEL takes no hold away.
    expect(await nameOf(reader, id)).toBe('v0')
    await world.process().prisma.user.updateMany({ where: { id: other }, data: { name: 'second' } })
    expect(await nameOf(reader, id)).toBe('v0')

    await lock.query('COMMIT')
    await lock.end()
    const committed = async () => (await world.plain.user.findUnique({ where: { id } }))?.name === 'v1'
    if (kind === 'plain') await expect.poll(committed).toBe(true)
    await writer.prisma.$cache.close() // it would set its hold again, every two seconds, in the tests that follow
    return { database: (await world.plain.user.findUnique({ where: { id } }))?.name, cache: await nameOf(reader, id) }
  }

  it('a write of unknown outcome leaves no stale row, with a second writer in between', async () => {
    expect(await committedLater(guarded, 'plain')).toEqual({ database: 'v1', cache: 'v1' })
  })

  itInStandardMode('(without the hold, the stale row is served)', async () => {
    expect(await committedLater({ Store: NoHold }, 'plain')).toEqual({ database: 'v1', cache: 'v0' })
  })

  it('a batch transaction of unknown outcome: the cache agrees with what the server made of it', async () => {
    const { database, cache } = await committedLater(guarded, 'transaction')
    expect(cache).toBe(database)
  })

  it('a hold has a TTL and is not deleted: the model is cached again when it ends', async () => {
    const hold = `${world.prefix}{User}@hold`
    const ttl = await world.redis.pttl(hold)
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(60_000)
    await world.process().prisma.$cache.invalidateAll()
    expect(await world.redis.exists(hold)).toBe(1)
    await world.redis.del(hold) // for the tests that follow
  })
})

describe('the oracle of the other tests', () => {
  itInStandardMode('(the oracle sees a write that invalidates nothing)', async () => {
    const cached = world.process({}, { parts: { Store: NoDrop } })
    await ready(cached)
    const id = await newUser()
    await nameOf(cached, id)
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect(await nameOf(cached, id)).toBe('v0')
  })
})
