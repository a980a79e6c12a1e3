import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackPrometheus } from './distribution-packages.js'
import { messageOf } from './commands.js'
import { type OwnServer, startOwnServer } from './own-process.js'

/** A Prometheus of our own that scrapes one process, or why there is none. */
export async function startPrometheus(
  scrapedPort: number,
): Promise<{ found: true; server: OwnServer } | { found: false; why: string }> {
  const unpacked = await unpackPrometheus().catch((error: unknown) => messageOf(error))
  if (typeof unpacked === 'string') return { found: false, why: unpacked }
  const dir = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-prometheus-'))
  const config = join(dir, 'prometheus.yml')
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: 'service', static_configs: [{ targets: [`127.0.0.1:${scrapedPort}`] }] }],
    }),
  )
  const server = await startOwnServer({
    version: 'of the distribution',
    command: unpacked.command,
    env: unpacked.env,
    dir,
    args: port => [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    readyLine: 'Server is ready to receive web requests',
    stopSignal: 'SIGKILL',
    url: port => `http://127.0.0.1:${port}`,
  })
  return { found: true, server }
}
