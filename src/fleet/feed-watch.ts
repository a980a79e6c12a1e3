/**
 * How far the change feed is, for models that other programs write (`externalWrites`). It is read from Redis from time to time, by
 * reads of these models: while the feed is further behind than they allow, or not alive, they go to the database.
 */
import { Bypass } from '../plan/bypass.js'
import type { ReadPlan } from '../plan/read.js'
import type { Connection } from '../redis/connection.js'

/**
 * For how many ms the feed has not done everything; -1: it is not known. By the clock of Redis.
 *
 * KEYS[1] what the feed has left
 */
export const LAG = `#!lua flags=no-writes
local text = redis.call('GET', KEYS[1])
local at = text and tonumber(string.match(text, '^(%d+) ')) or 0
if at == 0 then return -1 end
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000) - at`

/** So many times within the shortest time that is allowed. */
const POLLS = 4

export interface FeedWatchOptions {
  readonly key: string
  /** By model: how old what is cached may be, in ms. */
  readonly maxStaleMs: ReadonlyMap<string, number>
  readonly deadlineMs: number
}

export class FeedWatch {
  readonly #connection: Connection
  readonly #options: FeedWatchOptions
  readonly #pollMs: number
  #polledAt = Number.NEGATIVE_INFINITY
  #isPolling = false
  /** Everything that was committed before is invalidated, in ms of `performance.now()`. */
  #doneUntil = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, options: FeedWatchOptions) {
    this.#connection = connection
    this.#options = options
    this.#pollMs = Math.min(...options.maxStaleMs.values()) / POLLS
  }

  /** The plan, or a bypass. */
  check(plan: ReadPlan): ReadPlan {
    if (plan.kind === 'bypass') return plan
    let most = Number.POSITIVE_INFINITY
    for (const model of plan.models) most = Math.min(most, this.#options.maxStaleMs.get(model) ?? most)
    if (most === Number.POSITIVE_INFINITY) return plan
    const now = performance.now()
    if (now - this.#polledAt >= this.#pollMs && !this.#isPolling) void this.#poll(now)
    return now - this.#doneUntil <= most ? plan : new Bypass('the change feed is not alive, or too far behind')
  }

  async #poll(now: number): Promise<void> {
    this.#isPolling = true
    this.#polledAt = now
    const replies = await this.#connection.send([['eval', LAG, 1, this.#options.key]], this.#options.deadlineMs)
    this.#isPolling = false
    const lag = Number(replies?.[0] ?? -1)
    if (lag >= 0) this.#doneUntil = Math.max(this.#doneUntil, now - lag)
  }
}
