/** What a feed leaves in Redis: how far it is, for those who read, and what the next one has to know. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../redis/connection.js'

export interface FeedState {
  readonly slot: string
  /** Which database, and which timeline of it. */
  readonly source: string
  /** Everything before this place in the WAL is done. It is left here before it is confirmed, so a slot that is further has left something out. */
  readonly done: string
  /** Tables that were published. */
  readonly tables: readonly string[]
  /** What each table was when it was told of last. */
  readonly forms: Readonly<Record<string, string>>
}

/** A feed that comes back later starts as one that was never there. */
const KEPT_MS = 30 * 24 * 3_600_000
const REDIS_MS = 1_000
/** For the first connection, and how often it is looked for. */
const [CONNECT_MS, LOOK_MS] = [10_000, 10]

/**
 * By the clock of Redis: those of processes need not agree.
 *
 * KEYS[1] where · ARGV[1] for how many ms it has not been everything, or '' while that is not known · ARGV[2] the rest · ARGV[3] its life in ms
 */
const LEAVE = `#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = ARGV[1] ~= '' and now - tonumber(ARGV[1]) or 0
return redis.call('SET', KEYS[1], string.format('%.0f ', at) .. ARGV[2], 'PX', ARGV[3])`

export class FeedStateInRedis {
  readonly #connection: Connection
  readonly #key: string

  constructor(connection: Connection, key: string) {
    this.#connection = connection
    this.#key = key
  }

  /**
   * What the last feed has left; undefined: nothing that can be read.
   *
   * @throws where Redis does not answer
   */
  async read(): Promise<FeedState | undefined> {
    await this.#connected()
    const replies = await this.#connection.send([['get', this.#key]], REDIS_MS)
    const [reply] = replies ?? [new Error('no answer')]
    if (reply instanceof Error) throw new Error(`Redis does not answer: ${reply.message}`)
    if (!(reply instanceof Buffer)) return undefined
    try {
      const text = reply.toString()
      return JSON.parse(text.slice(text.indexOf(' ') + 1)) as FeedState
    } catch {
      return undefined
    }
  }

  /** Waits for the first connection, but not for ever. */
  async #connected(): Promise<void> {
    void this.#connection.opened(0)
    const until = performance.now() + CONNECT_MS
    while (!this.#connection.ready && performance.now() < until) await sleep(LOOK_MS)
  }

  /** @param ageMs - for how long the feed has not done everything; undefined: it is not known */
  async leave(state: FeedState, ageMs: number | undefined): Promise<boolean> {
    const age = ageMs === undefined ? '' : String(Math.ceil(ageMs))
    const text = JSON.stringify(state)
    const replies = await this.#connection.send([['eval', LEAVE, 1, this.#key, age, text, KEPT_MS]], REDIS_MS)
    return replies !== undefined && !(replies[0] instanceof Error)
  }
}
