#!/usr/bin/env node
/** The command line: `npx prisma-extension-cache-aside …`. It needs the schema file and REDIS_URL. */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { connect, openCache } from './cache.js'
import { listKeys, printStats } from './contents.js'
import { connectSql, type Sql } from './database.js'
import { diagnose, printFindings } from './doctor.js'
import { Failure } from './failure.js'
import { inspect, printInspected } from './inspect.js'
import { invalidate, printInvalidated } from './invalidate.js'
import { Printer } from './print.js'
import type { Schema } from '../schema/schema.js'
import { schemaFrom } from '../schema/schema-file.js'
import { top } from './top.js'
import { warm } from './warm.js'

const HELP = `Usage: prisma-extension-cache-aside <command> [options]

Commands
  inspect User:42                    what is stored of a row, and whether it would be served
  inspect User '{"email":"…"}'       the same by another unique
  inspect Post.findMany '{"take":10}'  of a query
  keys [User]                        what is stored, key by key
  stats                              what is stored, counted by model
  top                                what is read now: reads, hits, times, the hottest keys
  invalidate User:42                 one row; also User '{"email":"…"}', User, --tag finance, --all
  warm User --client ./db.js         loads rows before they are asked for, through the client of your application
  feed                               runs the change feed; feed setup, feed status, feed teardown
  doctor                             what in the set-up of Redis and the database is to be mended

Options
  --redis <url>      default: REDIS_URL
  --cluster          the URL is a node of a Redis Cluster
  --database <url>   inspect compares rows with it, doctor looks at it. Default: DATABASE_URL
  --schema <path>    the Prisma schema, a file or a folder. Default: where Prisma looks
  --prefix <text>    as in the option prefix of cacheAside. Default: none
  --slot <name>      feed: its replication slot. Default: prisma_cache
  --publication <name>  feed: its publication. Default: prisma_cache
  --client <path>    warm: the module that exports your client with the cache, as default, prisma or db
  --where <json>     warm: which rows, as for findMany. Default: all
  --concurrency <number>  warm: so many batches at a time. Default: 2
  --after <json>     warm: goes on behind this row; it says so itself when it stops
  --json             for programs
  --limit <number>   keys: at most so many. Default: 50
  --count <number>   top: so many times, then end. Default on a terminal: until q, else 1
  --help, --version
`

const COMMANDS = ['inspect', 'keys', 'stats', 'top', 'invalidate', 'warm', 'feed', 'doctor'] as const

const OPTIONS = {
  redis: { type: 'string' },
  cluster: { type: 'boolean', default: false },
  database: { type: 'string' },
  schema: { type: 'string' },
  prefix: { type: 'string', default: '' },
  json: { type: 'boolean', default: false },
  limit: { type: 'string', default: '50' },
  count: { type: 'string' },
  client: { type: 'string' },
  where: { type: 'string' },
  concurrency: { type: 'string' },
  after: { type: 'string' },
  slot: { type: 'string' },
  publication: { type: 'string' },
  tag: { type: 'string', multiple: true },
  all: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

/** Longer than processes wait between two signs of life. */
const TOP_WAIT_MS = 15_000

/** Answers the exit code: 1 where doctor has found something, or the command could not be done. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args)
    const [command, what, json] = positionals
    if (values.version) return say(version())
    if (values.help || command === undefined) return say(HELP.trimEnd(), values.help ? 0 : 1)
    if (!isCommand(command)) {
      throw new Failure(`There is no command ${JSON.stringify(command)}. There are: ${COMMANDS.join(', ')}`)
    }
    return await run(command, { what, json }, values)
  } catch (error) {
    const message = error instanceof Failure ? error.message : refusalOf(error)
    if (message === undefined) throw error
    process.stderr.write(`${message}\n`)
    return 1
  }
}

/** Redis answered a command with an error, such as NOPERM. */
function refusalOf(error: unknown): string | undefined {
  const { name, message, command } = error as { name?: string; message?: string; command?: { name?: string } }
  if (name !== 'ReplyError') return undefined
  return `Redis refuses ${command?.name?.toUpperCase() ?? 'a command'}: ${message}. See prisma-extension-cache-aside doctor`
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new Failure(`${(error as Error).message}\nprisma-extension-cache-aside --help says what there is`)
  }
}

function version(): string {
  const require = createRequire(import.meta.url)
  return (require('prisma-extension-cache-aside/package.json') as { version: string }).version
}

function isCommand(text: string): text is (typeof COMMANDS)[number] {
  return (COMMANDS as readonly string[]).includes(text)
}

interface Words {
  readonly what: string | undefined
  readonly json: string | undefined
}

