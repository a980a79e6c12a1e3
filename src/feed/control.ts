/** The database beside its stream of changes: what is set up in it, how far its WAL is, what other sessions see. */
import { Client, type ClientConfig, type QueryResult } from 'pg'
import { Database } from '../source/database.js'
import { lsnOf, type Lsn } from './lsn.js'
import { Snapshot } from './snapshot.js'

type Row = Readonly<Record<string, string | null>>

/** What is known of a slot. */
export interface Slot {
  readonly plugin: string
  readonly database: string
  readonly isActive: boolean
  /** The server has removed WAL that it needs. */
  readonly isLost: boolean
  readonly confirmed: Lsn
  /** How much WAL the server keeps for it, in bytes. */
  readonly retainedBytes: number
}

/** A table as the publication needs to know it. */
export interface PublishedTable {
  /** `public.User` */
  readonly name: string
  readonly sql: string
  readonly isPublished: boolean
  /** `default` with a primary key, `full`, `index`; `nothing`: its rows have no name in the stream. */
  readonly identity: 'default' | 'full' | 'index' | 'nothing'
}

export interface Place {
  readonly walLevel: string
  readonly isReplica: boolean
  /** Changes when another server has taken over, or the database was restored. */
  readonly timeline: string
  readonly user: string
  readonly database: string
  readonly versionNumber: number
}

export class Control {
  readonly #client: Client
  readonly schemaName: string
  /** The first error of the connection. */
  readonly lost: Promise<Error>

  private constructor(client: Client, schemaName: string) {
    this.#client = client
    this.schemaName = schemaName
    this.lost = new Promise(resolve => {
      client.once('error', resolve)
      client.once('end', () => resolve(new Error('the connection to the database was closed')))
    })
    // Any further ones, too.
    client.on('error', () => undefined)
  }

  static async connect(config: ClientConfig, schemaName: string): Promise<Control> {
    const client = new Client(config)
    const control = new Control(client, schemaName)
    await client.connect()
    return control
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  /** Which database it is, and how its texts compare. */
  async facts(schemas: readonly string[]): Promise<Database> {
    const database = new Database({
      adapter: this.#client,
      schemas,
      run: async sqlFor => {
        const { rows } = await this.#client.query<(string | null)[]>({
          text: sqlFor([this.schemaName, ...schemas]),
          rowMode: 'array',
        })
        return { row: rows[0] ?? [], schema: this.schemaName }
      },
    })
    await database.known()
    if (database.facts === undefined) throw new Error('the database does not say which one it is')
    return database
  }

  async place(): Promise<Place> {
    const [row] = await this.query(
      `SELECT current_setting('wal_level') AS wal, pg_is_in_recovery()::text AS replica, current_user AS name,
        current_database() AS database, current_setting('server_version_num') AS version,
        CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline`,
    )
    return {
      walLevel: row?.['wal'] ?? '',
      isReplica: row?.['replica'] === 'true',
      timeline: row?.['timeline'] ?? '',
      user: row?.['name'] ?? '',
      database: row?.['database'] ?? '',
      versionNumber: Number(row?.['version']),
    }
  }

  async slot(name: string): Promise<Slot | undefined> {
    const [row] = await this.query(
      `SELECT plugin, database, active::text, wal_status, confirmed_flush_lsn::text AS confirmed,
        CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END::text AS retained
        FROM pg_replication_slots WHERE slot_name = $1`,
      [name],
    )
    if (row === undefined) return undefined
    return {
      plugin: row['plugin'] ?? '',
      database: row['database'] ?? '',
      isActive: row['active'] === 'true',
      isLost: row['wal_status'] === 'lost',
      confirmed: lsnOf(row['confirmed'] ?? '0/0'),
      retainedBytes: Number(row['retained'] ?? 0),
    }
  }

  /** Whether there is a publication, and whether it tells of partitions under the name of their table. */
  async publication(name: string): Promise<{ readonly isOfRoots: boolean } | undefined> {
    const [row] = await this.query(`SELECT pubviaroot::text AS roots FROM pg_publication WHERE pubname = $1`, [name])
    return row && { isOfRoots: row['roots'] === 'true' }
  }

  /** Those of the tables that are there. */
  async tables(names: ReadonlySet<string>, publication: string): Promise<PublishedTable[]> {
    const rows = await this.query(
      `SELECT n.nspname || '.' || c.relname AS name, format('%I.%I', n.nspname, c.relname) AS sql,
        EXISTS (SELECT FROM pg_publication_tables p WHERE p.pubname = $1 AND p.schemaname = n.nspname
          AND p.tablename = c.relname)::text AS published,
        CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' WHEN 'n' THEN 'nothing' ELSE
          CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
            THEN 'default' ELSE 'nothing' END END AS identity
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')`,
      [publication],
    )
    return rows
      .filter(row => names.has(row['name'] as string))
      .map(row => ({
        name: row['name'] as string,
        sql: row['sql'] as string,
        isPublished: row['published'] === 'true',
        identity: row['identity'] as PublishedTable['identity'],
      }))
  }

  /** A place in the WAL that everything is before that other sessions see now. */
  async walEnd(): Promise<Lsn> {
    const [row] = await this.query('SELECT pg_current_wal_insert_lsn()::text AS lsn')
    return endOfRecord(lsnOf(row?.['lsn'] as string))
  }

  async snapshot(): Promise<Snapshot> {
    const [row] = await this.query('SELECT pg_current_snapshot()::text AS snapshot')
    return new Snapshot(row?.['snapshot'] as string)
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const { rows }: QueryResult<Row> = await this.#client.query({
      text,
      values: [...values],
      types: { getTypeParser: () => String },
    })
    return rows
  }
}

/** Where the last record ends. At the start of a page the server answers the place behind the header of the page. */
function endOfRecord(lsn: Lsn): Lsn {
  const inPage = lsn % 8192n
  return inPage === 24n || inPage === 40n ? lsn - inPage : lsn
}
