/** A Redis master, two replicas of it, and three Sentinels that watch them, all our own. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type OwnServer, startOwnServer } from './own-process.js'
import { redisBinary, type RedisServer, startRedis } from './redis-server.js'

export const MASTER = 'cache-aside'

export interface Watched {
  /** The master first. */
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly { host: string; port: number }[]
  /** The port of the master, as the Sentinels say. */
  masterPort: () => Promise<number>
  stop: () => Promise<void>
}

/** @param args - for each Redis */
export async function startWatched(args: readonly string[] = []): Promise<Watched> {
  const master = await startRedis({ args: [...args] })
  const replicas = await Promise.all(
    [1, 2].map(() => startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`, ...args] })),
  )
  const servers = [master, ...replicas]
  const eyes = new Redis(master.url)
  while (!/connected_slaves:2[\s\S]*state=online[\s\S]*state=online/.test(await eyes.info('replication')))
    await sleep(50)
  eyes.disconnect()
  const watching = await Promise.all([1, 2, 3].map(() => startSentinel(master.port)))
  const sentinels = watching.map(({ port }) => ({ host: '127.0.0.1', port }))
  const clients = sentinels.map(address => new Redis({ ...address, enableReadyCheck: false }))
  // They have to know of each other, and of the replicas, before they can elect.
  for (const client of clients) {
    while (true) {
      const told = (await client.call('SENTINEL', 'MASTER', MASTER)) as string[]
      const field = (name: string) => told[told.indexOf(name) + 1]
      if (field('num-other-sentinels') === '2' && field('num-slaves') === '2') break
      await sleep(50)
    }
  }
  return {
    servers,
    sentinels,
    async masterPort() {
      const address = await clients[0]?.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)
      return Number((address as string[] | undefined)?.[1])
    },
    async stop() {
      for (const client of clients) client.disconnect()
      await Promise.all([...watching, ...servers].map(server => server.stop()))
    },
  }
}

async function startSentinel(masterPort: number): Promise<OwnServer> {
  const outcome = await redisBinary()
  if (!outcome.found) throw new Error(outcome.why)
  const { binary } = outcome
  const dir = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-sentinel-'))
  const config = join(dir, 'sentinel.conf')
  const lines = [
    `sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 6000`,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  return startOwnServer({
    version: binary.version,
    command: binary.command,
    env: binary.env,
    dir,
    args: port => [config, '--sentinel', '--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
    readyLine: '+monitor master',
    stopSignal: 'SIGKILL',
    url: port => `redis://127.0.0.1:${port}`,
  })
}
