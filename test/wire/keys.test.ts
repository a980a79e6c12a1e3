import { Buckets } from '../../src/wire/buckets.js'
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalFormOf } from '../../src/schema/canonical.js'
import { encodeId, modelKeys, knownServerKey } from '../../src/wire/keys.js'
import { Random } from '../support/random.js'
import { catalog, field, modelNamed } from '../support/catalog.js'
import { ALL_KINDS, Identities } from '../support/identities.js'

const SAFE = /^(?:[\w.~:%-]*|\*[0-9a-f]{64})$/

describe('an id in a key', () => {
  it.each([
    [['42'], '42'],
    [['-7'], '-7'],
    [['eu', '1001'], 'eu:1001'],
    [['ada@x.org'], 'ada%40x.org'],
    [['a:b', 'c'], 'a%3Ab:c'],
    [['a', 'b:c'], 'a:b%3Ac'],
    [['%3A'], '%253A'],
    [[':'], '%3A'],
    [[''], ''],
    [['', ''], ':'],
    [['{x}'], '%7Bx%7D'],
    [['*?[]^\\'], '%2A%3F%5B%5D%5E%5C'],
    [["!'()"], '%21%27%28%29'],
    [['a b\n'], 'a%20b%0A'],
    [['é'], '%C3%A9'],
    [['e\u0301'], 'e%CC%81'],
    [['😀'], '%F0%9F%98%80'],
    [['a_b-c.d~e'], 'a_b-c.d~e'],
  ])('%j is %s', (parts, text) => expect(encodeId(parts)).toBe(text))

  it('of up to 64 bytes, encoded, stands as it is; a longer one as its SHA-256 behind a star', () => {
    const sha = (text: string) => `*${createHash('sha256').update(text).digest('hex')}`
    expect(encodeId(['x'.repeat(64)])).toBe('x'.repeat(64))
    expect(encodeId(['x'.repeat(65)])).toBe(sha('x'.repeat(65)))
    expect(encodeId(['x'.repeat(10_000)])).toBe(sha('x'.repeat(10_000)))
    expect(encodeId(['😀'.repeat(6)])).toBe(sha('%F0%9F%98%80'.repeat(6)))
    expect(encodeId(['x'.repeat(40), 'y'.repeat(40)])).toBe(sha(`${'x'.repeat(40)}:${'y'.repeat(40)}`))
  })

  it('that looks like a hashed one is not one', () => {
    const hashed = encodeId(['x'.repeat(65)])
    expect(encodeId([hashed])).not.toBe(hashed)
    expect(encodeId([hashed.slice(1)])).not.toBe(hashed)
    expect(encodeId([hashed]).startsWith('*')).toBe(true) // 67 bytes: hashed once more
    expect(encodeId(['*ab'])).toBe('%2Aab')
  })

  it('holds nothing that has a meaning in a key, a hash tag or a glob', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 3 }), parts => {
        expect(encodeId(parts)).toMatch(SAFE)
        expect(encodeId(parts).length).toBeLessThanOrEqual(65)
      }),
    )
  })
})

