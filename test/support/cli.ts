/** The command line, as a process of its own or as functions, on the servers of a world. */
import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Cache, connect, openCache } from '../../src/cli/cache.js'
import { connectSql, type Sql } from '../../src/cli/database.js'
import { schemaFrom } from '../../src/schema/schema-file.js'
import type { World } from './world.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const SCHEMA = `${ROOT}prisma/schema.prisma`
const MAIN = ['--import', 'tsx', `${ROOT}src/cli/main.ts`]

type Place = Pick<World, 'redisUrl' | 'prefix' | 'databaseUrl'>

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly env?: Record<string, string>
  readonly schema?: string
}

function argsOf({ prefix }: Place, args: readonly string[], schema = SCHEMA): string[] {
  return [...MAIN, ...args, '--prefix', prefix, '--schema', schema]
}

function envOf({ redisUrl, databaseUrl }: Place, env: Record<string, string> = {}) {
  const { NO_COLOR: _, ...own } = process.env
  return { ...own, REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, ...env }
}

/** With pipes for input and output. */
export function run(place: Place, args: readonly string[], { env, schema }: RunOptions = {}): Promise<Ran> {
  return new Promise(resolve => {
    const options = { env: envOf(place, env), cwd: ROOT, maxBuffer: 1 << 26 }
    execFile(process.execPath, argsOf(place, args, schema), options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

/** Sends SIGINT once that text is written, as Ctrl-C does. */
export function interrupted(place: Place, args: readonly string[], when: RegExp, { env }: RunOptions): Promise<Ran> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, argsOf(place, args), { env: envOf(place, env), cwd: ROOT })
    let [stdout, stderr, isSent] = ['', '', false]
    const look = () => {
      if (isSent || !when.test(stdout + stderr)) return
      isSent = true
      child.kill('SIGINT')
    }
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString()
      look()
    })
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString()
      look()
    })
    child.on('close', code => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

export interface Terminal {
  readonly columns: number
  readonly rows?: number
  readonly env?: Record<string, string>
  /** Typed once the screen shows this. */
  readonly type?: { readonly when: RegExp; readonly keys: string }
}

/**
 * In a terminal of that size, by `script` of util-linux, which gives a program a terminal.
 *
 * @returns all that was written to the terminal
 */
export function runInTerminal(place: Place, args: readonly string[], terminal: Terminal): Promise<Ran> {
  const { columns, rows = 24, env, type } = terminal
  const quoted = [process.execPath, ...argsOf(place, args)].map(each => `'${each.replaceAll("'", String.raw`'\''`)}'`)
  const command = `stty cols ${columns} rows ${rows}; exec ${quoted.join(' ')}`
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...envOf(place, env), TERM: env?.['TERM'] ?? 'xterm' },
      cwd: ROOT,
    })
    let stdout = ''
    let isTyped = false
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString()
      if (type === undefined || isTyped || !type.when.test(stdout)) return
      isTyped = true
      child.stdin.write(type.keys)
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 1, stdout, stderr: '' }))
  })
}

/** Whether there is a `script` that takes a command. */
export function hasTerminals(): Promise<boolean> {
  return new Promise(resolve => {
    execFile('script', ['-qec', 'stty size', '/dev/null'], error => resolve(error === null))
  })
}

export interface Opened {
  readonly cache: Cache
  readonly sql: Sql
  close(): Promise<void>
}

/** What the commands work with. */
export async function opened({ redisUrl, databaseUrl, prefix }: Place): Promise<Opened> {
  const schema = schemaFrom(SCHEMA, message => new Error(message))
  const redis = await connect({ url: redisUrl, isCluster: false })
  const sql = await connectSql(databaseUrl, schema)
  const cache = await openCache(redis, prefix, schema, sql.database)
  return {
    cache,
    sql,
    async close() {
      redis.disconnect()
      await sql.close()
    },
  }
}
