/**
 * Run by `attack.test.ts` in a process of its own with a small heap: entries that promise more than they hold, with nothing to
 * tell them from ours. Prints two lines per payload: its name, and whether it was refused. With names as arguments only those.
 */
import { Decimal } from '@prisma/client/runtime/client'
import { Packr } from 'msgpackr'
import { rowCodec } from '../../src/wire/rows.js'
import { valueCodec, listCodec, rowOrNullCodec } from '../../src/wire/results.js'
import { unpackValue } from '../../src/wire/values.js'
import { ATTACKS } from './attacks.js'
import { cachedOf, relatedAs, shapeOf } from './subjects.js'

const packr = new Packr({ useRecords: false })
const MANY = 1_000_000

/** Each column of the model said once. */
function once(name: string, length: number, of: (type: string) => unknown = plain): unknown[] {
  const { fields } = cachedOf(name)
  return [length, ...[...fields.values()].map(({ field: f }) => (f.type === 'DateTime' ? [1000, 5, 0] : [of(f.type)]))]
}
function plain(type: string): unknown {
  return { Int: 1, Boolean: true, Float: 1, BigInt: 1, Decimal: '1', Json: '1' }[type] ?? 'x'
}

const post = shapeOf('Post', { fieldIndexes: [0] })
const withPosts = shapeOf('User', {
  fieldIndexes: [0],
  related: [relatedAs('User', 'posts', post)],
  order: ['id', 'posts'],
})
const profile = shapeOf('Profile', { fieldIndexes: [0] })
const withProfile = shapeOf('User', {
  fieldIndexes: [0],
  related: [relatedAs('User', 'profile', profile)],
  order: ['id', 'profile'],
})
const productFields = [...cachedOf('Product').fields.values()].map(({ field }) => field)
const product = rowCodec(productFields, Decimal)
const anything = valueCodec(Decimal)

const some = (length: number) => Array.from({ length }, (_, i) => i)
const list = (name: string, stored: unknown) => listCodec(shapeOf(name)).decode(packr.pack(stored), 0)
const nested = (...stored: unknown[]) => listCodec(withPosts).decode(packr.pack(stored), 0)
const result = (stored: unknown) => anything.decode(packr.pack(stored), 0)
const value = (bytes: Buffer) => {
  try {
    return { value: unpackValue(bytes, 0) }
  } catch {
    return undefined
  }
}

/**
 * An array of `times` texts, each behind an extension that reads two texts at the end of all: as long to read as there are
 * texts, times their length. `around` puts the array into a document.
 */
function bundled(
  [times, textLength]: readonly [number, number],
  each: Buffer,
  around: (array: Buffer) => Buffer,
  tag = Buffer.alloc(0),
): Buffer {
  const item = Buffer.concat([Buffer.from('c70462', 'hex'), Buffer.alloc(4), each])
  const size = times + tag.length
  const head = Buffer.concat([Buffer.from([0xdd, 0, 0, size >> 8, size & 255]), tag])
  const array = Buffer.concat([head, ...some(times).map(() => item)])
  const document = around(array)
  const from = document.indexOf(array) + head.length
  const text = Buffer.concat([Buffer.from([0xda, textLength >> 8, textLength & 255]), Buffer.alloc(textLength, 'x')])
  for (let i = 0; i < times; i++) {
    const data = from + i * item.length + 3
    document.writeUInt32BE(document.length - data, data)
  }
  return Buffer.concat([document, text, text])
}

const LARGE = [2000, 20_000] as const
const SMALL = [60, 800] as const
const A = Buffer.from('a161', 'hex')
const ONE = Buffer.from([1])
/** A list of posts of one column, a result that is a list, a row with a list of texts. */
type Size = readonly [times: number, length: number]
const posts = (size: Size) => bundled(size, ONE, ids => Buffer.concat([Buffer.from([0x92]), packr.pack(size[0]), ids]))
const texts = (size: Size) => bundled(size, A, array => array)
const inResult = (size: Size) => bundled(size, A, array => array, Buffer.from([0]))
const row = (size: Size) =>
  bundled(size, A, keywords =>
    Buffer.concat([
      Buffer.from([0xdc, 0, productFields.length]),
      ...productFields.map(({ name }) => (name === 'keywords' ? keywords : Buffer.from([0xc0]))),
    ]),
  )

