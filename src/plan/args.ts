/**
 * The args of a query as one canonical text, and what they make the query depend on. Two args share a text only if they
 * mean the same; every relation that they mention anywhere is counted. Args of an unknown form are a bypass.
 */
import { bypass } from './bypass.js'
import type { CatalogModel, Relation } from './catalog.js'
import { OPERATORS } from './identities.js'
import { isDecimal } from '../schema/canonical.js'

export type Args = Readonly<Record<string, unknown>>

/** What an answer depends on beside the rows that it is about: collected while its args are read. */
export class ModelsRead {
  readonly models = new Set<CatalogModel>()
  /** Epochs of implicit many-to-many relations. */
  readonly links = new Set<string>()
  /** Models of which a write of unknown outcome may have changed links. */
  readonly held = new Set<CatalogModel>()

  relation({ target, link }: Relation, from: CatalogModel): void {
    this.model(target)
    if (link === undefined) return
    this.links.add(link)
    this.held.add(from)
  }

  model(model: CatalogModel): void {
    if (model.cached === undefined) bypass(`${model.name} is not listed in the option models`)
    this.models.add(model)
  }

  add(other: ModelsRead): void {
    for (const model of other.models) this.models.add(model)
    for (const model of other.held) this.held.add(model)
    for (const link of other.links) this.links.add(link)
  }

  get isEmpty(): boolean {
    return this.models.size === 0
  }
}

/** What only Prisma knows of a value. */
export interface Constants {
  /** The name of `DbNull`, `JsonNull` or `AnyNull`; undefined for anything else. */
  nameOf(value: object): string | undefined
  /** Whether it is `Prisma.skip`, which says that nothing is given. */
  isSkip(value: unknown): boolean
}

export class ArgsReader {
  readonly #constants: Constants
  readonly #strict: boolean

  /** @param strict - whether an `undefined` is an error of its own to Prisma */
  constructor(constants: Constants, strict: boolean) {
    this.#constants = constants
    this.#strict = strict
  }

  /** `{ name: text }` of those that are given, in one order. */
  textOfGiven(args: Args, names: readonly string[], textOf: (name: string, value: unknown) => string): string {
    let text = ''
    for (const name of names) {
      if (this.isGiven(args, name)) text += `${name}:${textOf(name, args[name])};`
    }
    return text
  }

  /**
   * The conditions of a `where` that say something: without `undefined` and `Prisma.skip`, and without an empty `AND` or `NOT`.
   * Optional filters are written so.
   */
  conditions(where: unknown): unknown {
    if (!isPlain(where)) return where
    const names = Object.keys(where)
    const says = (name: string) => this.isGiven(where, name) && !this.#isEmpty(name, where[name])
    return names.every(says) ? where : Object.fromEntries(names.filter(says).map(name => [name, where[name]]))
  }

