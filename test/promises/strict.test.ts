/**
 * Strict mode: an intent stands from before the commit until the invalidation. Each promise is also run without its guard, or in
 * standard mode, where it has to be broken.
 */
import { Redis } from 'ioredis'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { Store } from '../../src/redis/store.js'
import { complete } from '../../src/wire/envelope.js'
import { everyWrite } from '../support/every-write.js'
import { Gates } from '../support/gates.js'
import { Oracle } from '../support/oracle.js'
import { type Seeded, seed } from '../support/seed.js'
import { type CachedProcess, createWorld, useWorld } from '../support/world.js'

const world = useWorld()

/** Short, so that a test can see an intent end. */
const HOLD_MS = 200

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

  it('a link that raw SQL sets', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const followers = async () =>
      reader.prisma.user.findUnique({ where: { id: b.id }, select: { followers: { select: { id: true } } } })
    await warm(reader, a.id)
    expect(await followers()).toEqual({ followers: [] })
    await reader.flushed()
    await writer.prisma.$executeRaw`INSERT INTO "_Follows" ("A", "B") VALUES (${b.id}, ${a.id})`
    const truth = await world.plain.user.findUnique({
      where: { id: b.id },
      select: { followers: { select: { id: true } } },
    })
    expect(truth?.followers).toHaveLength(1)
    await intentsEnd()
    expect(await followers()).toEqual(truth)
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
    // The epochs are there, so that the reader takes the token of the row alone.
    await warm(world.process(), (await newUser()).id)
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

describe('onIntentFailure', () => {
  /** Redis refuses nothing and answers nothing: it is not there. */
  const unreachable = (options: Partial<CacheAsideOptions> = {}) =>
    world.process({
      consistency: 'strict',
      invalidationDeadlineMs: 50,
      redis: new Redis(1, { retryStrategy: () => null }),
      ...options,
    })

  const WRITES: [title: string, write: (db: CachedProcess['prisma'], id: number) => Promise<unknown>][] = [
    ['update', async (db, id) => db.user.update({ where: { id }, data: { name: 'new' } })],
    ['updateMany', async (db, id) => db.user.updateMany({ where: { id }, data: { name: 'new' } })],
    ['raw SQL', async (db, id) => db.$executeRaw`UPDATE "User" SET name = 'new' WHERE id = ${id}`],
    [
      'a batch transaction',
      async (db, id) =>
        db.$transaction([db.post.count(), db.user.update({ where: { id }, data: { name: 'new' } }), db.post.count()]),
    ],
    [
      'an interactive transaction',
      async (db, id) => db.$transaction(async tx => tx.user.update({ where: { id }, data: { name: 'new' } })),
    ],
  ]

  it.each(WRITES)('reject: %s is refused, and the database keeps what it had', async (_title, write) => {
    const { id } = await newUser()
    const { prisma } = unreachable({ onIntentFailure: 'reject' })
    await expect(write(prisma, id)).rejects.toMatchObject({ name: 'CacheAsideError', code: 'INTENT_REFUSED' })
    expect((await world.plain.user.findUnique({ where: { id } }))?.name).toBe('old')
    // And nothing of it waits for ever: the client goes on.
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'old' })
  })

  it.each(WRITES)('proceed: %s goes on as in standard mode, and an event says so once', async (_title, write) => {
    const { id } = await newUser()
    const { prisma } = unreachable()
    const errors: string[] = []
    prisma.$cache.on(event => {
      if (event.type === 'error') errors.push(event.code)
    })
    await write(prisma, id)
    await write(prisma, id)
    expect((await world.plain.user.findUnique({ where: { id } }))?.name).toBe('new')
    expect(errors.filter(code => code === 'INTENT_FAILED')).toHaveLength(1)
  })

  it('models in standard mode are written whatever Redis does', async () => {
    const { id } = await newUser()
    const { prisma } = unreachable({
      consistency: 'standard',
      onIntentFailure: 'reject',
      models: { User: true, Post: { consistency: 'strict' } },
    })
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    await expect(prisma.post.updateMany({ where: { id: -1 }, data: { title: 'x' } })).rejects.toThrow(/onIntentFailure/)
  })
})

