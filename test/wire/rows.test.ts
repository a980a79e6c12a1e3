import { Decimal } from '@prisma/client/runtime/client'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rowCodec } from '../../src/wire/rows.js'
import type { ScalarField, ScalarType } from '../../src/schema/schema.js'
import { field, schema } from '../support/catalog.js'

/** What Prisma can return for a type. */
const VALUES: Record<ScalarType, fc.Arbitrary<unknown>> = {
  Int: fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31))),
  BigInt: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 52n, -(2n ** 52n), 2n ** 53n, 2n ** 53n + 1n),
  ),
  Float: fc.oneof(
    fc.double(),
    fc.float(),
    fc.integer(),
    fc.constantFrom(-0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1.7e308, 2 ** 64),
  ),
  Decimal: fc.oneof(
    fc.double({ noDefaultInfinity: true }).map(n => new Decimal(n)),
    fc
      .constantFrom('0', '-0', '1.50', 'NaN', '1e23', '1e-30', '9'.repeat(65), `0.${'1'.repeat(30)}`)
      .map(t => new Decimal(t)),
  ),
  Boolean: fc.boolean(),
  String: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary', maxLength: 300 }).map(t => t.toWellFormed()),
  ),
  DateTime: fc.oneof(
    fc.date({ noInvalidDate: false }),
    fc.integer({ min: -5, max: 5 }).map(ms => new Date(ms)),
  ),
  Bytes: fc.oneof(fc.uint8Array(), fc.constant(new Uint8Array())),
  Json: fc.jsonValue({ noUnicodeString: false }).filter(value => !hasMinusZero(value)),
  Enum: fc.constantFrom('LIGHT', 'DARK'),
}

const TYPES = Object.keys(VALUES) as ScalarType[]

function of(type: ScalarType, more: Partial<ScalarField> = {}): ScalarField {
  return field({ type, name: type, members: type === 'Enum' ? ['LIGHT', 'DARK'] : [], ...more })
}

function throughBytes(fields: readonly ScalarField[], row: Record<string, unknown>): Record<string, unknown> {
  const codec = rowCodec(fields, Decimal)
  const bytes = codec.encode(row)
  if (bytes === undefined) throw new Error('not encoded')
  const decoded = codec.decode(Buffer.concat([Buffer.alloc(7), bytes]), 7)
  if (decoded === undefined) throw new Error('not decoded')
  return decoded
}

describe('a value comes back exactly', () => {
  it.each(TYPES)('%s', type => {
    fc.assert(
      fc.property(fc.option(VALUES[type]), value => same(throughBytes([of(type)], { [type]: value })[type], value)),
      { numRuns: 500 },
    )
  })

  it.each(TYPES)('%s[]', type => {
    fc.assert(
      fc.property(fc.array(VALUES[type]), value =>
        same(throughBytes([of(type, { list: true })], { [type]: value })[type], value),
      ),
    )
  })

  it('each whole row of each model of the schema', () => {
    for (const { name, scalars } of schema.models.values()) {
      if (scalars.length === 0) continue
      const row = fc.record(
        Object.fromEntries(
          scalars.map(f => {
            const one = f.type === 'Enum' ? fc.constantFrom(...f.members) : VALUES[f.type]
            return [f.name, f.list ? fc.array(one, { maxLength: 3 }) : f.optional ? fc.option(one) : one]
          }),
        ),
      )
      fc.assert(
        fc.property(row, value => {
          const decoded = throughBytes(scalars, value)
          expect(Object.keys(decoded), name).toEqual(scalars.map(f => f.name))
          for (const f of scalars) same(decoded[f.name], value[f.name])
        }),
        { numRuns: 30 },
      )
    }
  })

  it('text of every length that msgpack has a header for', () => {
    for (const length of [0, 1, 31, 32, 63, 64, 255, 256, 65_535, 65_536, 200_000]) {
      for (const unit of ['x', 'é', '😀']) {
        const text = unit.repeat(length)
        expect(throughBytes([of('String')], { String: text }).String === text).toBe(true)
      }
    }
  })

  it('a row of more fields than a short msgpack array has', () => {
    const fields = Array.from({ length: 300 }, (_, i) => of('Int', { name: `f${i}` }))
    const row = Object.fromEntries(fields.map((f, i) => [f.name, i % 7 === 0 ? null : i]))
    expect(throughBytes(fields, row)).toEqual(row)
  })

  it('Json of every form', () => {
    const values = [
      0,
      '',
      false,
      [],
      {},
      [[[]]],
      { '': { a: [null] } },
      JSON.parse('{"__proto__": {"x": 1}, "constructor": 1, "toJSON": 2}'),
      { toJSON: 'text', length: 3 },
      '\ud83d',
      '\u2028\0',
      1e300,
      5e-324,
      { '2': 1, '1': 2 },
    ]
    for (const value of values) {
      const decoded = throughBytes([of('Json')], { Json: value }).Json
      same(decoded, value)
      expect(JSON.stringify(decoded)).toBe(JSON.stringify(value))
    }
  })
})