async function run(command: (typeof COMMANDS)[number], { what, json }: Words, values: Values): Promise<number> {
  const printer = new Printer(process.stdout, { json: values.json, env: process.env })
  const { prefix, cluster: isCluster } = values
  if (command === 'feed') return runFeed(printer, what, values)
  if (command === 'warm') return runWarm(printer, what, values)
  const schema = schemaFrom(values.schema, message => new Failure(message))
  const redis = await connect({ url: values.redis ?? process.env['REDIS_URL'], isCluster })
  let sql: Sql | undefined
  try {
    const looksAtDatabase = command === 'inspect' || command === 'doctor' || command === 'invalidate'
    if (looksAtDatabase) sql = await databaseOf(values.database, schema)
    // What is not known to be spelled in one way only is invalidated as a whole.
    const notKnown = command === 'invalidate' ? { deterministic: () => undefined } : undefined
    const cache = await openCache(redis, prefix, schema, sql?.database ?? notKnown)
    switch (command) {
      case 'inspect':
        if (what === undefined)
          throw new Failure(`Inspect what? Write inspect User:42, or inspect User '{"email":"…"}'`)
        printInspected(printer, await inspect(cache, what, json, sql))
        return 0
      case 'keys':
        await listKeys(cache, printer, what, wholeNumber('limit', values.limit))
        return 0
      case 'stats':
        await printStats(cache, printer)
        return 0
      case 'top': {
        const end = endOfInput()
        const once = printer.isTerminal && !printer.isJson ? undefined : 1
        const count = values.count === undefined ? once : wholeNumber('count', values.count)
        await top(cache, printer, { count, waitMs: TOP_WAIT_MS, signal: end.signal }).finally(end.close)
        return 0
      }
      case 'invalidate':
        printInvalidated(printer, await invalidate(cache, { what, json, tags: values.tag ?? [], all: values.all }))
        return 0
      default: {
        const findings = await diagnose(cache, sql, isCluster)
        printFindings(printer, findings)
        return findings.some(({ state }) => state === 'bad') ? 1 : 0
      }
    }
  } finally {
    redis.disconnect()
    await sql?.close()
  }
}

async function runWarm(printer: Printer, model: string | undefined, values: Values): Promise<number> {
  if (model === undefined) throw new Failure('Warm which model? Write warm User --client ./db.js')
  const { client, where, after } = values
  const concurrency = values.concurrency === undefined ? undefined : wholeNumber('concurrency', values.concurrency)
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort())
  try {
    return await warm(printer, { model, client, where, after, concurrency, signal: end.signal })
  } finally {
    // What the module of the client has opened, a Redis client for one, would keep this process alive. Errors are said before.
    setImmediate(() => process.stdout.write('', () => process.exit()))
  }
}

async function runFeed(printer: Printer, word: string | undefined, values: Values): Promise<number> {
  // It needs a package that the other commands do not.
  const { feed } = await import('./feed.js').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Failure('The feed needs two packages: npm install pg pg-logical-replication')
  })
  const { schema, slot, publication, prefix, cluster: isCluster } = values
  const databaseUrl = values.database ?? process.env['DATABASE_URL']
  const redisUrl = values.redis ?? process.env['REDIS_URL']
  const end = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort())
  return feed({ databaseUrl, redisUrl, isCluster, prefix, schema, slot, publication }, word, printer, end.signal)
}

/**
 * The database at DATABASE_URL is a help where it can be had: an entry has to be seen, and invalidated, without it.
 *
 * @throws Failure when one that was asked for does not answer
 */
async function databaseOf(asked: string | undefined, schema: Schema): Promise<Sql | undefined> {
  const url = asked ?? process.env['DATABASE_URL'] ?? ''
  if (url === '') return undefined
  try {
    return await connectSql(url, schema)
  } catch (error) {
    if (asked !== undefined || !(error instanceof Failure)) throw error
    process.stderr.write(`${error.message}. It is not looked at.\n`)
    return undefined
  }
}

/** @throws Failure */
function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Failure(`--${option} must be a whole number above 0, got ${text}`)
}

/** Ends at `q` and at Ctrl-C. */
function endOfInput(): { readonly signal: AbortSignal; readonly close: () => void } {
  const controller = new AbortController()
  const end = () => controller.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const { stdin } = process
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdin.on('data', key => {
      if (key.toString() === 'q' || key[0] === 3) end()
    })
  }
  return {
    signal: controller.signal,
    close() {
      if (!stdin.isTTY) return
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

function say(text: string, code = 0): number {
  const stream = code === 0 ? process.stdout : process.stderr
  stream.write(`${text}\n`)
  return code
}

// A pipe that is closed (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await main(process.argv.slice(2))
