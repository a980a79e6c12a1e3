/** Random things that have a name in Redis, each with its key and with a text that only the same thing has. */
import { Buckets } from '../../src/wire/buckets.js'
import type { CatalogModel, Identity } from '../../src/plan/catalog.js'
import type { ScalarField } from '../../src/schema/schema.js'
import {
  fleetKey,
  linkKey,
  relationKey,
  knownServerKey,
  hashName,
  tagKey,
  relationTag,
  valueKey,
  valuesEpoch,
} from '../../src/wire/keys.js'
import type { Random } from './random.js'
import { catalog } from './catalog.js'

type Named = readonly [kind: string, key: string, identity: string]

/** Of ids all types that may be part of one. */
export const ALL_KINDS = [
  'epoch',
  'link',
  'list',
  'long',
  'pointer',
  'query',
  'related',
  'row',
  'seen',
  'tag',
  'tag of values',
  'value',
  'id of BigInt',
  'id of Boolean',
  'id of Bytes',
  'id of Char',
  'id of DateTime',
  'id of Decimal',
  'id of Enum',
  'id of Int',
  'id of String',
  'id of Uuid',
  'id of several',
].toSorted()

/** As the catalog has it: nothing keeps a value of the caller's from a row but what comes behind. */
const PREFIX = ''
const ALPHABET = [
  'a',
  'b',
  ':',
  '%',
  '3',
  'A',
  '*',
  '{',
  '}',
  'é',
  'e\u0301',
  '2',
  '5',
  ' ',
  '.',
  '-',
  '?',
  '=',
  '#',
  '@',
  '😀',
]
const LIKE_KEYS = [
  '@rows',
  '{Post}@any',
  'Post:1',
  'User:1',
  '*'.padEnd(65, 'a'),
  '%2A',
  '',
  'posts',
  'Post.authorId',
  'null',
] // prettier-ignore

/** Of models, columns and relations: a text that is one may stand where the name does. */
const NAMES = [...catalog.values()].flatMap(({ definition, relations, identities }) => [
  definition.name,
  ...relations.keys(),
  ...identities.flatMap(({ columns }) => columns),
])

interface Of {
  readonly model: CatalogModel
  readonly identities: readonly { readonly identity: Identity; readonly primary: boolean }[]
}

export class Identities {
  readonly #random: Random
  readonly #models: readonly Of[]

  constructor(random: Random) {
    this.#random = random
    this.#models = [...catalog.values()].map(model => ({
      model,
      identities: model.identities.map(identity => ({ identity, primary: identity === model.identity })),
    }))
  }

  /** Some: those that hang on one row, or one that hangs on none. */
  next(): Named[] {
    const random = this.#random
    if (random.chance(0.15)) return this.#alone()
    const { model, identities } = random.pick(this.#models)
    if (identities.length === 0) return this.#epochs(model)
    const { identity, primary } = random.pick(identities)
    const { fields } = identity.key
    const values = fields.map(field => this.#valueOf(field))
    const id = identity.idOf(Object.fromEntries(fields.map((field, i) => [field.name, values[i]])))
    if (id === undefined) return []
    const text = JSON.stringify([model.name, fields.map(field => field.name), values.map(spelled)])
    const key = primary ? model.keys.row(id) : model.keys.pointer(identity.columns, id)
    const named: [string, string, string][] = [[primary ? 'row' : 'pointer', key, text]]
    // What else the name says, to see that all of it is met.
    for (const field of fields) named.push([`id of ${kindOf(field)}`, key, text])
    if (fields.length > 1) named.push(['id of several', key, text])
    if (id.startsWith('*')) named.push(['long', key, text])
    const relations = [...model.relations]
    if (relations.length > 0 && random.chance(0.5)) {
      const [name, relation] = random.pick(relations)
      const shape = hashName(String(random.below(20)))
      const columns = fields.map(({ column }) => column)
      named.push(['related', relationKey(key, name), `${text}.${name}`])
      named.push(['list', relationKey(key, name, shape), `${text}.${name}?${shape}`])
      named.push([
        'tag',
        relationTag(key, relation.target.keys, columns),
        `${text}#${relation.target.name}.${columns.join()}`,
      ])
    }
    return named
  }

  #epochs({ definition, keys }: CatalogModel): Named[] {
    const shape = hashName(this.#text())
    return [
      ['epoch', keys.unnamedWrites, `${definition.name} rows`],
      ['epoch', keys.everyWrite, `${definition.name} any`],
      ['epoch', keys.lists, `${definition.name} lists`],
      ['epoch', keys.hold, `${definition.name} hold`],
      ['query', keys.query(shape), `${definition.name} query ${shape}`],
      ['link', linkKey(PREFIX, keys, '_PostToTag'), `${definition.name} link`],
    ]
  }

  #alone(): Named[] {
    const text = this.#text()
    switch (this.#random.below(5)) {
      case 0:
        return [['value', valueKey(new Buckets(PREFIX, false), text), `value ${text}`]]
      case 1:
        return [['tag of values', tagKey(PREFIX, text), `tag of values ${text}`]]
      case 2: {
        const server = this.#random.below(1000).toString(16)
        return [['seen', knownServerKey(PREFIX, server, 'epochs'), `seen ${server}`]]
      }
      case 3:
        return [
          ['epoch', valuesEpoch(PREFIX), 'values'],
          ['epoch', fleetKey(PREFIX), 'fleet'],
        ]
      default:
        return this.#epochs(this.#random.pick(this.#models).model)
    }
  }

  /** Texts that are likely to run into one another: of few letters, like keys, long ones that differ at one place. */
  #text(): string {
    const random = this.#random
    const kind = random.next()
    if (kind < 0.05) return random.pick(LIKE_KEYS)
    if (kind < 0.1) return random.pick(NAMES)
    if (kind < 0.2) {
      const long = 'x'.repeat(random.between(30, 120))
      const at = random.below(long.length)
      return long.slice(0, at) + random.pick(ALPHABET) + long.slice(at)
    }
    let text = ''
    for (let n = random.below(8); n > 0; n--) text += random.pick(ALPHABET)
    return text
  }

  #valueOf(field: ScalarField): unknown {
    const random = this.#random
    switch (kindOf(field)) {
      case 'Int':
        return random.between(-(2 ** 31), 2 ** 31 - 1) >> random.below(31)
      case 'BigInt':
        return (
          BigInt.asIntN(64, (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32))) >>
          BigInt(random.below(63))
        )
      case 'Boolean':
        return random.chance(0.5)
      case 'Enum':
        return random.pick(field.members)
      case 'Decimal': {
        const fraction = random.chance(0.5) ? '' : `.${random.below(10)}${random.between(1, 9)}`
        const whole = random.between(-500_000, 500_000)
        return whole === 0 ? '0' : `${whole}${fraction}`
      }
      case 'DateTime':
        return new Date(random.between(-1e12, 1e12))
      case 'Bytes':
        return random.bytes(random.pick([0, 1, 2, 3, 31, 32, 33, 40]))
      case 'Uuid':
        return random
          .bytes(16)
          .toString('hex')
          .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
      case 'Char':
        return Array.from({ length: 5 }, () => random.pick(['a', ':', 'é', '%', '*', '😀'])).join('')
      default:
        return this.#text()
    }
  }
}

function kindOf({ type, native }: ScalarField): string {
  return /^(?:Uuid|Char)/.exec(native ?? '')?.[0] ?? type
}

function spelled(value: unknown): string {
  if (value instanceof Date) return String(value.getTime())
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)
}