describe('the classes are those of Prisma', () => {
  it('Bytes are a Uint8Array that owns its memory, not a Buffer', () => {
    const { Bytes } = throughBytes([of('Bytes')], { Bytes: Buffer.from([1, 2, 3]) })
    expect(Object.getPrototypeOf(Bytes)).toBe(Uint8Array.prototype)
    expect((Bytes as Uint8Array).buffer.byteLength).toBe(3)
    expect((Bytes as Uint8Array).byteOffset).toBe(0)
  })

  it('Bytes that are a part of a larger buffer are only that part', () => {
    const { Bytes } = throughBytes([of('Bytes')], { Bytes: new Uint8Array([9, 1, 2, 9]).subarray(1, 3) })
    expect(Bytes).toEqual(new Uint8Array([1, 2]))
  })

  it('a Decimal is of the class that was handed in, though it came as one of another copy of the library', () => {
    const foreign = { s: 1, e: 0, d: [1, 5000000], toFixed: () => '1.5', toJSON: () => '1.5' }
    const { Decimal: decoded } = throughBytes([of('Decimal')], { Decimal: foreign })
    expect(decoded).toBeInstanceOf(Decimal)
    expect((decoded as Decimal).equals('1.5')).toBe(true)
  })

  it('a row is a plain object, and a fresh one each time', () => {
    const codec = rowCodec([of('Json'), of('DateTime')], Decimal)
    const bytes = codec.encode({ Json: { a: 1 }, DateTime: new Date(0) }) as Buffer
    const [a, b] = [codec.decode(bytes, 0), codec.decode(bytes, 0)]
    expect(Object.getPrototypeOf(a)).toBe(Object.prototype)
    expect(a).toEqual(b)
    expect(a?.Json).not.toBe(b?.Json)
    expect(a?.DateTime).not.toBe(b?.DateTime)
  })

  it('bytes that were packed stay as they are when more are packed', () => {
    const codec = rowCodec([of('String')], Decimal)
    const first = codec.encode({ String: 'first' }) as Buffer
    const copy = Buffer.from(first)
    for (let i = 0; i < 5000; i++) codec.encode({ String: `${i}`.repeat(20) })
    expect(first).toEqual(copy)
  })
})

describe('what can not come back exactly is not cached', () => {
  const refused: [string, ScalarField, unknown][] = [
    ['-0 in Json', of('Json'), { a: [-0] }],
    ['-0 as Json', of('Json'), -0],
    // What Prisma makes of 1e400, which jsonb can hold.
    ['Infinity in Json', of('Json'), { a: [Number.POSITIVE_INFINITY] }],
    ['Infinity as Json', of('Json'), Number.NEGATIVE_INFINITY],
    ['a field that is not there', of('Int'), undefined],
    ['an Int that is a text', of('Int'), '1'],
    ['a BigInt that is a number', of('BigInt'), 1],
    ['a Float that is a text', of('Float'), 'NaN'],
    ['a Decimal that is a number', of('Decimal'), 1],
    ['a DateTime that is a text', of('DateTime'), '2020-01-01'],
    ['Bytes that are a text', of('Bytes'), 'AAE='],
    ['a String that is a number', of('String'), 1],
    ['a String that is an object', of('String'), {}],
    ['a Boolean that is a number', of('Boolean'), 1],
    ['a list that is not one', of('Int', { list: true }), 1],
    ['a list with a hole', of('Int', { list: true }), [1, undefined]],
    ['a list with another type in it', of('Int', { list: true }), [1, '2']],
    ['a bigint in Json', of('Json'), { a: 1n }],
  ]
  it.each(refused)('%s', (_, f, value) => {
    expect(rowCodec([f], Decimal).encode({ [f.name]: value })).toBeUndefined()
  })

  it.each([1000, 2000, 10_000, 100_000])(
    'Json of %i levels is either exact or not cached, and never throws',
    levels => {
      const codec = rowCodec([of('Json')], Decimal)
      const text = '['.repeat(levels) + ']'.repeat(levels)
      const bytes = codec.encode({ Json: JSON.parse(text) })
      if (bytes === undefined) return
      expect(JSON.stringify(codec.decode(bytes, 0)?.Json)).toBe(text)
    },
  )

  it('a row whose getter throws is not cached either', () => {
    const row = {
      get Int(): number {
        throw new Error('no')
      },
    }
    expect(rowCodec([of('Int')], Decimal).encode(row)).toBeUndefined()
  })
})

