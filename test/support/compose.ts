import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { run } from './commands.js'
import { watch } from './lifeline.js'
import { freePort } from './own-process.js'

const composeFile = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url))

/** A service of docker-compose.yml on a free port, under a project name of its own. Throws where Docker does not run. */
export async function startComposeService(
  service: 'redis' | 'postgres',
): Promise<{ port: number; stop: () => Promise<void> }> {
  // Without a daemon this fails at once, with a broken one it can hang.
  await run('docker', ['info'], { env: process.env, withinMs: 5_000 })
  const port = await freePort()
  const project = `prisma-cache-aside-${service}-${randomBytes(4).toString('hex')}`
  const compose = ['compose', '-f', composeFile, '-p', project]
  const down = [...compose, 'down', '--volumes', '--timeout', '2']
  const lifeline = watch({ run: { command: 'docker', args: down } })
  const stop = async (): Promise<void> => {
    await run('docker', down, { env: process.env, withinMs: 60_000 })
    await lifeline.release()
  }
  const env = { ...process.env, [`${service.toUpperCase()}_PORT`]: String(port) }
  try {
    await run('docker', [...compose, 'up', '--detach', '--wait', service], { env, withinMs: 300_000 })
  } catch (error) {
    await stop().catch(() => {}) // the first error says why; the lifeline tries again at exit
    throw error
  }
  return { port, stop }
}
