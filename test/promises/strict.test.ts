/**
 * Strict mode: an intent stands from before the commit until the invalidation. Each promise is also run without its guard, or in
 * standard mode, where it has to be broken.
 */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import { Store } from '../../src/redis/store.js'
import { everyWrite } from '../support/every-write.js'
import { Gates } from '../support/gates.js'
import { Oracle } from '../support/oracle.js'
import { type Seeded, seed } from '../support/seed.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()

/** Short, so that a test can see an intent end. */
const HOLD_MS = 400

/** A writer that dies after its commit: nothing that it would send then arrives. */
class Dies extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

/** A reader that does not ask again for holds once it has its tokens. */
class AsksOnce extends Store {
  override acquire(...[key, { epochs }, ...rest]: Parameters<Store['acquire']>): ReturnType<Store['acquire']> {
    return super.acquire(key, { epochs, holds: [] }, ...rest)
  }
}

/** Puts its intent there once, and never again. */
class NeverRenews extends Store {
  readonly #members = new Set<string>()

  override async intend(intent: Parameters<Store['intend']>[0]): ReturnType<Store['intend']> {
    if (this.#members.has(intent.member)) return { isSet: true, stamps: [] }
    this.#members.add(intent.member)
    return super.intend(intent)
  }
}

const strict = (parts: Partial<Overrides> = {}) =>
  world.process({ consistency: 'strict' }, { parts: { holdMs: HOLD_MS, ...parts } })

/** Until no intent stands any more. */
async function intentsEnd(): Promise<void> {
  await expect.poll(async () => (await world.keys()).filter(key => key.endsWith('@hold'))).toEqual([])
}

const newUser = async (name = 'old') =>
  world.plain.user.create({ data: { email: `${crypto.randomUUID()}@x.org`, name } })

async function nameOf({ prisma }: CachedProcess, id: number) {
  return (await prisma.user.findUnique({ where: { id } }))?.name
}

/** Reads until it is a hit. */
async function warm(reader: CachedProcess, id: number): Promise<void> {
  await nameOf(reader, id)
  await reader.flushed()
}

describe('a writer that dies between COMMIT and DEL leaves nothing stale', () => {
  let reader: CachedProcess
  let writer: CachedProcess
  let oracle: Oracle
  let ids: Seeded
  beforeAll(async () => {
    reader = world.process({}, { parts: { holdMs: HOLD_MS } })
    writer = strict({ Store: Dies })
    oracle = new Oracle(world, ['User', 'Profile', 'Asset', 'Post', 'Tag', 'Comment', 'Product', 'Brand', 'Task'])
    ids = await seed(world.plain, { users: 3 })
  })
  beforeEach(intentsEnd)

  const { topLevel, nested, raw, transactions } = everyWrite(
    world,
    () => ids,
    () => reader,
  )
  it.each([...topLevel, ...nested, ...raw, ...transactions])('%s', async (_title, prepare) => {
    const write = await prepare()
    await oracle.warm(reader)
    await write(writer.prisma)
    await oracle.check(reader)
    await intentsEnd()
    await oracle.check(reader)
    expect(await oracle.check(reader), 'and the cache is in use again').toBeGreaterThan(0)
  })

  it('(in standard mode, it does)', async () => {
    const { id } = await newUser()
    await warm(reader, id)
    const standard = world.process({ consistency: 'standard' }, { parts: { Store: Dies } })
    await standard.prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect(await nameOf(reader, id)).toBe('old')
  })
})

describe('reads never go back in time', () => {
  /** Between COMMIT and DEL: what a reader with a warm cache sees. */
  async function duringTheWindow(consistency: 'standard' | 'strict') {
    const gates = new Gates()
    const writer = world.process({ consistency })
    const db = writer.prisma.$extends(gates.extension)
    const [reader, { id }] = [world.process(), await newUser()]
    await warm(reader, id)
    const gate = gates.hold('update', 'after')
    const write = db.user.update({ where: { id }, data: { name: 'new' } }).then(row => row)
    await gate.arrived
    const seen = [(await reader.prisma.$uncached.user.findUnique({ where: { id } }))?.name, await nameOf(reader, id)]
    gate.open()
    await write
    return [...seen, await nameOf(reader, id)]
  }

  it('what was read from the database is not followed by the old row from the cache', async () => {
    expect(await duringTheWindow('strict')).toEqual(['new', 'new', 'new'])
  })

  it('(in standard mode it is, until the DEL)', async () => {
    expect(await duringTheWindow('standard')).toEqual(['new', 'old', 'new'])
  })
})

describe('a load that is in progress when the intent comes stores nothing', () => {
  /** The reader looks up, then the intent comes, then the reader takes its token; the writer dies. */
  async function run(ReaderStore: typeof Store) {
    const { id } = await newUser()
    let arrive = () => {}
    let open = () => {}
    const arrived = new Promise<void>(resolve => (arrive = resolve))
    const opened = new Promise<void>(resolve => (open = resolve))
    class Waits extends ReaderStore {
      override async acquire(...args: Parameters<Store['acquire']>): ReturnType<Store['acquire']> {
        arrive()
        await opened
        return super.acquire(...args)
      }
    }
    const readGates = new Gates()
    const reader = world.process({}, { parts: { Store: Waits, holdMs: HOLD_MS } })
    const readDb = reader.prisma.$extends(readGates.extension)
    const gates = new Gates()
    const writer = strict({ Store: Dies })
    const db = writer.prisma.$extends(gates.extension)
    const gate = gates.hold('update', 'before')
    const answered = readGates.hold('findUnique', 'after')
    const read = readDb.user.findUnique({ where: { id } }).then(row => row)
    await arrived
    const write = db.user.update({ where: { id }, data: { name: 'new' } }).then(row => row)
    await gate.arrived
    open()
    await answered.arrived
    gate.open()
    await write
    answered.open()
    expect((await read)?.name).toBe('old')
    await reader.flushed()
    await intentsEnd()
    return nameOf(world.process(), id)
  }

  it('though it takes its token after it', async () => {
    expect(await run(Store)).toBe('new')
  })

  it('(without asking for holds behind the token, the old row stays)', async () => {
    expect(await run(AsksOnce)).toBe('old')
  })
})

describe('an intent lasts as long as its write', () => {
  async function afterALongWrite(WriterStore: typeof Store) {
    const { id } = await newUser()
    const gates = new Gates()
    const writer = strict({ Store: WriterStore })
    const db = writer.prisma.$extends(gates.extension)
    const gate = gates.hold('update', 'before')
    const write = db.user.update({ where: { id }, data: { name: 'new' } }).then(row => row)
    await gate.arrived
    const left: number[] = []
    for (let i = 0; i < 20; i++) {
      await new Promise(resolve => setTimeout(resolve, HOLD_MS / 10))
      left.push(await world.redis.pttl(`${world.prefix}{User}@hold`))
    }
    gate.open()
    await write
    return left
  }

  it('longer than its TTL', async () => {
    expect(Math.min(...(await afterALongWrite(Store)))).toBeGreaterThan(0)
  })

  it('(without renewals it ends before)', async () => {
    expect(Math.min(...(await afterALongWrite(NeverRenews)))).toBe(-2)
  })

  it('and is put back where Redis has lost it, with what was filled meanwhile deleted', async () => {
    const { id } = await newUser()
    const gates = new Gates()
    const db = strict({ Store: Dies }).prisma.$extends(gates.extension)
    const reader = world.process({}, { parts: { holdMs: HOLD_MS } })
    const gate = gates.hold('update', 'before')
    const write = db.user.update({ where: { id }, data: { name: 'new' } }).then(row => row)
    await gate.arrived
    await world.evict()
    await warm(reader, id)
    await expect.poll(() => world.redis.exists(`${world.prefix}{User}@hold`)).toBe(1)
    gate.open()
    await write
    await intentsEnd()
    expect(await nameOf(reader, id)).toBe('new')
  })

  it('a transaction has it only for its COMMIT', async () => {
    const { id } = await newUser()
    const writer = strict()
    await writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id }, data: { name: 'new' } })
      expect(await world.redis.exists(`${world.prefix}{User}@hold`)).toBe(0)
    })
    await intentsEnd()
  })

  it.each([
    [
      'a write that the database refuses',
      async (db: CachedProcess['prisma']) => db.user.update({ where: { id: -1 }, data: { name: 'x' } }),
    ],
    [
      'a transaction that is rolled back',
      async (db: CachedProcess['prisma']) =>
        db.$transaction(async tx => {
          await tx.user.updateMany({ where: { id: -1 }, data: { name: 'x' } })
          throw new Error('no')
        }),
    ],
    [
      'a batch of which one write fails',
      async (db: CachedProcess['prisma']) =>
        db.$transaction([
          db.user.updateMany({ where: { id: -1 }, data: { name: 'x' } }),
          db.user.update({ where: { id: -1 }, data: { name: 'x' } }),
        ]),
    ],
  ])('%s leaves none', async (_title, write) => {
    await expect(write(strict({ holdMs: 60_000 }).prisma)).rejects.toThrow()
    expect((await world.keys()).filter(key => key.endsWith('@hold'))).toEqual([])
  })
})