describe('a part of a row', () => {
  it('has the fields that were asked for, in that order', () => {
    const fields = TYPES.map(type => of(type))
    const codec = rowCodec(fields, Decimal)
    const row: Record<string, unknown> = Object.fromEntries(TYPES.map(type => [type, fc.sample(VALUES[type], 1)[0]]))
    const bytes = codec.encode(row) as Buffer
    const places = [4, 0, 9]
    const names = places.map(place => TYPES[place] as string)
    const part = codec.decode(bytes, 0, places)
    expect(Object.keys(part ?? {})).toEqual(names)
    for (const name of names) same(part?.[name], row[name])
  })
})

describe('the fingerprint', () => {
  const base = [of('Int', { name: 'id' }), of('String', { name: 'text' })]
  const print = (fields: readonly ScalarField[]) => rowCodec(fields, Decimal).fingerprint.toString('hex')

  it('is 8 bytes, the same for the same fields', () => {
    expect(print(base)).toMatch(/^[0-9a-f]{16}$/)
    expect(print(structuredClone(base))).toBe(print(base))
  })

  it('is another one for any other fields', () => {
    const [id, text] = base as [ScalarField, ScalarField]
    const others = [
      [id],
      [text, id],
      [id, { ...text, name: 'text2' }],
      [id, { ...text, type: 'Json' as const }],
      [id, { ...text, list: true }],
      [id, { ...text, optional: true }],
      [id, { ...text, native: 'Citext' }],
      [id, { ...text, type: 'Enum' as const, members: ['A'] }],
      [id, { ...text, type: 'Enum' as const, members: ['A', 'B'] }],
      [id, text, of('Int', { name: 'more' })],
    ]
    expect(new Set([base, ...others].map(print)).size).toBe(others.length + 1)
  })

  it('differs between models, because their fields do', () => {
    const models = [...schema.models.values()].filter(
      ({ name, scalars }) => scalars.length > 0 && !name.startsWith('Alias'),
    )
    expect(new Set(models.map(({ scalars }) => print(scalars))).size).toBe(models.length)
  })
})

describe('bytes that are no payload', () => {
  it('never throw, whatever they are', () => {
    const codec = rowCodec(
      TYPES.flatMap(type => [of(type), of(type, { name: `${type}s`, list: true })]),
      Decimal,
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        codec.decode(Buffer.from(bytes), 0)
      }),
      { numRuns: 2000 },
    )
  })

  it('of another number of fields are refused', () => {
    const two = rowCodec([of('Int'), of('String')], Decimal).encode({ Int: 1, String: 'a' }) as Buffer
    expect(rowCodec([of('Int')], Decimal).decode(two, 0)).toBeUndefined()
    expect(rowCodec([of('Int'), of('String'), of('Json')], Decimal).decode(two, 0)).toBeUndefined()
  })

  it('cut off anywhere are refused', () => {
    const codec = rowCodec([of('Int'), of('String'), of('Bytes')], Decimal)
    const bytes = codec.encode({ Int: 70_000, String: 'some text', Bytes: new Uint8Array(9) }) as Buffer
    for (let end = 0; end < bytes.length; end++)
      expect(codec.decode(bytes.subarray(0, end), 0), `${end}`).toBeUndefined()
  })
})

// ---- equality as a caller can see it

function same(actual: unknown, expected: unknown): void {
  if (Decimal.isDecimal(expected)) {
    expect(actual).toBeInstanceOf(Decimal)
    expect((actual as Decimal).toJSON()).toBe(expected.toJSON())
    expect((actual as Decimal).s).toEqual(expected.s)
  } else if (expected instanceof Date) {
    expect(actual).toBeInstanceOf(Date)
    expect(Object.is((actual as Date).getTime(), expected.getTime())).toBe(true)
  } else if (expected instanceof Uint8Array) {
    expect(Object.getPrototypeOf(actual)).toBe(Uint8Array.prototype)
    expect(Buffer.compare(actual as Uint8Array, expected)).toBe(0)
  } else if (Array.isArray(expected)) {
    expect(Array.isArray(actual)).toBe(true)
    expect((actual as unknown[]).length).toBe(expected.length)
    for (const [i, value] of expected.entries()) same((actual as unknown[])[i], value)
  } else if (typeof expected === 'object' && expected !== null) {
    expect(Object.getPrototypeOf(actual)).toBe(Object.prototype)
    expect(Object.keys(actual as object)).toEqual(Object.keys(expected))
    const own = (object: object, name: string) => Object.getOwnPropertyDescriptor(object, name)?.value as unknown
    for (const name of Object.keys(expected)) same(own(actual as object, name), own(expected, name))
  } else {
    expect(Object.is(actual, expected), `${String(actual)} for ${String(expected)}`).toBe(true)
  }
}

function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero)
}
