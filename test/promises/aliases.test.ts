/** Postgres finds one row under many texts. Whatever the spelling, the answer is the one that plain Prisma gives to it alone. */
import { beforeAll, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { delegate, outcome } from '../support/delegates.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const { Decimal } = Prisma
const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const at = (text: string) => new Date(text)

/** The id as it is written, and texts for it: most find the row, some find none, some are refused. */
const types: [model: string, id: unknown, spellings: unknown[]][] = [
  ['AliasInt', 42, [42, 42.5, 42n, '42', 43]],
  ['AliasInt', 0, [0, -0]],
  ['AliasSmallInt', 7, [7, 7.5, 70_000]],
  ['AliasBigInt', 42n, [42n, 42, '42', 42.5]],
  ['AliasBigInt', 9_007_199_254_740_993n, [9_007_199_254_740_993n, '9007199254740993', 9_007_199_254_740_992n]],
  [
    'AliasBoolean',
    { id: true, part: 1 },
    [
      { id: true, part: 1 },
      { id: true, part: 1.5 },
      { id: false, part: 1 },
    ],
  ],
  ['AliasUuid', UUID, [UUID, UUID.toUpperCase(), `{${UUID}}`, UUID.replaceAll('-', ''), ` ${UUID}`, 'none']],
  ['AliasText', 'Ab', ['Ab', 'ab', 'Ab ', ' Ab']],
  ['AliasVarChar', 'Ab', ['Ab', 'ab', 'Ab ', 'x'.repeat(50)]],
  ['AliasChar', 'Ab', ['Ab   ', 'Ab', 'Ab ', 'Ab        ', 'ab']],
  ['AliasCitext', 'Ada', ['Ada', 'ada', 'ADA', 'Ada ']],
  ['AliasCollated', 'Ada', ['Ada', 'ada', 'ADA', 'Ada ']],
  ['AliasCollated', 'é', ['é', 'e\u0301', 'É']],
  ['AliasDecimal', '1.5', ['1.5', '1.50', 1.5, '+1.5', '15e-1', '01.5', '1.500', new Decimal('1.50'), '1.501']],
  ['AliasDecimal', '0', ['0', 0, -0, '-0', '0.00', new Decimal(0), new Decimal('-0')]],
  ['AliasDecimal', '99999999.99', ['99999999.99', new Decimal('99999999.99'), 99_999_999.99]],
  ['AliasDecimalDefault', '1.5', ['1.5', '1.50', 1.5, '15e-1', new Decimal('1.5')]],
  ['AliasDecimalDefault', '1e-30', ['1e-30', new Decimal('1e-30'), '0.000000000000000000000000000001', 1e-30]],
  ['AliasDecimalFree', '1.50', ['1.5', '1.50', 1.5, '15e-1', new Decimal('1.5')]],
  ['AliasDecimalFree', '1e25', ['1e25', '10000000000000000000000000', 1e25, new Decimal('1e25')]],
  ['AliasFloat', 0.1, [0.1, '0.1', 0.100_000_000_000_000_01]],
  ['AliasReal', 0.1, [0.1, 0.100_000_000_1, 0.2]],
  [
    'AliasTimestamp0',
    at('2024-01-01T00:00:00Z'),
    [at('2024-01-01T00:00:00Z'), '2024-01-01T00:00:00Z', '2024-01-01T01:00:00+01:00', at('2024-01-01T00:00:00.400Z')],
  ],
  [
    'AliasTimestamp3',
    at('2024-01-01T00:00:00.123Z'),
    [at('2024-01-01T00:00:00.123Z'), '2024-01-01T01:00:00.123+01:00', '2024-01-01T00:00:00.123400Z'],
  ],
  ['AliasTimestamp3', at('0001-01-01T00:00:00.001Z'), [at('0001-01-01T00:00:00.001Z'), '0001-01-01T00:00:00.001Z']],
  [
    'AliasTimestamp6',
    '2024-01-01T00:00:00.123456Z',
    ['2024-01-01T00:00:00.123456Z', at('2024-01-01T00:00:00.123Z'), '2024-01-01T00:00:00.123999Z'],
  ],
  [
    'AliasTimestamptz3',
    at('2024-01-01T00:00:00.123Z'),
    [at('2024-01-01T00:00:00.123Z'), '2024-01-01T01:00:00.123+01:00'],
  ],
  ['AliasDate', at('2024-01-01'), [at('2024-01-01'), at('2024-01-01T12:00:00Z'), '2024-01-01T23:00:00Z']],
  [
    'AliasTime3',
    at('1970-01-01T12:00:00.123Z'),
    [at('1970-01-01T12:00:00.123Z'), at('2024-01-01T12:00:00.123Z'), '1970-01-01T12:00:00.123Z'],
  ],
  [
    'AliasBytes',
    new Uint8Array([1, 255]),
    [new Uint8Array([1, 255]), Buffer.from([1, 255]), new Uint8Array([0, 1, 255, 0]).subarray(1, 3), 'Af8='],
  ],
  ['AliasEnum', 'DARK', ['DARK', 'LIGHT', 'dark:shade', 'dark']],
  ['AliasInet', '10.0.0.1', ['10.0.0.1', '10.0.0.1/32', '10.0.0.2']],
  ['AliasBit', '1010', ['1010', 'b1010', '1011']],
  ['AliasVarBit', '1010', ['1010', 'b1010', '10100']],
]

const world = useWorld()
let cached: CachedProcess
let other: CachedProcess

beforeAll(async () => {
  const models = Object.fromEntries(types.map(([model]) => [model, true as const]))
  cached = world.process({ models })
  other = world.process({ models })
})

const whereOf = (model: string, id: unknown) => ({ where: model === 'AliasBoolean' ? { id_part: id } : { id } })
const read = (client: object, model: string, id: unknown) =>
  outcome(delegate(client, model).findUnique(whereOf(model, id)))
const shown = (value: unknown) =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? String(value)

const isRow = (answer: unknown) => ((answer as { value?: unknown }).value ?? null) !== null
const isRefused = (answer: unknown) => 'error' in (answer as object)

describe.each(types)('%s %o', (model, id, spellings) => {
  async function truths(): Promise<unknown[]> {
    const answers: unknown[] = []
    for (const spelling of spellings) answers.push(await read(world.plain, model, spelling))
    return answers
  }

  /** Every spelling alone, through both processes, whatever is in the cache and then warm. */
  async function check(): Promise<void> {
    const truth = await truths()
    for (const client of [cached.prisma, other.prisma, cached.prisma]) {
      for (const [i, spelling] of spellings.entries()) {
        expect(await read(client, model, spelling), shown(spelling)).toStrictEqual(truth[i])
      }
    }
  }

  beforeAll(async () => {
    await delegate(world.plain, model).deleteMany({})
    await world.evict()
    const key = typeof id === 'object' && id !== null && 'part' in id ? id : { id }
    await delegate(world.plain, model).create({ data: { ...key, v: 0 } })
  })

  it('each spelling alone gets Prisma’s answer, in this order and the other, cold and warm', async () => {
    expect((await truths()).some(isRow)).toBe(true)
    await check()
    await cached.flushed()
    await world.evict()
    spellings.reverse()
    await check()
    spellings.reverse()
  })

  it('all spellings in one tick get no worse answer than from Prisma, and what Prisma’s batching makes up is not kept', async () => {
    const truth = await truths()
    const asked = spellings.filter((_, i) => !isRefused(truth[i])) // one that is refused fails the whole batch
    const byPrisma = await Promise.all(asked.map(spelling => read(world.plain, model, spelling)))
    for (const warm of [false, true]) {
      if (!warm) await world.evict()
      const answers = await Promise.all(asked.map(spelling => read(cached.prisma, model, spelling)))
      for (const [i, answer] of answers.entries()) {
        const alone = truth[spellings.indexOf(asked[i])]
        expect([alone, byPrisma[i]], shown(asked[i])).toContainEqual(answer)
      }
      await check()
    }
  })

  it('after an update through any spelling, every spelling reads the new value, in both processes', async () => {
    const truth = await truths()
    for (const [i, spelling] of spellings.entries()) {
      if (!isRow(truth[i])) continue
      await check()
      const writer = i % 2 === 0 ? cached : other
      const data = { v: { increment: 1 } }
      await delegate(writer.prisma, model).update({ ...whereOf(model, spelling), data, select: { v: true } })
      await check()
    }
  })

  it('an absence is kept for no spelling under which a row is created later', async () => {
    const before = (await delegate(world.plain, model).findFirst({})) as object
    await delegate(cached.prisma, model).deleteMany({})
    await check()
    const asked = spellings.filter((_, i) => i % 2 === 0)
    await Promise.allSettled(asked.map(spelling => read(cached.prisma, model, spelling)))
    const key = typeof id === 'object' && id !== null && 'part' in id ? id : { id }
    await delegate(other.prisma, model).create({ data: { ...before, ...key } })
    await check()
  })
})

describe('what Prisma’s batching makes up is not kept', () => {
  it('what Prisma’s batching makes up is not kept when a query that bypasses the cache is in the batch', async () => {
    await delegate(world.plain, 'AliasCollated').deleteMany({})
    await world.evict()
    await world.plain.aliasCollated.create({ data: { id: 'Ada', v: 1 } })
    const find = (id: string) => cached.prisma.aliasCollated.findUniqueOrThrow({ where: { id } })
    await outcome(find('nobody')) // "no such row" is known now
    await find('ada') // found, not kept under this spelling; its token stays for a while
    await cached.flushed()
    await Promise.all([outcome(find('nobody')), outcome(find('ada'))])
    await cached.flushed()
    expect(await cached.prisma.aliasCollated.findUnique({ where: { id: 'ada' } })).toEqual({ id: 'Ada', v: 1 })
  })

  it('what Prisma’s batching makes up is not kept when a query of $uncached is in the batch', async () => {
    await world.evict()
    const find = (client: object) => delegate(client, 'AliasCollated').findUnique({ where: { id: 'ada' } })
    await find(cached.prisma)
    await cached.flushed()
    // Before 7.4 the whole batch is an error: Prisma can't read the lone surrogate.
    await Promise.allSettled([
      find(cached.prisma),
      delegate(cached.prisma.$uncached, 'AliasCollated').findUnique({ where: { id: 'nobody' } }),
      outcome(delegate(cached.prisma, 'AliasCollated').findUnique({ where: { id: '\ud800' } })),
    ])
    expect(await find(cached.prisma)).toEqual({ id: 'Ada', v: 1 })
  })
})

describe('two values that differ never meet in one key', () => {
  const pairs: [string, unknown[]][] = [
    [
      'AliasText',
      [
        '',
        ' ',
        '*',
        ':',
        'a:b',
        'a%3Ab',
        'a%3ab',
        'a',
        'A',
        '{a}',
        '}',
        '{',
        '%',
        '%25',
        'a/b',
        'a?b',
        '[a]',
        'a\nb',
        'a\r\nb',
        '\u0001',
        '\\',
        'é',
        'e\u0301',
        'ﬁ',
        'fi',
        '\ufffd',
        '漢字',
        '漢字 ',
        '👩‍👩‍👧',
        'null',
        'undefined',
        '@rows',
        'x'.repeat(64),
        'x'.repeat(65),
        'x'.repeat(10_000),
        `${'x'.repeat(9999)}y`,
        'é'.repeat(22),
        `*${'a'.repeat(64)}`,
      ],
    ],
    ['AliasBigInt', [0n, -1n, 1n, 9_007_199_254_740_992n, 9_007_199_254_740_993n, 2n ** 63n - 1n, -(2n ** 63n)]],
    ['AliasInt', [0, 1, -1, 10, 2 ** 31 - 1, -(2 ** 31)]],
    [
      'AliasDecimalFree',
      ['0', '1', '10', '0.1', '-0.1', '0.10000000000000000000000000000000001', '123456789012345678901234567890.5'],
    ],
    ['AliasBytes', [[], [0], [0, 0], [1], [16], Array.from({ length: 100 }, () => 0)].map(b => new Uint8Array(b))],
    ['AliasTimestamp3', [at('2024-01-01T00:00:00.000Z'), at('2024-01-01T00:00:00.001Z'), new Date(0), new Date(-1)]],
    [
      'AliasBoolean',
      [
        { id: true, part: 1 },
        { id: false, part: 1 },
        { id: true, part: 11 },
        { id: true, part: -1 },
      ],
    ],
    ['AliasEnum', ['LIGHT', 'DARK']],
  ]

  it.each(pairs)('%s', async (model, ids) => {
    await delegate(world.plain, model).deleteMany({})
    await world.evict()
    for (const [v, id] of ids.entries()) {
      const key = model === 'AliasBoolean' ? (id as object) : { id }
      await delegate(world.plain, model).create({ data: { ...key, v } })
    }
    const values = async () => {
      const answers: unknown[] = []
      for (const id of ids) {
        answers.push(((await delegate(cached.prisma, model).findUnique(whereOf(model, id))) as { v: number }).v)
      }
      return answers
    }
    const places = ids.map((_, v) => v)
    expect(await values()).toEqual(places)
    expect(await cached.countSql(async () => expect(await values()).toEqual(places))).toBe(0)
    const keys = (await world.keys()).filter(key => key.startsWith(`${model}:`))
    expect(keys).toHaveLength(ids.length)
    for (const key of keys) expect(key).toMatch(/^\w+:[\w.~%:*-]*$/)
  })

  it('a lone surrogate, which Prisma stores as another character (before 7.4 it is an error), touches no key', async () => {
    const stored = '\ufffd'
    await delegate(world.plain, 'AliasText').deleteMany({})
    await world.evict()
    await world.plain.aliasText.create({ data: { id: stored, v: 0 } })
    for (let v = 0; v < 3; v++) {
      for (const id of [stored, '\ud800', '\udc00', stored, '\ud800']) {
        for (const { prisma } of [cached, other]) {
          expect(await read(prisma, 'AliasText', id)).toStrictEqual(await read(world.plain, 'AliasText', id))
        }
      }
      expect((await world.keys()).filter(key => key.startsWith('AliasText:'))).toHaveLength(1)
      await outcome(cached.prisma.aliasText.update({ where: { id: '\ud800' }, data: { v: { increment: 1 } } }))
    }
    expect((await world.keys()).filter(key => key.endsWith('@hold'))).toEqual([])
  })

  it('NUL is Prisma’s error, and touches no key', async () => {
    const truth = await read(world.plain, 'AliasText', 'a\0b')
    expect(truth).toHaveProperty('error')
    const keys = await world.keys()
    expect(await read(cached.prisma, 'AliasText', 'a\0b')).toStrictEqual(truth)
    expect(await world.keys()).toEqual(keys)
  })
})
