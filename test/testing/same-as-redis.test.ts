/**
 * The stand-in answers what a real Redis answers: random programs of commands are sent to both. A failure shows the program, made
 * smaller, and the seed that repeats it: `SEED=… npx vitest run test/testing/same-as-redis.test.ts`. `RUNS=…` sends
 * more programs.
 */
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClientClass, connectedTo } from '../../src/testing/client.js'
import { MemoryServer } from '../../src/testing/server.js'
import { FILL } from '../../src/redis/scripts.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { programs } from './programs.js'
import { differenceIn, type Pair, type Words } from './run.js'

const RUNS = Number(process.env['RUNS'] ?? 150)
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

let server: RedisServer
beforeAll(async () => {
  server = await startRedis() // of our own: it is flushed, and made full
})
afterAll(() => server.stop())

describe.each([
  ['ioredis 6', Redis as ClientClass],
  ['ioredis 5', Redis5 as unknown as ClientClass],
])('over a client of %s, the stand-in', (_name, Client) => {
  let pair: Pair
  beforeAll(() => {
    const real = (options = {}) => new Client({ ...options, port: Number(new URL(server.url).port), host: '127.0.0.1' })
    pair = { real: real(), admin: real(), memory: connectedTo(new MemoryServer(), Client, {}) }
  })
  afterAll(() => {
    for (const client of Object.values(pair) as Redis[]) client.disconnect()
  })

  it('answers each command of a random program as a real Redis does', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(programs, async program => {
      expect(await differenceIn(pair, program)).toBeUndefined()
    })
    await fc.assert(property, { seed, numRuns: RUNS })
  })

  /** What a stand-in with a fault would have understood. */
  const faults: readonly (readonly [string, (words: Words) => Words])[] = [
    [
      'PEXPIRE ignores GT',
      words => (words[0] === 'pexpire' ? words.filter(word => String(word).toUpperCase() !== 'GT') : words),
    ],
    [
      'SET ignores NX',
      words => (words[0] === 'set' ? words.filter(word => String(word).toUpperCase() !== 'NX') : words),
    ],
    ['DEL forgets the last key', words => (words[0] === 'del' && words.length > 2 ? words.slice(0, -1) : words)],
    [
      'a fill has no guard',
      words =>
        words[1] === FILL && words.length === 7
          ? ['eval', FILL, '1', words[3] ?? '', '', words[5] ?? '', words[6] ?? '']
          : words,
    ],
    [
      'the fleet forgets to whom the keys belong',
      words => (String(words[1]).startsWith('#!lua') ? words.with(4, '') : words),
    ],
  ]
  it.each(faults)('(control: where %s, a difference is found)', { timeout: 120_000 }, async (_fault, broken) => {
    const property = fc.asyncProperty(programs, async program => {
      expect(await differenceIn(pair, program, broken)).toBeUndefined()
    })
    const { failed } = await fc.check(property, { seed, numRuns: RUNS, endOnFailure: true })
    expect(failed).toBe(true)
  })
})
