/** Results to bytes and back: as they were, and as small as they may be. */
import { Decimal } from '@prisma/client/runtime/client'
import { isDeepStrictEqual } from 'node:util'
import { expect, it } from 'vitest'
import { readSchema } from '../../src/schema/schema.js'
import { rowMaker, rowsMaker } from '../../src/wire/row-maker.js'
import { valueCodec, listCodec } from '../../src/wire/results.js'
import type { Selection } from '../../src/plan/selection.js'
import { modelNamed } from '../support/catalog.js'

const anything = valueCodec(Decimal)

it.each([
  ['{"__proto__":{"a":1}}'],
  ['{"a":[{"__proto__":null,"b":2}]}'],
  ['{"constructor":{"prototype":{"x":1}},"__proto__":"text"}'],
])('a key __proto__ of a Json column is an own field on a hit too: %s', text => {
  const result = [{ data: JSON.parse(text) as unknown, _count: 1 }]
  const payload = anything.encode(result)
  expect(payload).toBeDefined()
  const decoded = payload && anything.decode(payload, 0)
  expect(JSON.stringify(decoded?.result)).toBe(JSON.stringify(result))
  expect(isDeepStrictEqual(decoded?.result, result)).toBe(true)
  expect(({} as Record<string, unknown>)['a'] ?? ({} as Record<string, unknown>)['x']).toBeUndefined()
})

it('makers of rows make an own field of it', () => {
  const fields = [{ name: '__proto__', index: 0, decode: undefined, type: 'string' as const }]
  expect(Object.hasOwn(rowMaker(fields)(['x']), '__proto__')).toBe(true)
  expect(Object.hasOwn(rowsMaker(['__proto__'])([['x']], 1)[0] ?? {}, '__proto__')).toBe(true)
})

it.each([2, 1000, 100_000, 600_000])('%i rows whose columns are all the same come back', length => {
  const model = modelNamed('User')
  const { cached } = model
  if (cached === undefined) throw new Error('not cached')
  const shape: Selection = {
    model,
    cached,
    fieldIndexes: undefined,
    related: [],
    counted: [],
    order: undefined,
    text: '',
  }
  const at = new Date(1000)
  const row = { id: 1, email: 'a@x.org', name: null, role: 'ADMIN', createdAt: at, updatedAt: at }
  const rows = Array.from({ length }, () => row)
  const payload = listCodec(shape).encode(rows)
  expect(payload).toBeDefined()
  const result = payload && (listCodec(shape).decode(payload, 0)?.result as unknown[])
  expect(isDeepStrictEqual(result, rows)).toBe(true)
})

it('a key of one field with a name of its own is one that Prisma takes no where by', () => {
  const text = `datasource db {\n provider = "postgresql"\n}
model A {\n a Int\n @@id([a], name: "pk")\n}
model B {\n id Int @id(map: "b_pk")\n b Int\n c Int\n @@unique([b], name: "uq")\n @@unique([c], map: "c_uq")\n @@unique([b, c], name: "two")\n}`
  const { models } = readSchema(text, name => new Set(name === 'A' ? ['a'] : ['id', 'b', 'c']))
  expect(models.get('A')?.primaryKey?.unusable).toBe(true)
  const b = models.get('B')
  expect([b?.primaryKey?.unusable, ...(b?.uniques ?? []).map(key => key.unusable)]).toEqual([
    undefined,
    true,
    undefined,
    undefined,
  ])
})
