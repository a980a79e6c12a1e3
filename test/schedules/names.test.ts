/**
 * Names of rows and lists come from args and from RETURNING, never from a row that Prisma read before it wrote: between the
 * two another process may have moved the row. Here it does: its transaction holds the row back that the write has to change.
 */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CachedProcess, useWorld } from '../support/world.js'
import { withoutRule } from '../support/without-rule.js'

type Db = Pick<CachedProcess['prisma'], 'user' | 'post' | 'order'>

interface Schedule {
  /** Rows are moved by another process. */
  readonly move: (db: Db) => Promise<unknown>
  /** The write that has read where they were, and waits for that. */
  readonly write: (db: Db) => Promise<unknown>
  /** What the other process keeps before the write is committed. */
  readonly read: (db: Db) => Promise<unknown>
  /** The rule without which it is kept. */
  readonly rule: 'child' | 'moved'
}

const SCHEDULES: Record<string, Schedule> = {
  'an author, written through a post that had been theirs': {
    move: async db => {
      await db.post.update({ where: { id: 1 }, data: { authorId: 2 } })
      await db.user.update({ where: { id: 1 }, data: { name: 'waited for' } })
    },
    write: async db => db.post.update({ where: { id: 1 }, data: { author: { update: { name: 'new' } } } }),
    read: async db => db.user.findUnique({ where: { id: 1 } }),
    rule: 'child',
  },
  'an order, written through a customer whose it had been': {
    move: async db => db.order.update({ where: { id: 1 }, data: { customerId: 2 } }),
    write: async db =>
      db.user.update({
        where: { id: 1 },
        data: { orders: { update: { where: { id: 1 }, data: { status: 'SHIPPED' } } } },
      }),
    read: async db => db.user.findUnique({ where: { id: 2 } }).orders(),
    rule: 'moved',
  },
  'an order, deleted through a customer whose it had been': {
    move: async db => db.order.update({ where: { id: 1 }, data: { customerId: 2 } }),
    write: async db => db.user.update({ where: { id: 1 }, data: { orders: { delete: { id: 1 } } } }),
    read: async db => db.user.findUnique({ where: { id: 2 } }).orders(),
    rule: 'moved',
  },
  'an order, deleted with its customer in the answer': {
    move: async db => db.order.update({ where: { id: 1 }, data: { customerId: 2 } }),
    write: async db => db.order.delete({ where: { id: 1 }, include: { customer: true } }),
    read: async db => db.user.findUnique({ where: { id: 2 } }).orders(),
    rule: 'moved',
  },
}

const world = useWorld()
let mover: CachedProcess
let writer: CachedProcess
let unguarded: Record<Schedule['rule'], CachedProcess>

beforeAll(async () => {
  mover = world.process()
  writer = world.process()
  const of = (rule: string) => world.process({}, { parts: withoutRule(rule) })
  unguarded = { child: of('child'), moved: of('moved') }
})

beforeEach(async () => {
  await world.evict()
  await world.plain.$executeRaw`TRUNCATE "User", "orders" CASCADE`
  await world.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: 'old' })) })
  await world.plain.post.create({ data: { id: 1, title: 'old', slug: 'old', authorId: 1 } })
  await world.plain.order.createMany({
    data: [
      { id: 1, number: 'first', customerId: 1 },
      { id: 2, number: 'second', customerId: 2 },
    ],
  })
})

/** What the mover reads after the write, and what is true. */
async function play({ move, write, read }: Schedule, by: CachedProcess): Promise<{ cached: unknown; truth: unknown }> {
  const moved = gate()
  const written = gate()
  const commit = { move: gate(), write: gate() }
  const moving = mover.prisma.$transaction(
    async tx => {
      await move(tx as Db)
      moved.open()
      await commit.move.opened
    },
    { timeout: 30_000 },
  )
  await moved.opened
  const writing = by.prisma.$transaction(
    async tx => {
      await write(tx as Db)
      written.open()
      await commit.write.opened
    },
    { timeout: 30_000 },
  )
  const waiting = () =>
    world.plain
      .$queryRaw`SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
  await expect.poll(waiting).toHaveLength(1)
  commit.move.open()
  await moving
  await Promise.race([written.opened, writing])
  await read(mover.prisma)
  await mover.flushed()
  commit.write.open()
  await writing
  return { cached: await read(mover.prisma), truth: await read(world.plain as unknown as Db) }
}

function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {}
  const opened = new Promise<void>(resolve => (open = resolve))
  return { open, opened }
}

describe.each(Object.entries(SCHEDULES))('%s', (_, schedule) => {
  it('a row or list that a write changes during its load is not kept stale', async () => {
    const { cached, truth } = await play(schedule, writer)
    expect(cached).toEqual(truth)
  })

  it(`(without the rule ${schedule.rule}, it is kept stale)`, async () => {
    const { cached, truth } = await play(schedule, unguarded[schedule.rule])
    expect(cached).not.toEqual(truth)
  })
})
