import { readdir, readFile } from 'node:fs/promises'
import { Client, escapeIdentifier } from 'pg'

const migrations = new URL('../../prisma/migrations/', import.meta.url)

/** Brings a database to the schema: each folder of prisma/migrations once, in order, each in one transaction. */
export async function applyMigrations(databaseUrl: string): Promise<void> {
  const entries = await readdir(migrations, { withFileTypes: true })
  const names = entries.filter(entry => entry.isDirectory()).map(entry => entry.name)

  await connected(databaseUrl, async client => {
    for (const name of names.toSorted()) {
      const sql = await readFile(new URL(`${name}/migration.sql`, migrations), 'utf8')
      await client.query('BEGIN')
      try {
        await client.query(`SELECT pg_advisory_xact_lock(hashtext('_migrations'))`)
        await client.query(
          'CREATE TABLE IF NOT EXISTS "_migrations" ("name" TEXT PRIMARY KEY, "at" TIMESTAMPTZ DEFAULT now())',
        )
        const { rowCount } = await client.query('INSERT INTO "_migrations" VALUES ($1) ON CONFLICT DO NOTHING', [name])
        if (rowCount === 1) await client.query(sql)
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK')
        throw new Error(`Migration ${name} failed: ${String(error)}`, { cause: error })
      }
    }
  })
}

/**
 * Creates a database of its own for a test file and gives its url. From a migrated `template` this takes some tens of
 * milliseconds; Postgres refuses while anybody is connected to the template.
 */
export async function createDatabase(
  adminUrl: string,
  name: string,
  { template }: { template?: string } = {},
): Promise<string> {
  const from = template === undefined ? '' : ` TEMPLATE ${escapeIdentifier(template)}`
  await connected(adminUrl, client => client.query(`CREATE DATABASE ${escapeIdentifier(name)}${from}`))
  const url = new URL(adminUrl)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** Drops a database, whoever is connected to it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await connected(adminUrl, client => client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`))
}

async function connected<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
