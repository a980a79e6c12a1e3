/** What the feed needs in the database: a publication of the tables, and a slot. Makes it, checks it, and drops it. */
import type { Catalog } from '../plan/catalog.js'
import { quoted } from '../source/postgres.js'
import type { Control, Place, PublishedTable, Slot } from './control.js'
import { FeedError } from './feed-error.js'

export interface Names {
  readonly slot: string
  readonly publication: string
}

/** What was done, and what is worth doing besides. */
export interface SetUp {
  /** Each statement that was run. */
  readonly done: readonly string[]
  readonly advice: readonly Advice[]
  /** Tables that are followed. */
  readonly tables: readonly string[]
}

export interface Advice {
  readonly table: string
  readonly why: string
  /** What mends it. */
  readonly sql: string
}

/** Names of tables that the feed follows: those of models, and of implicit many-to-many relations. */
export function tablesOf(catalog: Catalog, schemaName: string): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { definition, relations } of catalog.values()) {
    const schema = definition.databaseSchema ?? schemaName
    if (!definition.view) names.add(`${schema}.${definition.table}`)
    for (const { link, field } of relations.values()) if (link !== undefined) names.add(`${schema}.${field.joinTable}`)
  }
  return names
}

/**
 * Makes what is missing.
 *
 * @throws FeedError with the SQL that somebody else has to run, where the database user may not
 */
export async function setUp(control: Control, catalog: Catalog, names: Names): Promise<SetUp> {
  const place = await checkedPlace(control)
  const done: string[] = []
  const run = async (sql: string) => {
    try {
      await control.query(sql)
    } catch (error) {
      throw refused(error, sql, place)
    }
    done.push(sql)
  }
  const tables = await control.tables(tablesOf(catalog, control.schemaName), names.publication)
  const publication = await control.publication(names.publication)
  const missing = tables.filter(({ isPublished, identity }) => !isPublished && identity !== 'nothing')
  const list = missing.map(({ sql }) => sql).join(', ')
  if (publication === undefined) {
    if (missing.length === 0) {
      throw new FeedError('There is no table to follow: is it the right database, and are all migrations applied?')
    }
    await run(
      `CREATE PUBLICATION ${quoted(names.publication)} FOR TABLE ${list} WITH (publish_via_partition_root = true)`,
    )
  } else {
    if (!publication.isOfRoots) {
      await run(`ALTER PUBLICATION ${quoted(names.publication)} SET (publish_via_partition_root = true)`)
    }
    if (missing.length > 0) await run(`ALTER PUBLICATION ${quoted(names.publication)} ADD TABLE ${list}`)
  }
  const slot = await control.slot(names.slot)
  if (slot !== undefined) checkSlot(slot, names, place)
  if (slot?.isLost === true) await run(dropSlot(names.slot))
  if (slot === undefined || slot.isLost) await run(createSlot(names.slot, place))
  const followed = tables.filter(({ isPublished }) => isPublished)
  return {
    done,
    advice: adviceOf(tables, catalog, control.schemaName),
    tables: [...followed, ...missing].map(({ name }) => name),
  }
}

/** Drops slot and publication, if they are there. Answers what was run. */
export async function tearDown(control: Control, names: Names): Promise<string[]> {
  const done: string[] = []
  const run = async (sql: string) => {
    await control.query(sql)
    done.push(sql)
  }
  const slot = await control.slot(names.slot)
  if (slot?.isActive === true) {
    throw new FeedError(`The slot ${names.slot} is in use: stop the feed that uses it, wherever it runs, and try again`)
  }
  if (slot !== undefined) await run(dropSlot(names.slot))
  if ((await control.publication(names.publication)) !== undefined) {
    await run(`DROP PUBLICATION ${quoted(names.publication)}`)
  }
  return done
}

/** @throws FeedError where no feed can run */
export async function checkedPlace(control: Control): Promise<Place> {
  const place = await control.place()
  if (place.isReplica) {
    throw new FeedError(
      'The database is a replica: connect to the primary, because only there it shows what sessions see',
    )
  }
  if (place.walLevel !== 'logical') {
    throw new FeedError(
      `wal_level is ${place.walLevel}, and has to be logical. Run ALTER SYSTEM SET wal_level = logical, and restart Postgres ` +
        '(on a managed one: set rds.logical_replication = 1, cloudsql.logical_decoding = on, or the like)',
    )
  }
  return place
}

function checkSlot(slot: Slot, { slot: name }: Names, { database }: Place): void {
  if (slot.plugin === 'pgoutput' && slot.database === database) return
  throw new FeedError(
    `The slot ${name} is one of ${slot.plugin} in the database ${slot.database}, not of pgoutput in ${database}. Choose another name: slot`,
  )
}

function createSlot(name: string, { versionNumber }: Place): string {
  // A replica that is to take over keeps it in step, if it is told to (sync_replication_slots).
  const more = versionNumber >= 170_000 ? ', false, false, true' : ''
  return `SELECT pg_create_logical_replication_slot('${name}', 'pgoutput'${more})`
}

function dropSlot(name: string): string {
  return `SELECT pg_drop_replication_slot('${name}')`
}

/** What the database user may not do, somebody else has to. */
function refused(error: unknown, sql: string, { user, database }: Place): unknown {
  const code = (error as { readonly code?: unknown } | null)?.code
  if (code !== '42501') return error
  const role = quoted(user)
  const rights = sql.startsWith('SELECT pg_')
    ? [`ALTER ROLE ${role} REPLICATION;  -- on RDS: GRANT rds_replication TO ${role};`]
    : [`GRANT CREATE ON DATABASE ${quoted(database)} TO ${role};  -- it has to own the tables, too`]
  return new FeedError(
    `The database user ${user} may not do this. Run it as one who may:\n  ${sql};\nOr give it the right:\n  ${rights.join('\n  ')}`,
  )
}

function adviceOf(tables: readonly PublishedTable[], catalog: Catalog, schemaName: string): Advice[] {
  return tables.flatMap(({ name, sql, identity }) => {
    const full = `ALTER TABLE ${sql} REPLICA IDENTITY FULL`
    if (identity === 'nothing') {
      const why =
        'it has no primary key, so its changes are not followed: published as it is, each UPDATE of it would fail'
      return [{ table: name, why, sql: full }]
    }
    const model = [...catalog.values()].find(
      ({ definition }) => `${definition.databaseSchema ?? schemaName}.${definition.table}` === name,
    )
    if (identity === 'full' || model === undefined || model.lists.length === 0) return []
    const why =
      'Postgres does not tell the foreign keys that a row had before, so each change of one drops all lists of these rows'
    return [{ table: name, why, sql: full }]
  })
}
