/** Lines for people: what is wrong, so that nothing is silent before anybody listens to events. */
import type { CacheEvent, EventLog } from './events.js'

/** Takes one line of text: `console`, pino, winston and others are one. */
export interface Logger {
  warn(line: string): void
}

/** The same line again, for things that come and go. */
const SAME_LINE_APART_MS = 60_000

export class Log implements EventLog {
  readonly #logger: Logger | undefined
  readonly #saidAt = new Map<string, number>()
  #wasUsable = true
  #ended = false

  /** @param logger - `true`: the console; undefined: the console in development, nothing in production and in tests */
  constructor(logger: boolean | Logger | undefined) {
    const isWanted = logger ?? !['production', 'test'].includes(process.env['NODE_ENV'] ?? '')
    this.#logger = isWanted === true ? console : isWanted === false ? undefined : isWanted
  }

  end(): void {
    this.#ended = true
  }

  /** Frequent events are not logged. */
  event(event: CacheEvent): void {
    if (this.#logger === undefined || this.#ended) return
    if (event.type === 'error' || event.type === 'warning') this.say(event.code, event.message)
    if (event.type !== 'redis') return
    const what = (event.share ?? 0) === 0 ? 'Redis is not used' : 'Redis is used in part'
    if (!event.usable) this.say('redis', `${what}: ${event.why}. Reads go to the database until it is.`)
    else if (!this.#wasUsable) this.say('redis', 'Redis is used again.')
    this.#wasUsable = event.usable
  }

  /** @param what - beside the text: what makes two lines the same */
  say(what: string, text: string): void {
    if (this.#ended) return
    const line = `prisma-extension-cache-aside: ${text}`
    const now = performance.now()
    if (now - (this.#saidAt.get(`${what} ${text}`) ?? Number.NEGATIVE_INFINITY) < SAME_LINE_APART_MS) return
    this.#saidAt.set(`${what} ${text}`, now)
    try {
      this.#logger?.warn(line)
    } catch {
      // A logger that throws is the application's, and no query fails because of it.
    }
  }
}
