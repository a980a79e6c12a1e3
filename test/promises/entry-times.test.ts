import { crc32 } from 'node:zlib'
import { expect, it, vi } from 'vitest'
import { serverInfoOf } from '../../src/redis/server-info.js'
import { ServerClock } from '../../src/redis/server-clock.js'
import { FILL } from '../../src/redis/scripts.js'
import { expiryOf, guardOf, hasToken, Kind, loadMsOf, PAYLOAD_AT } from '../../src/wire/envelope.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()

const HOUR = 3_600_000
/** More than a round trip on a busy machine takes, and far less than what the clocks below are off. */
const TOLERANCE = 60_000

async function aUser(): Promise<number> {
  return (await world.plain.user.create({ data: { email: `${Math.random()}@x.org` } })).id
}

async function entryOf(id: number): Promise<Buffer> {
  return (await world.redis.getBuffer(`${world.prefix}User:${id}`)) ?? Buffer.alloc(0)
}

const readOf =
  ({ prisma }: CachedProcess) =>
  (id: number) =>
    prisma.user.findUnique({ where: { id } })

it('an entry says when Redis ends it, by the clock of Redis, also where that of the process is wrong', async () => {
  vi.spyOn(Date, 'now').mockImplementation(() => performance.timeOrigin + performance.now() - 10 * HOUR)
  try {
    const cached = world.process({ models: { User: '1h' } })
    const id = await aUser()
    await readOf(cached)(id)
    await cached.flushed()
    const [endsAt, entry] = await Promise.all([world.redis.pexpiretime(`${world.prefix}User:${id}`), entryOf(id)])
    expect(endsAt).toBeGreaterThan(0)
    expect(Math.abs(expiryOf(entry) - endsAt)).toBeLessThan(TOLERANCE)
  } finally {
    vi.restoreAllMocks()
  }
})

it('the clock of Redis is what the server has said, in the middle of the round trip', () => {
  const now = vi.spyOn(performance, 'now')
  try {
    const clock = new ServerClock()
    now.mockReturnValue(1_000)
    clock.learn(50_000, 980)
    expect(clock.now()).toBe(50_010)
    now.mockReturnValue(1_500)
    expect(clock.now()).toBe(50_510)
  } finally {
    now.mockRestore()
  }
  expect(serverInfoOf('server_time_usec:1795000000123456\r\n').timeMs).toBe(1_795_000_000_123.456)
  expect(serverInfoOf('').timeMs).toBeUndefined()
})

it('where Redis tells no time, the clock of the process counts', () => {
  vi.spyOn(Date, 'now').mockReturnValue(77)
  expect(new ServerClock().now()).toBe(77)
  vi.restoreAllMocks()
})

it('an entry says what its load took', async () => {
  const cached = world.process()
  const value = () => new Promise(resolve => setTimeout(resolve, 30, 'value'))
  await cached.prisma.$cache.getOrSet('slow', value)
  await cached.flushed()
  expect(loadMsOf((await world.redis.getBuffer(`${world.prefix}=slow`)) as Buffer)).toBeGreaterThanOrEqual(29)
})

/** The same entry as the version before the times wrote it. */
function withoutTimes(entry: Buffer): Buffer {
  const old = Buffer.concat([entry.subarray(0, 54), entry.subarray(PAYLOAD_AT)])
  old[53] = (entry[53] as number) - 16
  old.writeUInt32BE(crc32(old.subarray(53)), 49)
  return old
}

/** What the version before the times made of a row: the payload, or a miss. */
function readWithoutTimes(entry: Buffer, under: { readonly rows: Buffer; readonly any: Buffer }): Buffer | undefined {
  if (entry.length <= 54 || entry[0] !== 0x97 || !hasToken(entry)) return undefined
  if (entry.readUInt32BE(49) !== crc32(entry.subarray(53))) return undefined
  const kind = entry[53]
  const epoch = kind === 1 ? under.rows : under.any
  if (!entry.subarray(32, 48).equals(epoch.subarray(4, 20))) return undefined
  return kind === 1 || kind === 3 ? entry.subarray(54) : undefined
}

async function epochs() {
  const [rows, any] = await Promise.all(
    ['rows', 'any'].map(name => world.redis.getBuffer(`${world.prefix}{User}@${name}`)),
  )
  return { rows: rows as Buffer, any: any as Buffer }
}

it('an entry of the version without times is a miss and is replaced, under its own token and the epochs that are there', async () => {
  const cached = world.process()
  const read = readOf(cached)
  const id = await aUser()
  await read(id)
  await cached.flushed()
  const made = await entryOf(id)
  const before = await epochs()
  const old = withoutTimes(made)
  expect(readWithoutTimes(old, before)).toEqual(made.subarray(PAYLOAD_AT))
  await world.redis.set(`${world.prefix}User:${id}`, old, 'PX', 60_000)

  expect(await cached.countSql(() => read(id))).toBe(1)
  await cached.flushed()
  const replaced = await entryOf(id)
  expect(replaced[53]).toBe(Kind.row)
  expect(guardOf(replaced)).toEqual(guardOf(old))
  expect(await epochs()).toEqual(before)
  expect(await cached.countSql(() => read(id))).toBe(0)
})

it('what a process has stored that has no times is deleted by a write, and the load that it overtook fills nothing', async () => {
  const cached = world.process()
  const read = readOf(cached)
  const id = await aUser()
  await read(id)
  await cached.flushed()
  const old = withoutTimes(await entryOf(id))
  await world.redis.set(`${world.prefix}User:${id}`, old, 'PX', 60_000)
  await cached.prisma.user.update({ where: { id }, data: { name: 'new' } })
  expect(await entryOf(id)).toHaveLength(0)
  // The fill of a process of the old version, under the token from before the write.
  expect(await world.redis.eval(FILL, 1, `${world.prefix}User:${id}`, guardOf(old), old, 60_000)).toBe(0)
  expect((await read(id))?.name).toBe('new')
})

it('a process of the version without times takes an entry for a miss, and fills under its token', async () => {
  const cached = world.process()
  const read = readOf(cached)
  const id = await aUser()
  await read(id)
  await cached.flushed()
  const entry = await entryOf(id)
  expect(readWithoutTimes(entry, await epochs())).toBeUndefined()
  expect(hasToken(entry)).toBe(true)
  const old = withoutTimes(entry)
  expect(await world.redis.eval(FILL, 1, `${world.prefix}User:${id}`, guardOf(entry), old, 60_000)).toBe(1)
  expect(await entryOf(id)).toEqual(old)
  // And back: the next read of this version replaces it again.
  expect(await cached.countSql(() => read(id))).toBe(1)
  await cached.flushed()
  expect(await cached.countSql(() => read(id))).toBe(0)
})