describe('writeThrough', () => {
  const through = (options: Partial<CacheAsideOptions> = {}, parts: Partial<Overrides> = {}) =>
    world.process({ consistency: 'strict', writeThrough: true, ...options }, { parts })

  /** What another process reads, and whether that took a statement. */
  async function readElsewhere(id: number) {
    const reader = world.process()
    // Until the database has said who may read what.
    await warm(reader, (await newUser()).id)
    await reader.prisma.user.findUnique({ where: { id: -1 } })
    let row: unknown
    const statements = await reader.countSql(async () => {
      row = await reader.prisma.user.findUnique({ where: { id } })
    })
    expect(row).toEqual(await world.plain.user.findUnique({ where: { id } }))
    return statements === 0 ? 'hit' : 'miss'
  }

  async function ready(writer: CachedProcess): Promise<CachedProcess> {
    await warm(writer, (await newUser()).id)
    return writer
  }

  type Db = CachedProcess['prisma']
  const email = () => `${crypto.randomUUID()}@x.org`
  const STORED: [title: string, write: (db: Db, user: { id: number; email: string }) => Promise<{ id: number }>][] = [
    ['update by key', async (db, { id }) => db.user.update({ where: { id }, data: { name: 'new' } })],
    [
      'update by another unique',
      async (db, user) => db.user.update({ where: { email: user.email }, data: { name: 'new' } }),
    ],
    ['create', async db => db.user.create({ data: { email: email(), name: 'new' } })],
    [
      'create with an id',
      async db => db.user.create({ data: { id: 900_000 + Math.trunc(Math.random() * 90_000), email: email() } }),
    ],
    [
      'upsert that updates',
      async (db, { id }) => db.user.upsert({ where: { id }, create: { email: email() }, update: { name: 'new' } }),
    ],
    [
      'an update of the e-mail address',
      async (db, { id }) => db.user.update({ where: { id }, data: { email: email() } }),
    ],
  ]
  it.each(STORED)('%s: the next read of the row, in any process, is a hit', async (_title, write) => {
    const { prisma } = await ready(through())
    const { id } = await write(prisma, await newUser())
    expect(await readElsewhere(id)).toBe('hit')
  })

  it('(without writeThrough it is a miss)', async () => {
    const { prisma } = await ready(through({ writeThrough: false }))
    const { id } = await newUser()
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect(await readElsewhere(id)).toBe('miss')
  })

  const NOT_STORED: [title: string, write: (db: Db, id: number) => Promise<unknown>][] = [
    ['with select', async (db, id) => db.user.update({ where: { id }, data: { name: 'new' }, select: { name: true } })],
    ['with omit', async (db, id) => db.user.update({ where: { id }, data: { name: 'new' }, omit: { email: true } })],
    ['updateMany', async (db, id) => db.user.updateMany({ where: { id }, data: { name: 'new' } })],
    ['in a batch', async (db, id) => db.$transaction([db.user.update({ where: { id }, data: { name: 'new' } })])],
    [
      'in a transaction that is rolled back',
      async (db, id) =>
        db
          .$transaction(async tx => {
            await tx.user.update({ where: { id }, data: { name: 'new' } })
            throw new Error('no')
          })
          .catch(() => {}),
    ],
    [
      'with a nested write',
      async (db, id) =>
        db.user.update({ where: { id }, data: { name: 'new', posts: { create: { title: 't', slug: email() } } } }),
    ],
    [
      'with a query hook behind the cache',
      async (db, id) =>
        db
          .$extends({
            query: {
              user: {
                async update({ args, query }) {
                  return { ...(await query(args)), name: 'changed' }
                },
              },
            },
          })
          .user.update({ where: { id }, data: { name: 'new' } }),
    ],
    [
      'with a computed field in the place of a column',
      async (db, id) =>
        db
          .$extends({ result: { user: { name: { needs: { id: true }, compute: () => 'computed' } } } })
          .user.update({ where: { id }, data: { name: 'new' } }),
    ],
  ]
  it.each(NOT_STORED)('%s: nothing is stored, and the next read is right', async (_title, write) => {
    const { prisma } = await ready(through())
    const { id } = await newUser()
    await write(prisma, id)
    expect(await readElsewhere(id)).toBe('miss')
  })

  it('on a table with an AFTER trigger nothing is stored', async () => {
    const other = await createWorld()
    try {
      await other.plain.$executeRaw`CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE "User" SET name = 'by the trigger' WHERE id = NEW.id AND name = 'new'; RETURN NULL; END $$`
      await other.plain.$executeRaw`CREATE TRIGGER later AFTER UPDATE ON "User" FOR EACH ROW EXECUTE FUNCTION later()`
      const writer = await ready(other.process({ consistency: 'strict', writeThrough: true }))
      const { id } = await other.plain.user.create({ data: { email: email() } })
      await writer.prisma.user.update({ where: { id }, data: { name: 'new' } })
      expect(await writer.prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'by the trigger' })
    } finally {
      await other.close()
    }
  })

  /** Stores what its write has returned, whoever else has written. */
  class Unguarded extends Store {
    override async invalidate(...[stale, release]: Parameters<Store['invalidate']>): ReturnType<Store['invalidate']> {
      const outcome = await super.invalidate(stale, release)
      const { row } = release ?? {}
      if (row !== undefined) {
        const entry = complete(row.entry, { expiresAt: Date.now() + row.ttlMs, loadMs: 0, graceMs: 0 })
        await world.redis.set(row.key, entry, 'PX', Math.ceil(row.ttlMs))
      }
      return outcome
    }
  }

  /**
   * Two writers of one row, each with its own intent. The first has committed, and is held before its release.
   *
   * @param second - what the other one does meanwhile
   */
  async function afterTwo(FirstStore: typeof Store, second: (db: Db, id: number) => Promise<unknown>) {
    const { id } = await newUser()
    const gates = new Gates()
    // The gate is in front of Prisma for the test, not for the cache.
    const first = await ready(through({}, { Store: FirstStore, hasHooksBehind: () => false }))
    const other = await ready(through())
    const gate = gates.hold('update', 'after')
    const write = first.prisma.$extends(gates.extension).user.update({ where: { id }, data: { name: 'first' } })
    const written = write.then(row => row)
    await gate.arrived
    await second(other.prisma, id)
    gate.open()
    await written
    return readElsewhere(id)
  }

  const SECOND: [title: string, write: (db: Db, id: number) => Promise<unknown>][] = [
    ['by its key', async (db, id) => db.user.update({ where: { id }, data: { name: 'second' } })],
    ['without its name', async db => db.user.updateMany({ data: { name: 'second' } })],
    [
      'in a transaction',
      async (db, id) => db.$transaction(async tx => tx.user.update({ where: { id }, data: { name: 'second' } })),
    ],
    ['by raw SQL', async db => db.$executeRaw`UPDATE "User" SET name = 'second'`],
  ]
  it.each(SECOND)(
    'of two writers, the one that has committed first stores nothing (the other: %s)',
    async (_title, second) => {
      expect(await afterTwo(Store, second)).toBe('miss')
    },
  )

  it('of two writers, neither stores while the other goes on', async () => {
    const { id } = await newUser()
    const gates = new Gates()
    const [slow, quick] = [await ready(strict({ holdMs: 60_000 })), await ready(through())]
    const gate = gates.hold('update', 'before')
    const write = slow.prisma.$extends(gates.extension).user.update({ where: { id }, data: { name: 'slow' } })
    const written = write.then(row => row)
    await gate.arrived
    await quick.prisma.user.update({ where: { id }, data: { name: 'quick' } })
    expect((await world.keys()).filter(key => key === `User:${id}`)).toEqual([])
    gate.open()
    await written
  })

  it.each(SECOND.slice(0, 1))('(without its guard, the older row is stored)', async (_title, second) => {
    await expect(afterTwo(Unguarded, second)).rejects.toThrow(/to deeply equal/)
  })

  it('a writer in standard mode takes its place as well', async () => {
    const standard = world.process({ consistency: 'standard' })
    await ready(standard)
    const outcome = afterTwo(Store, async (_db, id) =>
      standard.prisma.user.update({ where: { id }, data: { name: 'second' } }),
    )
    expect(await outcome).toBe('miss')
  })
})
