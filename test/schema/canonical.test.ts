import { Decimal } from '@prisma/client/runtime/client'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Canonicalize, canonicalFormOf, type Equality } from '../../src/schema/canonical.js'
import type { ScalarField } from '../../src/schema/schema.js'
import { field } from '../support/catalog.js'

const NO = undefined

interface Row {
  readonly field: ScalarField
  readonly equality: Equality
  /** Value and its one text, or that it has none. */
  readonly values: readonly (readonly [unknown, string | undefined])[]
}

const TABLE: Record<string, Row> = {
  Int: {
    field: field({ type: 'Int' }),
    equality: 'exact',
    values: [
      [0, '0'],
      [-0, '0'],
      [42, '42'],
      [-1, '-1'],
      [2147483647, '2147483647'],
      [-2147483648, '-2147483648'],
      [2147483648, NO],
      [-2147483649, NO],
      [42.5, NO], // it finds row 42
      [4294967338, NO], // 42 in 32 bits
      [Number.NaN, NO],
      [Number.POSITIVE_INFINITY, NO],
      ['42', NO],
      [42n, NO],
      [true, NO],
      [[42], NO],
      [Object(42), NO],
    ],
  },
  SmallInt: { field: field({ type: 'Int', native: 'SmallInt' }), equality: 'exact', values: [[7, '7']] },
  BigInt: {
    field: field({ type: 'BigInt' }),
    equality: 'exact',
    values: [
      [0n, '0'],
      [-0, '0'],
      [42, '42'],
      [42n, '42'],
      [-7n, '-7'],
      [2n ** 63n - 1n, '9223372036854775807'],
      [-(2n ** 63n), '-9223372036854775808'],
      [2n ** 63n, NO],
      [-(2n ** 63n) - 1n, NO],
      [Number.MAX_SAFE_INTEGER, '9007199254740991'],
      [Number.MAX_SAFE_INTEGER + 1, NO], // which of two integers it is, is lost
      [42.5, NO],
      ['42', NO],
      [Number.NaN, NO],
      [Number.POSITIVE_INFINITY, NO],
    ],
  },
  Boolean: {
    field: field({ type: 'Boolean' }),
    equality: 'exact',
    values: [
      [true, 'true'],
      [false, 'false'],
      [0, NO],
      [1, NO],
      ['true', NO],
    ],
  },
  Enum: {
    field: field({ type: 'Enum', members: ['LIGHT', 'DARK'] }),
    equality: 'exact',
    values: [
      ['LIGHT', 'LIGHT'],
      ['DARK', 'DARK'],
      ['light shade', NO], // the database's own name for it
      ['light', NO],
      ['toString', NO],
    ],
  },
  Uuid: {
    field: field({ type: 'String', native: 'Uuid' }),
    equality: 'exact',
    values: [
      ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
      ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', NO],
      ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', NO],
      ['a0eebc999c0b4ef8bb6d6bb9bd380a11', NO],
      ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n', NO],
      [' a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NO],
      [['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], NO], // its text matches
      ['not a uuid', NO],
    ],
  },
  Decimal: {
    field: field({ type: 'Decimal', native: 'Decimal(10,2)' }),
    equality: 'exact',
    values: [
      ['0', '0'],
      ['1.5', '1.5'],
      ['-1.5', '-1.5'],
      ['0.5', '0.5'],
      ['-0.05', '-0.05'],
      ['10', '10'],
      ['100.001', '100.001'],
      [1.5, NO],
      [-0, '0'],
      [0.1, NO],
      [new Decimal('1.50'), '1.5'],
      [new Decimal('-0'), '0'],
      [new Decimal('1e23'), '100000000000000000000000'],
      [new Decimal('1e-9'), '0.000000001'],
      ['1.50', NO],
      ['1.0', NO],
      ['+1.5', NO],
      ['15e-1', NO],
      ['01', NO],
      ['.5', NO],
      ['5.', NO],
      ['-0', NO],
      ['-0.0', NO],
      ['', NO],
      [' 1', NO],
      ['1\n', NO],
      ['1_000', NO],
      ['0x10', NO],
      ['NaN', NO],
      [Number.NaN, NO],
      [Number.POSITIVE_INFINITY, NO],
      [1e21, NO], // spelled 1e+21
      [1e-7, NO],
      [new Decimal('NaN'), NO],
      [new Decimal('Infinity'), NO],
      [10n, NO],
    ],
  },
  Money: { field: field({ type: 'Decimal', native: 'Money' }), equality: 'never', values: [['1', NO]] },
  Bytes: {
    field: field({ type: 'Bytes' }),
    equality: 'exact',
    values: [
      [new Uint8Array(), ''],
      [new Uint8Array([0, 255, 16]), '00ff10'],
      [Buffer.from([0, 255, 16]), '00ff10'],
      [new Uint8Array([9, 1, 2, 9]).subarray(1, 3), '0102'],
      ['AAE=', NO],
      [[0, 255], NO],
      [new Uint16Array([1]), NO],
      [new ArrayBuffer(2), NO],
    ],
  },
  DateTime: {
    field: field({ type: 'DateTime' }),
    equality: 'exact',
    values: [
      [new Date(0), '0'],
      [new Date(-0), '0'],
      [new Date('2026-11-23T12:00:00.123Z'), '1795435200123'],
      [new Date(-1), '-1'],
      [new Date(Number.NaN), NO],
      ['2026-11-23T12:00:00.123Z', NO],
      [1795435200123, NO],
    ],
  },
  'Timestamp(0)': { field: timestamp('Timestamp(0)'), equality: 'exact', values: [[new Date(5), '5']] },
  'Timestamptz(3)': { field: timestamp('Timestamptz(3)'), equality: 'exact', values: [[new Date(5), '5']] },
  String: {
    field: field({ type: 'String' }),
    equality: 'text',
    values: [
      ['', ''],
      ['a', 'a'],
      [' a ', ' a '],
      ['ä', 'ä'],
      ['a\u0308', 'a\u0308'],
      ['😀', '😀'],
      ['__proto__', '__proto__'],
      ['x'.repeat(10_000), 'x'.repeat(10_000)],
      ['\ud83d', NO], // stored as U+FFFD, so two strings would be one row
      ['a\udc00b', NO],
      ['\ufffd', '\ufffd'],
      ['a\0', NO], // refused by Postgres
      [Object('a'), NO],
      [1, NO],
    ],
  },
  'VarChar(40)': {
    field: field({ type: 'String', native: 'VarChar(40)' }),
    equality: 'text',
    values: [['a ', 'a ']],
  },
  VarChar: { field: field({ type: 'String', native: 'VarChar' }), equality: 'text', values: [['a', 'a']] },
  Text: { field: field({ type: 'String', native: 'Text' }), equality: 'text', values: [['a', 'a']] },
  'Char(5)': {
    field: field({ type: 'String', native: 'Char(5)' }),
    equality: 'text',
    values: [
      ['abcde', 'abcde'],
      ['abc  ', 'abc  '],
      ['     ', '     '],
      ['abc', NO], // finds 'abc  '
      ['abc ', NO],
      ['abcde ', NO],
      ['abcdef', NO],
      ['', NO],
      ['😀😀😀😀😀', '😀😀😀😀😀'], // five characters, ten UTF-16 units
      ['a😀   ', 'a😀   '],
      ['😀😀a', NO], // five UTF-16 units, three characters
      ['abcd\ud83d', NO],
      ['abcd\0', NO],
    ],
  },
  Char: {
    field: field({ type: 'String', native: 'Char' }),
    equality: 'text',
    values: [
      ['a', 'a'],
      ['', NO],
      ['ab', NO],
    ],
  },
}

function timestamp(native: string): ScalarField {
  return field({ type: 'DateTime', native })
}

describe.each(Object.entries(TABLE))('%s', (_, row) => {
  const { equality, canonicalize } = canonicalFormOf(row.field)

  it(`is spelled ${row.equality}`, () => expect(equality).toBe(row.equality))

  it.each(row.values.map(([value, text]) => [shown(value), value, text] as const))('%s', (_name, value, text) => {
    expect(canonicalize(value)).toBe(text)
  })

  it('has no text, and throws nothing, for values that have no text at all', () => {
    for (const value of [Symbol('x'), Object.create(null), { toString: 1, valueOf: 1 }])
      expect(canonicalize(value)).toBe(NO)
  })

  it('has no text for null, undefined and objects', () => {
    for (const value of [null, undefined, {}, [], { equals: 1 }, () => 1]) expect(canonicalize(value)).toBe(NO)
  })
})

describe('types without an exact text', () => {
  const never = [
    field({ type: 'Float' }),
    field({ type: 'Float', native: 'Real' }),
    field({ type: 'Json' }),
    field({ type: 'String', native: 'Citext' }),
    field({ type: 'String', native: 'Inet' }),
    field({ type: 'String', native: 'Bit(4)' }),
    field({ type: 'String', native: 'VarBit(8)' }),
    field({ type: 'String', native: 'Xml' }),
    field({ type: 'String', native: 'SomethingNew' }),
    timestamp('Date'),
    timestamp('Time(3)'),
    timestamp('Timetz(3)'),
    timestamp('Timestamp'),
    timestamp('Timestamptz'),
    timestamp('Timestamp(4)'),
    timestamp('Timestamptz(6)'),
    field({ type: 'Int', list: true }),
    field({ type: 'String', list: true }),
  ]
  it.each(never.map(f => [`${f.type} ${f.native ?? ''}${f.list ? '[]' : ''}`, f] as const))(
    '%s is never part of a key',
    (_, f) => {
      const { equality, canonicalize } = canonicalFormOf(f)
      expect(equality).toBe('never')
      for (const value of ['a', 1, 1.5, 1n, new Date(0), true, ['a'], [1]]) expect(canonicalize(value)).toBe(NO)
    },
  )
})

describe('two values', () => {
  const same = <Value>(
    canonicalize: Canonicalize,
    arbitrary: fc.Arbitrary<Value>,
    equal: (a: Value, b: Value) => boolean,
  ) =>
    fc.assert(
      fc.property(arbitrary, arbitrary, (a, b) => {
        const [x, y] = [canonicalize(a), canonicalize(b)]
        if (x !== undefined && y !== undefined) expect(x === y).toBe(equal(a, b))
      }),
      { numRuns: 500 },
    )

  it('of an Int have one text if and only if they are one number', () => {
    const near = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 }), fc.double(), fc.constantFrom(-0, 0, 2 ** 31))
    same(canonicalFormOf(field({ type: 'Int' })).canonicalize, near, (a, b) => a === b)
  })

  it('of a BigInt have one text if and only if they are one number, however they are written', () => {
    const near = fc.oneof(
      fc.bigInt({ min: -5n, max: 5n }),
      fc.integer({ min: -5, max: 5 }),
      fc.bigInt(),
      fc.maxSafeInteger(),
    )
    // oxlint-disable-next-line eslint/eqeqeq -- 1 and 1n are one row
    same(canonicalFormOf(field({ type: 'BigInt' })).canonicalize, near, (a, b) => a == b)
  })

  it('of a Decimal have one text if and only if they are one number, however they are written', () => {
    const number = fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -3, max: 3 }))
      .map(([digits, exponent]) => new Decimal(digits).mul(new Decimal(10).pow(exponent)))
    const spelled = fc
      .tuple(number, fc.integer({ min: 0, max: 3 }))
      .map(([n, form]) => [n, n.toNumber(), n.toFixed(), n.toFixed(4)][form] as Decimal | number | string)
    same(canonicalFormOf(field({ type: 'Decimal' })).canonicalize, spelled, (a, b) =>
      new Decimal(a).equals(new Decimal(b)),
    )
  })

  it('of a DateTime have one text if and only if they are one moment', () => {
    const near = fc.oneof(
      fc.date({ noInvalidDate: false }),
      fc.integer({ min: -3, max: 3 }).map(ms => new Date(ms)),
    )
    same(canonicalFormOf(field({ type: 'DateTime' })).canonicalize, near, (a, b) => a.getTime() === b.getTime())
  })

  it('of Bytes have one text if and only if they are the same bytes', () => {
    const near = fc.uint8Array({ maxLength: 3 }).map(bytes => (bytes.length % 2 ? Buffer.from(bytes) : bytes))
    same(canonicalFormOf(field({ type: 'Bytes' })).canonicalize, near, (a, b) => Buffer.compare(a, b) === 0)
  })

  it('of text have one text if and only if they are the same characters', () => {
    const near = fc.string({ unit: 'binary', maxLength: 2 })
    same(canonicalFormOf(field({ type: 'String' })).canonicalize, near, (a, b) => a === b)
  })

  it('of char(n) that Postgres pads to one row never have two texts', () => {
    const near = fc.string({ unit: fc.constantFrom('a', ' ', '😀'), maxLength: 4 })
    const padded = (text: string) => text.replace(/ +$/, '')
    same(
      canonicalFormOf(field({ type: 'String', native: 'Char(3)' })).canonicalize,
      near,
      (a, b) => padded(a) === padded(b),
    )
  })
})

function shown(value: unknown): string {
  if (Object.is(value, -0)) return '-0'
  if (value instanceof Uint8Array) return `${value.constructor.name} of ${value.length}`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (value instanceof Decimal) return `Decimal ${value.toJSON()}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string' && value.length > 60) return `${value.length} characters`
  return typeof value === 'object'
    ? `${value?.constructor.name} ${JSON.stringify(value)}`
    : (JSON.stringify(value) ?? 'undefined')
}
