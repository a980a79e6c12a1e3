/** Transactions of the database, as `pgoutput` tells them, message by message, and what each of them makes stale. */
import { hash } from 'node:crypto'
import type { Pgoutput } from 'pg-logical-replication'
import type { Catalog, CatalogModel } from '../plan/catalog.js'
import { anyWrite, Effects } from '../plan/effects.js'
import { addRowChange, namingFields } from '../plan/row-change.js'
import { anyWriteTo } from '../plan/write.js'
import { lsnOf, type Lsn } from './lsn.js'
import { type Tuple, valuesOf } from './tuple.js'

/** A committed transaction. */
export interface Transaction {
  /** 32 bits of it. */
  readonly xid: number
  /** Where it ends: once it is done, everything before this place is. */
  readonly end: Lsn
  readonly effects: Effects
  readonly rows: number
}

/** What the changes of a table are to the cache. */
type Table =
  | { readonly kind: 'model'; readonly model: CatalogModel }
  | { readonly kind: 'links'; readonly link: string; readonly ends: readonly CatalogModel[] }
  | { readonly kind: 'unknown' }

/** A transaction of which not all has been told. */
interface Open {
  readonly xid: number
  readonly effects: Effects
  rows: number
  readonly perModel: Map<CatalogModel, number>
}

export interface TransactionsOptions {
  readonly catalog: Catalog
  /** The Postgres schema of tables whose models name none. */
  readonly schemaName: string
  /** A table that is not in the Prisma schema has changed. */
  readonly onUnknownTable: (name: string) => void
}

/** So many rows of a model in one transaction are named; with more it is all its rows, so that memory stays flat. */
const MOST_ROWS = 10_000

export class Transactions {
  readonly #options: TransactionsOptions
  readonly #tables = new Map<string, Table>()
  /** What each table was when it was told of last, by its name. */
  readonly forms: Map<string, string>
  #open: Open | undefined

  /** @param forms - of the last time that a feed ran */
  constructor(options: TransactionsOptions, forms: ReadonlyMap<string, string>) {
    this.#options = options
    this.forms = new Map(forms)
  }

  /** Takes the next message. Answers a transaction when it was its last. */
  add(message: Pgoutput.Message): Transaction | undefined {
    switch (message.tag) {
      case 'begin':
        this.#open = { xid: message.xid, effects: new Effects(), rows: 0, perModel: new Map() }
        return undefined
      case 'commit': {
        const { xid, effects, rows } = this.#now
        this.#open = undefined
        return { xid, effects, rows, end: lsnOf(message.commitEndLsn as string) }
      }
      case 'relation':
        this.#learn(message)
        return undefined
      case 'insert':
      case 'update':
      case 'delete':
        this.#row(message)
        return undefined
      case 'truncate':
        for (const relation of message.relations) this.#all(relation)
        return undefined
      default:
        return undefined
    }
  }

  get #now(): Open {
    if (this.#open === undefined) throw new Error('Postgres told of a change outside of a transaction')
    return this.#open
  }

  /** A table that has another form than when it was told of last has been altered, or replaced. */
  #learn(relation: Pgoutput.MessageRelation): void {
    const name = nameOf(relation)
    const columns = relation.columns.map(column => [column.name, column.typeOid, column.typeMod])
    const form = hash('sha256', JSON.stringify([relation.relationOid, columns]), 'base64url').slice(0, 12)
    const before = this.forms.get(name)
    this.forms.set(name, form)
    this.#tables.set(name, this.#tableOf(relation))
    if (before !== undefined && before !== form) this.#allOf(this.#known(relation))
  }

  #row(message: Pgoutput.MessageInsert | Pgoutput.MessageUpdate | Pgoutput.MessageDelete): void {
    const { relation } = message
    const open = this.#now
    open.rows++
    const table = this.#known(relation)
    if (table.kind !== 'model') return this.#allOf(table)
    const { model } = table
    const count = (open.perModel.get(model) ?? 0) + 1
    open.perModel.set(model, count)
    if (count > MOST_ROWS) return this.#allOf(table)
    const fields = namingFields(model)
    const read = (tuple: Tuple | null | undefined) =>
      tuple === null || tuple === undefined ? undefined : valuesOf(model.definition, tuple, fields)
    const told = toldFields(model, relation)
    const [old, key] = message.tag === 'insert' ? [null, null] : [message.old, message.key]
    addRowChange(open.effects, model, {
      kind: message.tag,
      before: read((old ?? key) as Tuple | null),
      after: read(message.tag === 'delete' ? undefined : (message.new as Tuple)),
      isWhole: old !== null,
      isTold: name => told.has(name),
    })
  }

  #all(relation: Pgoutput.MessageRelation): void {
    this.#now.rows++
    this.#allOf(this.#known(relation))
  }

  /** Any of its rows may have changed. */
  #allOf(table: Table): void {
    const { effects } = this.#now
    const { catalog } = this.#options
    if (table.kind === 'links') effects.links(table.link, table.ends)
    else if (table.kind === 'unknown') anyWrite(catalog, effects)
    else anyWriteTo(catalog, [table.model], effects)
  }

  #known(relation: Pgoutput.MessageRelation): Table {
    const table = this.#tables.get(nameOf(relation)) ?? this.#tableOf(relation)
    if (table.kind === 'unknown') this.#options.onUnknownTable(nameOf(relation))
    return table
  }

  #tableOf({ schema, name }: Pgoutput.MessageRelation): Table {
    const { catalog, schemaName } = this.#options
    for (const model of catalog.values()) {
      const { definition } = model
      const ofModel = definition.databaseSchema ?? schemaName
      if (!definition.view && definition.table === name && ofModel === schema) return { kind: 'model', model }
      for (const { link, field, target } of model.relations.values()) {
        if (link !== undefined && field.joinTable === name && ofModel === schema) {
          return { kind: 'links', link, ends: [model, target] }
        }
      }
    }
    return { kind: 'unknown' }
  }
}

function nameOf({ schema, name }: Pgoutput.MessageRelation): string {
  return `${schema}.${name}`
}

/** The fields of which the value before is told if it changes: those of the replica identity. */
function toldFields({ definition }: CatalogModel, { keyColumns }: Pgoutput.MessageRelation): ReadonlySet<string> {
  return new Set(definition.scalars.filter(({ column }) => keyColumns.includes(column)).map(({ name }) => name))
}
