import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { findProgram, messageOf, run } from './commands.js'
import { type OwnServer, startOwnServer } from './own-process.js'
import { type Unpacked, unpackRedis, unpackValkey } from './distribution-packages.js'

export type RedisServer = OwnServer

/** How an own Redis can be started. */
export interface RedisBinary {
  command: string
  env: NodeJS.ProcessEnv
  /** As a person reads it: `redis-server 7.0.15 from PATH`. */
  description: string
  version: string
}

/** `REDIS_SERVER=valkey`: all that is started here is Valkey. */
const isValkey = process.env['REDIS_SERVER'] === 'valkey'

/** How an own Redis can be started on this machine, or why not. The first time, this may download packages. */
export async function redisBinary(): Promise<{ found: true; binary: RedisBinary } | { found: false; why: string }> {
  const reasons: string[] = []
  for (const way of [redisFromPath, redisFromPackages]) {
    try {
      return { found: true, binary: await way() }
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  return { found: false, why: reasons.join('; ') }
}

/** `redis-server` or `valkey-server` from PATH; throws with the reason where there is none. */
export async function redisFromPath(): Promise<RedisBinary> {
  const programs = isValkey ? ['valkey-server'] : ['redis-server', 'valkey-server']
  const command = programs.map(name => findProgram(name)).find(found => found)
  if (!command) throw new Error(`no ${programs.join(' or ')} in PATH`)
  return describe(command, process.env, 'from PATH')
}

/** The distribution's packages, unpacked into a cache folder (Debian, Ubuntu); throws where that is impossible. */
export function redisFromPackages(): Promise<RedisBinary> {
  return isValkey ? valkeyFromPackages() : fromPackages(unpackRedis)
}

/** The same for Valkey, which Debian 12 has among its backports. */
export function valkeyFromPackages(): Promise<RedisBinary> {
  return fromPackages(unpackValkey)
}

async function fromPackages(unpack: () => Promise<Unpacked>): Promise<RedisBinary> {
  const { command, env } = await unpack().catch((error: unknown) => {
    throw new Error(`distribution packages: ${messageOf(error)}`, { cause: error })
  })
  return describe(command, env, 'unpacked from distribution packages')
}

async function describe(command: string, env: NodeJS.ProcessEnv, from: string): Promise<RedisBinary> {
  // "Redis server v=7.0.15 sha=..." or "Valkey server v=8.1.1 sha=..."
  const printed = await run(command, ['--version'], { env, withinMs: 10_000 })
  const version = /\bv=(\S+)/.exec(printed)?.[1] ?? 'of unknown version'
  return { command, env, description: `${basename(command)} ${version} ${from}`, version }
}

/**
 * Starts a Redis process of our own, never the one at REDIS_URL: for tests that kill, pause or restart it, or want
 * other settings. Nothing is saved unless `args` say so: after a restart it is empty.
 *
 * @example
 * const redis = await startRedis({ args: ['--cluster-enabled', 'yes'] })
 * await redis.kill('SIGSTOP')
 * await redis.stop()
 */
export async function startRedis(
  options: { args?: string[]; port?: number; binary?: RedisBinary } = {},
): Promise<RedisServer> {
  const binary = options.binary ?? (await redisBinaryOrThrow())
  const dir = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-redis-'))
  return startOwnServer({
    version: binary.version,
    command: binary.command,
    env: binary.env,
    dir,
    args: port => {
      const settings = { port, bind: '127.0.0.1', dir, save: '', appendonly: 'no' }
      const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
      return [...flags, ...(options.args ?? [])]
    },
    readyLine: 'Ready to accept connections',
    stopSignal: 'SIGKILL', // there is nothing to save
    url: port => `redis://127.0.0.1:${port}`,
    ...(options.port === undefined ? {} : { port: options.port }),
  })
}

async function redisBinaryOrThrow(): Promise<RedisBinary> {
  const outcome = await redisBinary()
  if (outcome.found) return outcome.binary
  throw new Error(
    `This needs a Redis process of its own, to kill and restart; a server given by URL will not do. ${outcome.why}.\n` +
      'Install one: apt-get install redis-server | brew install redis',
  )
}
