/** Entries that somebody wrote who knows the format: the database answers, and nothing of them reaches a log. */
import { channel } from 'node:diagnostics_channel'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { NOTHING, PAYLOAD_AT } from '../../src/wire/envelope.js'
import { withChecksum } from '../mutation/mutants.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
beforeAll(async () => {
  cached = world.process()
})

const SECRET = 'top-secret'
const secret = Buffer.from(SECRET)
/** A payload in the place of the one that is there, under the same head, with a checksum that is right. */
const with_ = (payload: Buffer) => (entry: Buffer) =>
  withChecksum(Buffer.concat([entry.subarray(0, PAYLOAD_AT), payload]))
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Each holds the secret, so that it shows where it gets to. */
const PAYLOADS: [string, Buffer][] = [
  ['cut off in the middle', Buffer.concat([hex('96 01 d9 ff'), secret])],
  ['with more behind it', Buffer.concat([hex('91 aa'), secret, NOTHING, NOTHING])],
  ['an array of four thousand million', Buffer.concat([hex('dd ffffffff aa'), secret])],
  ['a map of four thousand million', Buffer.concat([hex('df ffffffff aa'), secret])],
  ['a text of two gigabytes', Buffer.concat([hex('96 db 7fffffff'), secret])],
  ['bytes of four gigabytes', Buffer.concat([hex('96 c6 ffffffff'), secret])],
  ['a hundred thousand arrays in one another', Buffer.concat([hex('91'.repeat(100_000)), hex('aa'), secret])],
  ['an error in an extension', Buffer.concat([hex('d4 65 00 92 a5 4572726f72 aa'), secret])],
  ['a regular expression in an extension', Buffer.concat([hex('d4 78 00 92 aa'), secret, hex('a1 67')])],
  ['an extension that nobody knows', Buffer.concat([hex('c7 0a 55'), secret])],
  ['a pointer to something that is not there', Buffer.concat([hex('d6 70 00000001 aa'), secret])],
  ['nothing at all', Buffer.alloc(0)],
]

/** All that this process says while something runs: events, the diagnostics channel, the console, warnings. */
async function saidWhile(run: () => Promise<unknown>): Promise<string> {
  const words: unknown[] = []
  const listen = (word: unknown) => words.push(word)
  const off = cached.prisma.$cache.on(listen)
  const events = channel('prisma-extension-cache-aside')
  events.subscribe(listen)
  process.on('warning', listen)
  const spies = (['log', 'warn', 'error', 'info', 'debug'] as const).map(name =>
    vi.spyOn(console, name).mockImplementation((...args: unknown[]) => void words.push(args)),
  )
  try {
    await run()
  } finally {
    for (const spy of spies) spy.mockRestore()
    process.off('warning', listen)
    events.unsubscribe(listen)
    off()
  }
  return JSON.stringify(words, (_, value: unknown) => (value instanceof Error ? String(value.stack) : value))
}

describe.each(PAYLOADS)('an entry with a checksum that is right, and %s', (_, payload) => {
  it('a hostile entry at a row or a pointer: the database answers, and no message repeats its content', async () => {
    const { id, email } = await world.plain.user.create({ data: { email: `${Math.random()}@x.org`, name: 'v0' } })
    const read = async () => [
      (await cached.prisma.user.findUnique({ where: { id } }))?.name,
      (await cached.prisma.user.findUnique({ where: { email } }))?.name,
    ]
    await read()
    await cached.flushed()
    const keys = [`${world.prefix}User:${id}`, `${world.prefix}User.email:${email.replace('@', '%40')}`]
    for (const key of keys) {
      const entry = await world.redis.getBuffer(key)
      if (entry === null) throw new Error(`nothing at ${key}`)
      await world.redis.set(key, with_(payload)(entry), 'KEEPTTL')
    }
    const said = await saidWhile(async () => {
      expect(await read()).toEqual(['v0', 'v0'])
      await cached.flushed()
      expect(await read()).toEqual(['v0', 'v0'])
    })
    expect(said).not.toContain(SECRET)
  })

  it('a hostile entry at a value of getOrSet is fetched again or read as what it says, and no message of the decoder is passed on', async () => {
    const key = `k${Math.random()}`
    await cached.prisma.$cache.getOrSet(key, () => 'v0')
    await cached.flushed()
    const place = `${world.prefix}=${key}`
    const entry = await world.redis.getBuffer(place)
    if (entry === null) throw new Error(`nothing at ${place}`)
    await world.redis.set(place, with_(payload)(entry), 'KEEPTTL')
    const said = await saidWhile(() => cached.prisma.$cache.getOrSet(key, () => 'v1'))
    expect(said).not.toContain(SECRET)
  })
})