describe('an intent names rows where it can', () => {
  it('reads of other rows are hits while it stands', async () => {
    const [one, other] = [await newUser(), await newUser()]
    const [gates, reader] = [new Gates(), world.process()]
    const db = strict().prisma.$extends(gates.extension)
    for (const { id } of [one, other]) await warm(reader, id)
    const gate = gates.hold('update', 'before')
    const write = db.user.update({ where: { id: one.id }, data: { name: 'new' } }).then(row => row)
    await gate.arrived
    const before = reader.prisma.$cache.stats().hits
    expect(await nameOf(reader, other.id)).toBe('old')
    expect(reader.prisma.$cache.stats().hits).toBe(before + 1)
    expect(await nameOf(reader, one.id)).toBe('old')
    expect(reader.prisma.$cache.stats().hits).toBe(before + 1)
    gate.open()
    await write
  })

  it('two writers of one row each have their own: the end of one does not end the other', async () => {
    const { id } = await newUser()
    const [gates, reader] = [new Gates(), world.process()]
    const slow = strict({ holdMs: 60_000 }).prisma.$extends(gates.extension)
    const quick = strict({ holdMs: 60_000 })
    const gate = gates.hold('update', 'after')
    const write = slow.user.update({ where: { id }, data: { name: 'slow' } }).then(row => row)
    await gate.arrived
    await quick.prisma.user.update({ where: { id }, data: { name: 'quick' } })
    await warm(reader, id)
    expect((await world.keys()).filter(key => key === `User:${id}`)).toEqual([])
    gate.open()
    await write
    await warm(reader, id)
    expect((await world.keys()).filter(key => key === `User:${id}`)).toHaveLength(1)
  })
})
