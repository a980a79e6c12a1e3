/**
 * Run by `attack.test.ts` in a process of its own with a small heap: entries that promise more than they hold, with nothing to
 * tell them from ours. Prints a line per payload: its name, what became of it, and the size of what was decoded.
 */
import { Decimal } from '@prisma/client/runtime/client'
import { Packr } from 'msgpackr'
import { rowCodec } from '../../src/wire/codec.js'
import { Budget } from '../../src/wire/guard.js'
import { anythingCodec, listCodec, rowOrNullCodec } from '../../src/wire/results.js'
import type { Shape } from '../../src/plan/shape.js'
import { modelNamed } from '../core/catalog.js'

const packr = new Packr({ useRecords: false })
const MANY = 1_000_000

// Without the bound, to see that the test can fail.
if (process.argv.includes('--unbounded')) Budget.prototype.spend = () => true

function shapeOf(name: string, more: Partial<Shape> = {}): Shape {
  const model = modelNamed(name)
  if (model.cached === undefined) throw new Error(`${name} is not cached`)
  return {
    model,
    cached: model.cached,
    places: undefined,
    related: [],
    counted: [],
    order: undefined,
    text: '',
    ...more,
  }
}

/** Each column of the model said once. */
function once(name: string, length: number, of: (type: string) => unknown): unknown[] {
  const { fields } = shapeOf(name).cached
  return [length, ...[...fields.values()].map(({ field: f }) => (f.type === 'DateTime' ? [1000, 5, 0] : [of(f.type)]))]
}

const plain = (type: string) => ({ Int: 1, Boolean: true, Float: 1, BigInt: 1, Decimal: '1', Json: '1' })[type] ?? 'x'
const posts = modelNamed('User').relations.get('posts')
if (posts === undefined) throw new Error('User has no posts')
const inner = shapeOf('Post', { places: [0] })
const nested = shapeOf('User', {
  places: [0],
  related: [
    {
      name: 'posts',
      relation: posts,
      args: true,
      text: '',
      met: undefined as never,
      hasCursor: false,
      joined: false,
      shape: inner,
    },
  ],
  order: ['id', 'posts'],
})
const some = (length: number) => Array.from({ length }, (_, i) => i)
const bundled = Buffer.concat([
  Buffer.from('dc7000', 'hex'),
  Buffer.alloc(200_000, Buffer.from('c704620000000f', 'hex')),
])

const row = rowCodec(
  [...shapeOf('Product').cached.fields.values()].map(({ field: f }) => f),
  Decimal,
)
const ATTACKS: Record<string, () => unknown> = {
  'a million rows, each column once': () => list('User', once('User', MANY, plain)),
  'a million rows of a Json of 3 kB': () =>
    list(
      'Product',
      once('Product', MANY, t => (t === 'Json' ? `"${'x'.repeat(3000)}"` : plain(t))),
    ),
  'a million rows of 10 kB of bytes': () =>
    list(
      'Asset',
      once('Asset', MANY, t => (t === 'Bytes' ? Buffer.alloc(10_000) : plain(t))),
    ),
  'a million rows of no columns': () => listCodec(shapeOf('User', { places: [] })).decode(packr.pack([MANY * 1000]), 0),
  'counts that cancel each other': () =>
    listCodec(nested).decode(packr.pack([800, some(800), [some(800).map(i => (i % 2 ? -1e6 : 1e6)), [MANY, [1]]]]), 0),
  'counts beyond what is there': () =>
    listCodec(nested).decode(
      packr.pack([
        2,
        [1, 2],
        [
          [1, 2],
          [2, [1, 2]],
        ],
      ]),
      0,
    ),
  'counts that leave some over': () =>
    listCodec(nested).decode(
      packr.pack([
        2,
        [1, 2],
        [
          [1, 0],
          [2, [1, 2]],
        ],
      ]),
      0,
    ),
  'a count that is not whole': () =>
    listCodec(nested).decode(
      packr.pack([
        2,
        [1, 2],
        [
          [0.5, 1.5],
          [2, [1, 2]],
        ],
      ]),
      0,
    ),
  'a negative number of rows': () => list('User', once('User', -1, plain)),
  'two rows for one': () => rowOrNullCodec(inner).decode(packr.pack([2, [1, 2]]), 0),
  'an extension that reads texts from anywhere, in a list': () => listCodec(inner).decode(bundled, 0),
  'the same in a result': () => anythingCodec(Decimal).decode(bundled, 0),
  'the same in a row': () => row.decode(bundled, 0),
  'a number for bytes, which would be a length': () => anythingCodec(Decimal).decode(packr.pack(['b', 4e9]), 0),
  'a decimal of 1e9000000000000000': () => anythingCodec(Decimal).decode(packr.pack(['D', '1e9000000000000000']), 0),
  'a decimal of 900,000 digits': () => anythingCodec(Decimal).decode(packr.pack(['D', '9'.repeat(900_000)]), 0),
  'an integer of 900,000 digits': () => anythingCodec(Decimal).decode(packr.pack(['i', '9'.repeat(900_000)]), 0),
  'a regular expression for a text': () => anythingCodec(Decimal).decode(Buffer.from('d4780092a161a167', 'hex'), 0),
  'a map': () => anythingCodec(Decimal).decode(Buffer.from('81a1619101', 'hex'), 0),
}

function list(name: string, stored: unknown): unknown {
  return listCodec(shapeOf(name)).decode(packr.pack(stored), 0)
}

for (const [name, attack] of Object.entries(ATTACKS)) {
  const began = process.cpuUsage()
  const decoded = attack()
  const { user, system } = process.cpuUsage(began)
  console.log(JSON.stringify({ name, refused: decoded === undefined, cpuMs: Math.round((user + system) / 1000) }))
}