const RUN: Record<keyof typeof ATTACKS, () => unknown> = {
  'a million rows, each column once': () => list('User', once('User', MANY)),
  'a million rows of no columns': () =>
    listCodec(shapeOf('User', { fieldIndexes: [] })).decode(packr.pack([MANY * 1000]), 0),
  '100,000 rows of a Json of 3 kB': () =>
    list(
      'Product',
      once('Product', 100_000, type => (type === 'Json' ? `"${'x'.repeat(3000)}"` : null)),
    ),
  '20,000 rows of 10 kB of bytes': () =>
    list(
      'Asset',
      once('Asset', 20_000, type => (type === 'Bytes' ? Buffer.alloc(10_000) : plain(type))),
    ),
  'a negative number of rows': () => listCodec(shapeOf('User', { fieldIndexes: [] })).decode(packr.pack([-1]), 0),
  'counts that cancel each other': () =>
    nested(801, some(801), [some(801).map(i => (i % 2 ? -100 : 100)), [100, some(100)]]),
  'a count that is not whole': () =>
    nested(
      2,
      [1, 2],
      [
        [0.5, 1.5],
        [2, [1, 2]],
      ],
    ),
  'counts beyond what is there': () =>
    nested(
      2,
      [1, 2],
      [
        [1, 2],
        [2, [1, 2]],
      ],
    ),
  'counts that leave some over': () =>
    nested(
      2,
      [1, 2],
      [
        [1, 0],
        [2, [1, 2]],
      ],
    ),
  'two rows for one': () => rowOrNullCodec(post).decode(packr.pack([2, [1, 2]]), 0),
  'two related rows for one': () => listCodec(withProfile).decode(packr.pack([1, [1], [[2], [2, [1, 2]]]]), 0),
  'texts from anywhere in a list': () => listCodec(post).decode(posts(LARGE), 0),
  'texts from anywhere in a result': () => anything.decode(inResult(LARGE), 0),
  'texts from anywhere in a row': () => product.decode(row(LARGE), 0),
  'texts from anywhere in a value': () => value(texts(LARGE)),
  'texts from anywhere in a small value': () => value(texts(SMALL)),
  'an error in a value': () => value(Buffer.from('d4650092a178a179', 'hex')),
  'a function in a value': () =>
    value(Buffer.concat([Buffer.from('d46500', 'hex'), packr.pack(['__lookupGetter__', '__proto__'])])),
  'a cycle in a value': () => value(Buffer.from('d6690000000191d67000000001', 'hex')),
  'a number for bytes, which would be a length': () => result(['b', 9e6]),
  'a decimal of 1e9000000000000000': () => result(['D', '1e9000000000000000']),
  'a decimal of 900,000 digits': () => result(['D', `1.${'9'.repeat(900_000)}`]),
  'an integer of 900,000 digits': () => result(['i', '9'.repeat(900_000)]),
  'a regular expression for a text': () => anything.decode(Buffer.from('d4780092a161a167', 'hex'), 0),
  'a map': () => anything.decode(Buffer.from('81a1619101', 'hex'), 0),
  'few texts from anywhere in a list, below 4 kB': () => listCodec(post).decode(posts(SMALL), 0),
  'few texts from anywhere in a result, below 4 kB': () => anything.decode(inResult(SMALL), 0),
  'few texts from anywhere in a row, below 4 kB': () => product.decode(row(SMALL), 0),
} // prettier-ignore

const only = process.argv.slice(2)
for (const [name, attack] of Object.entries(RUN)) {
  if (only.length > 0 && !only.includes(name)) continue
  console.log(JSON.stringify({ name }))
  console.log(JSON.stringify({ name, refused: attack() === undefined }))
}
