/** Finds or starts both servers, asks each of them something, and ends them: whether that works on this machine. */
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { startServers } from '../servers.js'

const servers = await startServers()
try {
  const redis = new Redis(servers.redisUrl)
  const [, version] = /redis_version:(\S+)/.exec(await redis.info('server')) ?? []
  redis.disconnect()

  const postgres = new Client({ connectionString: servers.databaseUrl })
  await postgres.connect()
  const { rows } = await postgres.query<{ server_version: string }>('SHOW server_version')
  await postgres.end()

  console.log(servers.chosen.join('\n'))
  console.log(`Redis ${version} and Postgres ${rows[0]?.server_version} answer`)
} finally {
  await servers.stop()
}
