/**
 * `warm`: loads rows into the cache, through the client of the application: it alone knows which models are cached, and who may see
 * which rows.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CacheAsideErrorCode } from '../errors.js'
import { factsOf } from '../prisma7/client.js'
import type { Warmed, WarmOptions, WarmProgress } from '../read/warm-options.js'
import { catalogOf, messageOf } from './cache.js'
import { Failure } from './failure.js'
import { duration, percent, type Printer } from './print.js'
import { argsOf, jsonOf, modelNamed } from './query.js'

export interface WarmCommand {
  readonly model: string
  /** The path of the module that exports the client. */
  readonly client: string | undefined
  /** As JSON. */
  readonly where: string | undefined
  readonly after: string | undefined
  readonly concurrency: number | undefined
  readonly signal: AbortSignal
}

/** As far as it is used here. */
interface CachedClient {
  readonly $cache: {
    warm(model: string, args: object, options: WarmOptions<object>): Promise<Warmed<object>>
    close(): Promise<unknown>
  }
  $disconnect(): Promise<void>
}

const EXPORTS = ['default', 'prisma', 'db'] as const

/** As a shell has it. */
const [DONE, STOPPED, INTERRUPTED] = [0, 1, 130]

/**
 * Answers the exit code.
 *
 * @throws Failure
 */
export async function warm(printer: Printer, command: WarmCommand): Promise<number> {
  const client = await clientAt(command.client)
  const bar = new Bar(printer, command.model)
  const began = performance.now()
  try {
    const { args, options } = argumentsOf(client, command)
    let total: number | undefined
    const onProgress = (progress: WarmProgress<object>) => {
      total = progress.total
      bar.show(progress)
    }
    const warmed = await client.$cache.warm(command.model, args, { ...options, count: true, onProgress })
    bar.close()
    const ms = performance.now() - began
    if (printer.isJson) printer.json({ model: command.model, ...warmed, total, ms: Math.round(ms) })
    else for (const line of linesOf(command, warmed, ms)) printer.line(line)
    if (warmed.finished) return DONE
    return command.signal.aborted ? INTERRUPTED : STOPPED
  } catch (error) {
    bar.close()
    throw error instanceof Failure ? error : failureOf(error, command, bar.last)
  } finally {
    await client.$cache.close().catch(() => undefined)
    await client.$disconnect().catch(() => undefined)
  }
}

/** The texts of the command line as the types that the schema says. */
function argumentsOf(client: CachedClient, { model: name, where, after, concurrency, signal }: WarmCommand) {
  const model = modelNamed(catalogOf(factsOf(client).schema), name)
  const args = where === undefined ? {} : { where: argsOf(model, jsonOf(where)) as object }
  const cursor = after === undefined ? undefined : (argsOf(model, jsonOf(after)) as object)
  return { args, options: { after: cursor, concurrency, signal } }
}

/** @throws Failure where there is no client with the cache */
async function clientAt(path: string | undefined): Promise<CachedClient> {
  if (path === undefined) {
    throw new Failure('warm needs the client of your application. Write --client ./db.js, the module that exports it')
  }
  const module = await imported(path)
  const found = EXPORTS.map(name => module[name]).find(each => typeof each === 'object' && each !== null)
  if (found === undefined) {
    const names = Object.keys(module)
    const has = names.length === 0 ? 'It exports nothing' : `It exports ${names.join(', ')}`
    throw new Failure(`${path} exports no client as default, prisma or db. ${has}`)
  }
  const { $cache } = found as Partial<CachedClient>
  if (typeof $cache?.warm !== 'function') {
    throw new Failure(
      `What ${path} exports is no client with the cache: it has no $cache.warm. Export the client that $extends answers`,
    )
  }
  return found as CachedClient
}

async function imported(path: string): Promise<Record<string, unknown>> {
  try {
    const module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>
    // Of a CommonJS module, Node may see the exports only as its default.
    const { default: all } = module
    const isCommonJs = typeof all === 'object' && all !== null && !('$cache' in all)
    return isCommonJs ? { ...all, ...module, default: (all as { default?: unknown }).default } : module
  } catch (error) {
    const hint = /\.[cm]?tsx?$/.test(path) ? `. For TypeScript, run it as NODE_OPTIONS='--import tsx' npx …` : ''
    throw new Failure(`${path} can't be imported: ${messageOf(error)}${hint}`)
  }
}

/** A wrong call, or an error of the database: with where it was. */
function failureOf(error: unknown, command: WarmCommand, last: WarmProgress<object> | undefined): unknown {
  const isOfCall = (error as { code?: unknown }).code === ('INVALID_CALL' satisfies CacheAsideErrorCode)
  if (isOfCall) return new Failure(messageOf(error).replace(/^\[[\w-]+\] /, ''))
  const goOn = last === undefined ? '' : `\nGo on with: ${commandOf(command, last.cursor)}`
  return new Failure(`The database, or Prisma, answers an error: ${messageOf(error).trim()}${goOn}`)
}

function linesOf(command: WarmCommand, { done, loaded, finished, cursor, why }: Warmed<object>, ms: number): string[] {
  const rows = `${command.model}: ${number(done)} ${done === 1 ? 'row' : 'rows'}, ${number(loaded)} of them loaded, in ${duration(ms)}.`
  if (finished) return [rows]
  const goOn = cursor === undefined ? [] : [`Go on with: ${commandOf(command, cursor)}`]
  return [rows, `Stopped: ${why}.`, ...goOn]
}

/** The command line that goes on from a row. */
function commandOf({ model, client, where, concurrency }: WarmCommand, cursor: object): string {
  return [
    `prisma-extension-cache-aside warm ${model} --client ${quoted(client ?? '')}`,
    ...(where === undefined ? [] : [`--where ${quoted(where)}`]),
    ...(concurrency === undefined ? [] : [`--concurrency ${concurrency}`]),
    `--after ${quoted(JSON.stringify(cursor, plain))}`,
  ].join(' ')
}

/** JSON has no bigints and no bytes. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function quoted(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function number(count: number): string {
  return count.toLocaleString('en-US')
}

const REDRAW_MS = 100
const [NARROWEST_BAR, WIDEST_BAR] = [10, 40]

/** A bar that is drawn over in place. In a pipe there is none. */
class Bar {
  /** The last progress. */
  last: WarmProgress<object> | undefined
  readonly #printer: Printer
  readonly #name: string
  readonly #isShown: boolean
  #drawnAt = Number.NEGATIVE_INFINITY

  constructor(printer: Printer, name: string) {
    this.#printer = printer
    this.#name = name
    this.#isShown = printer.isTerminal && !printer.isJson && process.env['TERM'] !== 'dumb'
  }

  show(progress: WarmProgress<object>): void {
    this.last = progress
    const now = performance.now()
    if (!this.#isShown || now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    this.#printer.control(`\r${this.#line(progress)}\u001B[K`)
  }

  /** Takes the bar away: what was done is said by a line. */
  close(): void {
    if (this.#drawnAt > 0) this.#printer.control('\r\u001B[K')
  }

  #line({ done, loaded, total = done }: WarmProgress<object>): string {
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const text = ` ${percent(share)}  ${number(done)} of ${number(total)}, ${number(loaded)} loaded`
    const room = Math.min(WIDEST_BAR, this.#printer.width - text.length - this.#name.length - 2)
    if (room < NARROWEST_BAR) return text.trim().slice(0, this.#printer.width - 1)
    const full = Math.round(share * room)
    return `${this.#name} ${this.#printer.style('green', '█'.repeat(full))}${'░'.repeat(room - full)}${text}`
  }
}
