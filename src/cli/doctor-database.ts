/** What in the set-up of the database matters to the cache. */
import type { CatalogModel } from '../plan/catalog.js'
import { Access } from '../source/access.js'
import { feedKey } from '../wire/keys.js'
import { type Cache, nowOf } from './cache.js'
import { signFinding, slotFinding } from './feed-findings.js'
import type { Sql } from './database.js'
import { bad, type Finding, note, ok } from './finding.js'
import { duration } from './print.js'

/** The length of a hold: a write of unknown outcome has to be settled by then. */
const HOLD_MS = 60_000

export async function checkDatabase(cache: Cache, sql: Sql): Promise<Finding[]> {
  return [
    checkSource(cache, sql),
    ...(await checkTables(cache, sql)),
    await checkTimeout(sql, 'statement_timeout'),
    await checkTimeout(sql, 'idle_in_transaction_session_timeout'),
    checkAccess(cache, sql),
    ...(await checkTriggers(cache, sql)),
    ...(await checkFeed(cache, sql)),
  ]
}

/** Nothing where there is no slot of a change feed, and none has left a sign of life. */
async function checkFeed({ redis, buckets }: Cache, sql: Sql): Promise<Finding[]> {
  // What is not permitted is found elsewhere.
  const left = await redis.get(feedKey(buckets)).catch(() => null)
  const [, at = '0', name = 'prisma_cache'] = /^(\d+) .*"slot":"(\w+)"/.exec(left ?? '') ?? []
  const [slot] = await sql.query(
    `SELECT active::text, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS retained
      FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  )
  if (slot === undefined && left === null) return []
  const found = slot && {
    isActive: slot['active'] === 'true',
    isLost: slot['wal_status'] === 'lost',
    retainedBytes: Number(slot['retained']),
  }
  const ageMs = at === '0' ? undefined : (await nowOf(redis)) - Number(at)
  return [slotFinding(name, found), signFinding(ageMs)]
}

function checkSource({ fleet, prefix }: Cache, { database }: Sql): Finding {
  const source = database.facts?.source
  if (source === undefined) {
    return bad(
      'source',
      'the database does not say which one it is',
      'See the rights of the database user on pg_catalog',
    )
  }
  const owner = fleet?.source ?? ''
  if (owner === '' || owner === source.id) return ok('source', source.id)
  return bad(
    'source',
    `the prefix ${JSON.stringify(prefix)} holds rows of ${owner}, and this database is ${source.id}`,
    'Give each database and each Postgres schema a prefix of its own: prefix: ({ database, schema }) => …',
  )
}

async function checkTables({ schema }: Cache, sql: Sql): Promise<Finding[]> {
  const tables = [...schema.models.values()].map(({ databaseSchema, table }) => ({
    schema: databaseSchema ?? sql.schemaName,
    table,
  }))
  const rows = await sql.query(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
  )
  const found = new Set(rows.map(row => `${row['schema']}.${row['name']}`))
  const missing = tables.map(({ schema: of, table }) => `${of}.${table}`).filter(name => !found.has(name))
  if (missing.length === 0) return [ok('tables', `all ${tables.length} of the schema`)]
  const remedy = 'Is it the right database, and are all migrations applied? Is ?schema=… in the URL right?'
  return [bad('tables', `there is no ${missing.join(', ')}`, remedy)]
}

async function checkTimeout(sql: Sql, name: string): Promise<Finding> {
  const [row] = await sql.query(`SELECT setting FROM pg_settings WHERE name = $1`, [name])
  const ms = Number(row?.['setting'] ?? 0)
  const remedy =
    `Set ${name} well below ${duration(HOLD_MS)}, the length of a hold: a write that the application has given up on may ` +
    'otherwise commit later, and leave stale rows until their TTL'
  if (ms === 0) return bad(name, 'not set', remedy)
  return ms < HOLD_MS ? ok(name, duration(ms)) : bad(name, duration(ms), remedy)
}

function checkAccess({ catalog, settings }: Cache, { database }: Sql): Finding {
  const isConfigured = ({ name }: CatalogModel) => settings === undefined || settings.models.has(name)
  const reasons = new Access(catalog, database).reasons()
  const closed = [...reasons].filter(([name]) => {
    const model = catalog.get(name)
    return model !== undefined && isConfigured(model)
  })
  if (closed.length === 0) return ok('access', 'the database user may read all rows of all models')
  return bad(
    'access',
    closed.map(([, why]) => why).join('; '),
    `These models are not cached. Take them out of the option models; or, if all users of the cache may see the same rows: rowSecurity: 'same-for-all'`,
  )
}

async function checkTriggers({ schema }: Cache, sql: Sql): Promise<Finding[]> {
  const rows = await sql.query(
    `SELECT n.nspname AS schema, c.relname AS table, string_agg(t.tgname, ', ' ORDER BY t.tgname) AS names
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' GROUP BY 1, 2`,
  )
  const models = [...schema.models.values()]
  const found = rows.flatMap(row => {
    const of = models.find(
      model => model.table === row['table'] && (model.databaseSchema ?? sql.schemaName) === row['schema'],
    )
    return of === undefined ? [] : [`${of.name} (${row['names']})`]
  })
  if (found.length === 0) return [ok('triggers', 'none on tables of the schema')]
  const remedy = "If one changes rows of another model, name it: triggers: { Order: ['User'] }"
  return [note('triggers', `on ${found.join('; ')}`, remedy)]
}
