/** What a check works with: the example, installed in a folder of its own, a database of its own, and taps before both servers. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { Client } from 'pg'
import { type App, run, start, type Where } from './process.js'
import { type Tap, tapPostgres, tapRedis } from './taps.js'

export interface Lab {
  readonly where: Where
  readonly sql: Tap
  readonly redis: Tap
  /** Straight to the database, past the tap. */
  readonly database: Client
  /** States something. The run prints it when `hold` has not thrown. */
  claim: (text: string, hold: () => Promise<unknown>) => Promise<void>
  /** Starts what `npm start` starts; without npm, which does not pass signals on reliably. */
  start: (script?: string) => Promise<App>
  /** Runs a script of package.json to its end. */
  script: (name: string, withinMs: number) => Promise<string>
  /** What `work` sends: texts of statements, names of commands. */
  during: <T>(work: () => Promise<T>) => Promise<{ result: T; sql: string[]; commands: string[][] }>
}

export interface Started {
  readonly app: App
  readonly base: string
}

export async function openLab(
  where: Where,
  databaseUrl: string,
  redisUrl: string,
  packageScripts: Record<string, string>,
): Promise<Lab & { claims: readonly string[]; close: () => Promise<void> }> {
  const [sql, redis] = await Promise.all([tapPostgres(databaseUrl), tapRedis(redisUrl)])
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  const here = { cwd: where.cwd, env: { ...where.env, DATABASE_URL: sql.url, REDIS_URL: redis.url } }
  const claims: string[] = []
  const apps: App[] = []
  return {
    where: here,
    sql,
    redis,
    database,
    claims,
    async claim(text, hold) {
      try {
        await hold()
      } catch (error) {
        throw new Error(`not true: ${text}\n${apps.map(app => app.output()).join('\n')}`, { cause: error })
      }
      claims.push(text)
    },
    async start(script = 'start') {
      const [command, ...args] = (packageScripts[script] ?? '').split(' ')
      assert.equal(command, 'node', `the script ${script} is to be a call of node`)
      const env = { ...here.env, PORT: String(await freePort()) }
      const app = start({ cwd: here.cwd, env }, process.execPath, ...args)
      apps.push(app)
      return app
    },
    script: (name, withinMs) => run(here, withinMs, 'npm', 'run', name),
    async during(work) {
      const [from, fromRedis] = [sql.seen.length, redis.seen.length]
      const result = await work()
      return {
        result,
        sql: sql.seen.slice(from).map(([text]) => String(text)),
        commands: redis.seen.slice(fromRedis).map(words => [...words]),
      }
    },
    async close() {
      await Promise.all(apps.map(app => app.kill()))
      await database.end()
      await Promise.all([sql.stop(), redis.stop()])
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