  #isEmpty(name: string, value: unknown): boolean {
    if (name === 'NOT') return Array.isArray(value) && value.length === 0
    if (name !== 'AND') return false
    const isEmpty = (item: unknown) => {
      const said = this.conditions(item)
      return isPlain(said) && Object.keys(said).length === 0
    }
    return Array.isArray(value) ? value.every(isEmpty) : isEmpty(value)
  }

  /** A `where`, a `cursor` or a `having`. */
  where(model: CatalogModel, where: unknown, modelsRead: ModelsRead): string {
    if (where === null) return 'null'
    const said = this.conditions(where)
    if (!isPlain(said)) bypass('where is of a form that this version does not know')
    let text = '{'
    for (const name of Object.keys(said).toSorted()) {
      text += `${name}:${this.#condition(model, name, said[name], modelsRead)};`
    }
    return `${text}}`
  }

  #condition(model: CatalogModel, name: string, value: unknown, modelsRead: ModelsRead): string {
    if (OPERATORS.has(name)) {
      if (isField(model, name)) bypass(`${name} is an operator and a field of ${model.name}`)
      if (!Array.isArray(value)) return this.where(model, value, modelsRead)
      return `[${value.map(item => this.where(model, item, modelsRead)).join(',')}]`
    }
    const relation = model.relations.get(name)
    if (relation !== undefined) {
      modelsRead.relation(relation, model)
      return this.#related(relation, value, modelsRead)
    }
    this.#mayRead(model, name)
    return this.value(value)
  }

  /** `{ some: … }` over a list; over one row `{ is: … }`, or the conditions themselves. */
  #related({ field, target }: Relation, value: unknown, modelsRead: ModelsRead): string {
    if (!isPlain(value))
      return field.list
        ? bypass('a filter over a list is of a form that this version does not know')
        : this.where(target, value, modelsRead)
    const names = Object.keys(value)
    const known = field.list ? OVER_LIST : OVER_ONE
    const words = names.filter(name => known.has(name))
    if (!field.list) {
      const twofold = words.find(name => isField(target, name))
      if (twofold !== undefined) bypass(`${twofold} is an operator and a field of ${target.name}`)
      if (words.length === 0) return this.where(target, value, modelsRead)
    }
    if (words.length < names.length) bypass('a filter over a relation is of a form that this version does not know')
    return `{${this.textOfGiven(value, words.toSorted(), (_, conditions) => this.where(target, conditions, modelsRead))}}`
  }

  orderBy(model: CatalogModel, order: unknown, modelsRead: ModelsRead): string {
    if (Array.isArray(order)) return `[${order.map(item => this.orderBy(model, item, modelsRead)).join(',')}]`
    if (!isPlain(order)) bypass('orderBy is of a form that this version does not know')
    return `{${this.textOfGiven(order, Object.keys(order), (name, value) => {
      const relation = model.relations.get(name)
      if (relation !== undefined) {
        modelsRead.relation(relation, model)
        return this.orderBy(relation.target, value, modelsRead)
      }
      if (!name.startsWith('_')) this.#mayRead(model, name)
      else if (isPlain(value)) for (const field of Object.keys(value)) this.#mayRead(model, field)
      return this.value(value)
    })}}`
  }

  /** `{ field: true }` of an aggregation, or `true`. */
  aggregated(model: CatalogModel, fields: unknown): string {
    if (isPlain(fields)) for (const name of Object.keys(fields)) if (name !== '_all') this.#mayRead(model, name)
    return this.value(fields, false)
  }

  /** Names of fields: `distinct`, `by`. */
  fields(model: CatalogModel, fields: unknown): string {
    for (const name of Array.isArray(fields) ? fields : [fields]) this.#mayRead(model, String(name))
    return this.value(fields)
  }

  /** Any value that holds no relation. */
  value(value: unknown, sorted = true): string {
    switch (typeof value) {
      case 'string':
        // A lone surrogate is stored as something else.
        return value.isWellFormed() ? JSON.stringify(value) : bypass('a text has a lone surrogate')
      case 'number':
        return Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : bypass('a number is not finite')
      case 'bigint':
        return `${value}n`
      case 'boolean':
        return String(value)
      case 'object':
        return value === null ? 'null' : this.#object(value, sorted)
      default:
        return bypass('a value is of a type that this version does not know')
    }
  }

  #object(value: object, sorted: boolean): string {
    if (Array.isArray(value)) return `[${value.map(item => this.value(item, sorted)).join(',')}]`
    if (value instanceof Date)
      return Number.isNaN(value.getTime()) ? bypass('a date is invalid') : `d${value.getTime()}`
    if (value instanceof Uint8Array) {
      return `x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
    }
    if (isDecimal(value)) return `D${value.toJSON()}`
    const constant = this.#constants.nameOf(value)
    if (constant !== undefined) return `P${constant}`
    if (!isPlain(value)) bypass('a value is of a class that this version does not know')
    const names = sorted ? Object.keys(value).toSorted() : Object.keys(value)
    return `{${names
      .filter(name => this.isGiven(value, name))
      .map(name => `${JSON.stringify(name)}:${this.value(value[name], sorted)}`)
      .join(',')}}`
  }

  /** Prisma takes `undefined` for "not given", unless it is configured to be strict; and `Prisma.skip` always. */
  isGiven(args: Args, name: string): boolean {
    const value = args[name]
    if (value !== undefined) return !this.#constants.isSkip(value)
    if (this.#strict && Object.hasOwn(args, name)) bypass(`${name} is undefined`)
    return false
  }

  /** A field that never reaches Redis is in no filter either, and a name that is no field is Prisma's to judge. */
  #mayRead({ definition, cached }: CatalogModel, name: string): void {
    const keys = [definition.primaryKey, ...definition.uniques].filter(key => key !== undefined)
    const fields = keys.find(key => key.fields.length > 1 && key.name === name)?.fields.map(field => field.name) ?? [
      name,
    ]
    for (const field of fields) {
      if (cached?.policy.exclude.has(field)) bypass(`${field} is excluded from the cache`)
      if (!definition.scalars.some(scalar => scalar.name === field)) bypass(`${definition.name} has no field ${field}`)
    }
  }
}

const OVER_LIST: ReadonlySet<string> = new Set(['some', 'every', 'none'])
const OVER_ONE: ReadonlySet<string> = new Set(['is', 'isNot'])

function isField({ definition, relations }: CatalogModel, name: string): boolean {
  return relations.has(name) || definition.scalars.some(field => field.name === name)
}

export function isPlain(value: unknown): value is Args {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** One text for args that are written alike; undefined where they hold more than plain values. */
export function literalText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return value ? 't' : 'f'
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Object.is(value, -0) ? undefined : String(value)
    case 'undefined':
      return 'u'
    default:
  }
  if (value === null) return 'n'
  const many = Array.isArray(value)
  if (!many && !isPlain(value)) return undefined
  let text = many ? '[' : '{'
  for (const name of Object.keys(value)) {
    const inner = literalText((value as Args)[name])
    if (inner === undefined) return undefined
    text += many ? `${inner},` : `${JSON.stringify(name)}:${inner},`
  }
  return text + (many ? ']' : '}')
}

/** Args that say which rows are in a list, and in what order. */
export const OF_LIST = ['cursor', 'distinct', 'orderBy', 'skip', 'take', 'where']

/** The canonical text of what says which rows are in a list, and in what order. */
export function listText(model: CatalogModel, args: Args, reader: ArgsReader, modelsRead: ModelsRead): string {
  return reader.textOfGiven(args, OF_LIST, (name, value) => {
    if (name === 'where' || name === 'cursor') return reader.where(model, value, modelsRead)
    if (name === 'orderBy') return reader.orderBy(model, value, modelsRead)
    return name === 'distinct' ? reader.fields(model, value) : reader.value(value)
  })
}
