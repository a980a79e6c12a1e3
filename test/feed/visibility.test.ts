/**
 * Postgres tells of a commit before other sessions see it. What is invalidated only when it is told of can be filled again with the row
 * as it was; what is invalidated only once it is seen is stale for longer. With synchronous replication that time is as long as one
 * likes: the commit waits for a replica that is not there.
 */
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { Rounds, type State } from '../../src/feed/rounds.js'
import { caughtUp, useFeeds } from '../support/feeds.js'
import { useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { inUse, nameOf, newUser } from '../support/users.js'
import { useWorld } from '../support/world.js'

const postgres = useShared(
  () => startPostgres(),
  server => server.stop(),
)
const world = useWorld({ databaseUrl: () => postgres.url })
const newFeed = useFeeds(world)

/** Only when it is told of. */
class EarlyOnly extends Rounds {
  protected override get afterFirst(): State {
    return 'done'
  }
}

/** Only once it is seen. */
class LateOnly extends Rounds {
  protected override isMeant(state: State): boolean {
    return state === 'seen'
  }
}

/** Looks what can be seen when the test says so. */
function lookingLate(Base: typeof Rounds) {
  const gate = { open: () => {}, isHeld: false, arrived: false }
  const Late = class extends Base {
    protected override async look(): Promise<void> {
      if (gate.isHeld) {
        await new Promise<void>(resolve => {
          gate.open = resolve
          gate.arrived = true
        })
      }
      return super.look()
    }
  }
  return { gate, Late }
}

/** A session of its own, as `psql` has one. */
async function session(): Promise<Client> {
  const client = new Client({ connectionString: world.databaseUrl })
  await client.connect()
  return client
}

async function configure(admin: Client, setting: string): Promise<void> {
  await admin.query(`ALTER SYSTEM ${setting}`)
  await admin.query('SELECT pg_reload_conf()')
}

/** The setting is in force once a commit waits: each process of Postgres reads it at a time of its own. */
async function commitsWait(admin: Client): Promise<void> {
  const waiting = async () =>
    (await admin.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()`))
      .rowCount
  await expect
    .poll(async () => {
      const probe = await session()
      const ended = probe.query(`SELECT pg_logical_emit_message(true, 'probe', '')`).then(() => {
        void probe.end()
        return true
      })
      while (!(await Promise.race([ended, nextLook()]))) if ((await waiting()) !== 0) return true
      return false
    })
    .toBe(true)
}

const nextLook = () => new Promise<false>(resolve => setTimeout(resolve, 10, false))

/** What a reader answers that has loaded the row between the moment when it was told of and the one when it was seen. */
async function filledInBetween(parts: typeof Rounds): Promise<string | null | undefined> {
  const feed = newFeed({}, { Rounds: parts })
  await feed.start()
  const reader = world.process()
  const id = await newUser(world)
  await caughtUp(feed)
  await inUse(reader, id)
  const [admin, writer] = [await session(), await session()]
  const key = `${world.prefix}User:${id}`
  try {
    await configure(admin, `SET synchronous_standby_names = 'nobody'`)
    await commitsWait(admin)
    const writing = writer.query(`UPDATE "User" SET name = 'v1' WHERE id = ${id}`)
    if (parts !== LateOnly) {
      // Told of, and invalidated; its commit still waits.
      await expect.poll(() => world.redis.exists(key)).toBe(0)
    }
    await expect
      .poll(async () => {
        await reader.prisma.user.findUnique({ where: { id } })
        await reader.flushed()
        return world.redis.strlen(key)
      })
      .toBeGreaterThan(20)
    expect(await nameOf(reader, id)).toBe('v0')
    await configure(admin, 'RESET synchronous_standby_names')
    await writing
    await caughtUp(feed)
    return await nameOf(reader, id)
  } finally {
    await configure(admin, 'RESET synchronous_standby_names')
    await Promise.all([admin.end(), writer.end()])
    await feed.stop()
  }
}

it('what is filled before a commit can be seen is invalidated once it can', async () => {
  expect(await filledInBetween(Rounds)).toBe('v1')
})

it('(invalidated only when it is told of: stale)', async () => {
  expect(await filledInBetween(EarlyOnly)).toBe('v0')
})

/** What a reader answers after the commit, while the feed has not looked yet whether it can be seen. */
async function beforeTheLook(parts: typeof Rounds): Promise<string | null | undefined> {
  const { gate, Late } = lookingLate(parts)
  const feed = newFeed({}, { Rounds: Late })
  await feed.start()
  const reader = world.process()
  const id = await newUser(world)
  await caughtUp(feed)
  await inUse(reader, id)
  gate.isHeld = true
  const writer = await session()
  try {
    await writer.query(`UPDATE "User" SET name = 'v1' WHERE id = ${id}`)
    if (parts === Rounds) await expect.poll(() => world.redis.exists(`${world.prefix}User:${id}`)).toBe(0)
    // It has been told of: the feed waits for the look.
    await expect.poll(() => gate.arrived).toBe(true)
    return await nameOf(reader, id)
  } finally {
    gate.isHeld = false
    gate.open()
    await writer.end()
    await feed.stop()
  }
}

it('what is committed is invalidated at once, before it is looked whether it can be seen', async () => {
  expect(await beforeTheLook(Rounds)).toBe('v1')
})

it('(invalidated only once it is seen: stale until it is looked)', async () => {
  expect(await beforeTheLook(LateOnly)).toBe('v0')
})