describe('two identities', () => {
  /** Parts that are likely to run into one another. */
  const part = fc.oneof(
    fc.string({ unit: fc.constantFrom(':', '%', '3', 'A', '*', 'a', '', '{', '}', ' ', 'é', 'e\u0301'), maxLength: 5 }),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
    fc.string({ unit: fc.constantFrom('x', ':'), minLength: 28, maxLength: 36 }),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
  )

  it.each([1, 2, 3])('of %i parts share a key only if they are one', arity => {
    const id = fc.array(part, { minLength: arity, maxLength: arity })
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(encodeId(a) === encodeId(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
      { numRuns: 2000 },
    )
  })

  it('never share a key, in all that are generated from parts with meaning', () => {
    const parts = ['', ':', '::', '%', '%3A', '%253A', 'a', 'a:', ':a', 'a:b', '*', '*a', '%2A', '{', '}', '{}', '{a}']
    parts.push('é', 'e\u0301', 'É', ' ', '  ', '\n', '?', '[a]', '^', '\\', '\u00a0', 'null', 'undefined', '0', '-0')
    const keys = new Map<string, string>()
    for (const a of parts) {
      for (const b of parts) {
        for (const c of parts) {
          const id = [a, b, c]
          const key = encodeId(id)
          expect(keys.get(key) ?? JSON.stringify(id)).toBe(JSON.stringify(id))
          keys.set(key, JSON.stringify(id))
        }
      }
    }
    expect(keys.size).toBe(parts.length ** 3)
  })

  it('never share a key, in a million random ones: rows, pointers, lists, tags, values and epochs of every model, ids of every type', () => {
    const seed = fc.sample(fc.noShrink(fc.nat()), 1)[0] as number
    const all = new Identities(new Random(seed))
    const keys = new Map<string, string>()
    const met = new Set<string>()
    let names = 0
    while (names < 1_000_000) {
      for (const [kind, key, identity] of all.next()) {
        const known = keys.get(key)
        if (known === undefined) {
          keys.set(key, identity)
          names++
        } else if (known !== identity) throw new Error(`seed ${seed}: ${known} and ${identity} share ${key}`)
        met.add(kind)
      }
    }
    expect([...met].toSorted()).toEqual(ALL_KINDS)
    // The other way round: one identity, one key.
    expect(new Set(keys.values()).size, `seed ${seed}`).toBe(keys.size)
  }, 60_000)

  it('that JavaScript tells apart and the database tells apart have two keys, for every model with a key', () => {
    const values: Record<string, fc.Arbitrary<unknown>> = {
      Int: fc.integer({ min: -30, max: 30 }),
      BigInt: fc.bigInt({ min: -30n, max: 30n }),
      Boolean: fc.boolean(),
      Decimal: fc.integer({ min: -30, max: 30 }).map(n => n / 4),
      DateTime: fc.integer({ min: -30, max: 30 }).map(ms => new Date(ms)),
      Bytes: fc.uint8Array({ maxLength: 1 }),
      String: part,
      Uuid: fc.uuid(),
      Char: fc.string({ unit: fc.constantFrom('a', ':', 'é'), minLength: 5, maxLength: 5 }),
    }
    for (const { definition, identity, keys } of catalog.values()) {
      if (identity === undefined) continue
      const { fields } = identity.key
      const id = fc.record(
        Object.fromEntries(
          fields.map(f => {
            const kind = /^(?:Uuid|Char)/.exec(f.native ?? '')?.[0] ?? f.type
            return [f.name, f.type === 'Enum' ? fc.constantFrom(...f.members) : (values[kind] as fc.Arbitrary<unknown>)]
          }),
        ),
      )
      const text = (value: Record<string, unknown>) =>
        JSON.stringify(fields.map(f => canonicalFormOf(f).canonicalize(value[f.name]) ?? null))
      fc.assert(
        fc.property(id, id, (a, b) => {
          const [x, y] = [identity.idOf(a), identity.idOf(b)]
          if (x === undefined || y === undefined) return
          expect(keys.row(x) === keys.row(y), definition.name).toBe(text(a) === text(b))
        }),
        { numRuns: 200 },
      )
    }
  })

  it('keep their order: the parts of a compound id stand as in the schema, however the query has them', () => {
    const { identity } = modelNamed('Bookmark')
    expect(identity?.idOf({ postId: 2, userId: 1 })).toBe('1:2')
    expect(identity?.idOf({ userId: 2, postId: 1 })).toBe('2:1')
    expect(identity?.idOf({ userId: 2 })).toBeUndefined()
  })
})

describe('the keys of a model', () => {
  it('are three epochs in one hash tag, and rows outside it', () => {
    const { tableName, unnamedWrites, everyWrite, hold, epochs, holds, ...keys } = modelKeys(
      new Buckets('shop:', false),
      'User',
      ['User'],
    )
    expect(tableName).toBe('User')
    expect({ epochs, holds }).toEqual({ epochs: [unnamedWrites, everyWrite], holds: [hold] })
    expect({ unnamedWrites, everyWrite, hold }).toEqual({
      unnamedWrites: 'shop:{User}@rows',
      everyWrite: 'shop:{User}@any',
      hold: 'shop:{User}@hold',
    })
    expect(keys.row('42')).toBe('shop:User:42')
    expect(keys.pointer(['email'], encodeId(['ada@x.org']))).toBe('shop:User.email:ada%40x.org')
  })

  it('name epochs for the table and its Postgres schema, and pointers for columns: a schema text may call them otherwise', () => {
    const keys = modelKeys(new Buckets('', false), 'Order', ['shop', 'orders & more'])
    expect([keys.unnamedWrites, keys.lists]).toEqual([
      '{shop.orders%20%26%20more}@rows',
      '{shop.orders%20%26%20more}@lists',
    ])
    expect(keys.pointer(['a_b', 'c'], '1:2')).toBe('Order.a_b,c:1:2')
    expect(keys.pointer(['a', 'b_c'], '1:2')).toBe('Order.a,b_c:1:2')
  })

  it('are never those of another model, whatever the id', () => {
    const owner = new Map<string, string>()
    for (const { definition, keys } of catalog.values()) {
      const ids = ['', ':', '@rows', '{Post}@any', 'Post:1', '}@hold', '1'].map(id => encodeId([id]))
      const pointers = definition.uniques.flatMap(({ fields }) =>
        ids.map(id =>
          keys.pointer(
            fields.map(({ column }) => column),
            id,
          ),
        ),
      )
      for (const key of [keys.unnamedWrites, keys.everyWrite, keys.hold, ...ids.map(id => keys.row(id)), ...pointers]) {
        expect(owner.get(key)).toBeUndefined()
        owner.set(key, definition.name)
      }
    }
    expect(owner.has(knownServerKey('', 'x', 'y'))).toBe(false)
  })

  it('exist for models whose id can name rows, and only for them', () => {
    const without = [...catalog.values()]
      .filter(({ identity }) => identity === undefined)
      .map(({ definition }) => definition.name)
    expect(without).toEqual([
      'TenantImport',
      'AliasCitext',
      'AliasFloat',
      'AliasReal',
      'AliasTimestamp6',
      'AliasDate',
      'AliasTime3',
      'AliasInet',
      'AliasBit',
      'AliasVarBit',
    ])
    expect(modelNamed('User').identity?.equality).toBe('exact')
    expect(modelNamed('Membership').identity?.equality).toBe('exact')
    expect(modelNamed('Tag').identity?.equality).toBe('text')
    expect(canonicalFormOf(field({ type: 'String' })).equality).toBe('text')
  })
})
