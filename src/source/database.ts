/**
 * The database that a client reads, as the database itself describes it: which one it is, what the client's database user may
 * see, and how columns compare text. The schema shows none of this. It is queried once per driver adapter, on a connection of
 * its own. Until it has answered, reads use the database.
 */
import { patiently } from '../waiting.js'
import { questionOf } from './database-sql.js'
import type { Collations } from '../plan/catalog.js'
import type { DatabaseQuery } from '../prisma7/client.js'
import type { Model, ScalarField } from '../schema/schema.js'

/** Where the rows of a client come from. Two clients share entries only if they have the same source. */
export interface Source {
  /** One per database and Postgres schema, whatever its host is called. */
  readonly id: string
  readonly database: string
  readonly schema: string
}

/** A text column that is more than plain `text`. */
export interface TextColumn {
  readonly type: string
  readonly length: number | null
  /** Whether texts are equal only if all their bytes are. */
  readonly deterministic: boolean
}

/** All by names of the database: `schema.table`, `schema.table.column`. */
export interface DatabaseFacts {
  readonly source: Source
  /** Why the rows of a table or view are not the same for every session. */
  readonly guarded: ReadonlyMap<string, string>
  /** Columns that the database user may not read. */
  readonly denied: ReadonlyMap<string, ReadonlySet<string>>
  /** Columns of text that are not plain `text`. */
  readonly texts: ReadonlyMap<string, TextColumn>
  /** Tables whose rows may change after the statement that has returned them. */
  readonly changedAfter: ReadonlySet<string>
}

/** Reads of a new process wait so long for the first answer, and no read ever waits longer. */
const FIRST_WAIT_MS = 500
/** A query without an answer is sent again on another connection: after this time, then twice that, and so on. */
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 15_000

const databases = new WeakMap<object, Map<string, Database>>()

export class Database implements Collations {
  readonly #query: DatabaseQuery
  #facts: DatabaseFacts | undefined
  #waiting: (() => void)[] = []
  readonly #answered: Promise<void>
  #firstAskedAt: number | undefined
  #nextAskAt = Number.NEGATIVE_INFINITY
  #retryMs = FIRST_RETRY_MS

  /** All clients with the same adapter and Postgres schemas share one. */
  static of(query: DatabaseQuery): Database {
    const ofAdapter = databases.get(query.adapter) ?? new Map<string, Database>()
    databases.set(query.adapter, ofAdapter)
    const schemas = query.schemas.toSorted().join('\0')
    const database = ofAdapter.get(schemas) ?? new Database(query)
    ofAdapter.set(schemas, database)
    return database
  }

  constructor(query: DatabaseQuery) {
    this.#query = query
    this.#answered = new Promise(resolve => this.#waiting.push(resolve))
  }

  /** Undefined until the database has answered. */
  get facts(): DatabaseFacts | undefined {
    return this.#facts
  }

  /** Whether texts of a column are equal only if all their bytes are, and are kept as they are given. */
  deterministic(model: Model, { column, native }: ScalarField): boolean | undefined {
    if (this.#facts === undefined) return undefined
    const { source, texts } = this.#facts
    const known = texts.get(`${model.databaseSchema ?? source.schema}.${model.table}.${column}`)
    if (known === undefined) return true
    return known.deterministic && isAsDeclared(known, native)
  }

  /** Calls back when the facts are known; at once if they are. */
  whenKnown(then: () => void): void {
    if (this.#facts !== undefined) then()
    else this.#waiting.push(then)
  }

  /** Queries the database, if it is time to. Does not wait. */
  query(): void {
    const now = performance.now()
    if (this.#facts !== undefined || now < this.#nextAskAt) return
    this.#firstAskedAt ??= now
    this.#nextAskAt = now + this.#retryMs
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS)
    // A query that hangs is not waited for; a late answer is as good.
    void this.#find()
  }

  /** Queries the database, and waits for the answer while the process is new; later it does not wait. */
  async known(): Promise<void> {
    this.query()
    if (this.#facts !== undefined) return
    const left = (this.#firstAskedAt ?? 0) + FIRST_WAIT_MS - performance.now()
    if (left > 0) await patiently(this.#answered, left)
  }

  async #find(): Promise<void> {
    try {
      this.#learn(await this.#answer())
    } catch {
      // The caller's own query meets the same problem, and reports it.
    }
  }

  async #answer() {
    try {
      return await this.#query.run(schemas => questionOf(true, schemas))
    } catch {
      return await this.#query.run(schemas => questionOf(false, schemas))
    }
  }

  #learn({ row, schema }: Awaited<ReturnType<DatabaseQuery['run']>>): void {
    if (this.#facts !== undefined) return
    this.#facts = factsOf(row, schema)
    for (const then of this.#waiting) then()
    this.#waiting = []
  }
}

/** What the schema declares decides how a value is cut or padded. */
function isAsDeclared({ type, length }: TextColumn, native = 'Text'): boolean {
  const [, name, declared] = /^(\w+)(?:\((\d+)\))?$/.exec(native) ?? []
  if (type === 'varchar') return length === null || (name === 'VarChar' && Number(declared) === length)
  return type === 'bpchar' && name === 'Char' && Number(declared ?? 1) === length
}

interface RelationRow {
  readonly name: string
  readonly guarded: string | null
  readonly denied: readonly string[] | null
}

function factsOf(
  [identifier, oid, database, relations, texts, changedAfter]: readonly (string | null)[],
  schema: string,
): DatabaseFacts {
  const rows = JSON.parse(relations ?? '[]') as readonly RelationRow[]
  const columns = JSON.parse(texts ?? '[]') as readonly (TextColumn & { readonly name: string })[]
  return {
    source: { id: `${identifier ?? database ?? ''}/${oid ?? ''}/${schema}`, database: database ?? '', schema },
    guarded: new Map(rows.flatMap(({ name, guarded }) => (guarded === null ? [] : [[name, guarded]]))),
    denied: new Map(rows.flatMap(({ name, denied }) => (denied === null ? [] : [[name, new Set(denied)]]))),
    texts: new Map(columns.map(({ name, ...column }) => [name, column])),
    changedAfter: new Set(JSON.parse(changedAfter ?? '[]') as readonly string[]),
  }
}
