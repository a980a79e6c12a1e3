import type { TestProject } from 'vitest/node'
import { applyMigrations, createDatabase, dropDatabase } from './database.js'
import { startServers } from './servers.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres that test files make their databases in. */
    databaseUrl: string
    /** A migrated database to copy. */
    templateDatabase: string
    /** A Redis that may belong to others: never flushed, killed or paused. Test files use prefixes of their own. */
    redisUrl: string
  }
}

/** Servers for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startServers()
  console.log(servers.chosen.join('\n'))
  const template = `cache_aside_template_${process.pid}`
  await dropDatabase(servers.databaseUrl, template)
  await applyMigrations(await createDatabase(servers.databaseUrl, template))
  project.provide('databaseUrl', servers.databaseUrl)
  project.provide('templateDatabase', template)
  project.provide('redisUrl', servers.redisUrl)
  return async () => {
    await dropDatabase(servers.databaseUrl, template)
    await servers.stop()
  }
}
