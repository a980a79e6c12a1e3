/**
 * `prisma-extension-cache-aside/postgres`: a change feed that invalidates what other programs write. It needs the package
 * `pg-logical-replication`.
 */
import { Feed } from './change-feed.js'
import type { ChangeFeedOptions } from './options.js'
import type { ChangeFeed } from './types.js'

export { FeedError } from './feed-error.js'
export type { ChangeFeedOptions } from './options.js'
export type { Advice, SetUp } from './set-up.js'
export type { ChangeFeed, FeedEvent, FeedPhase, FeedStatus } from './types.js'

/**
 * A feed of what is committed to the database, by whichever program: each change invalidates what is cached of it, within
 * milliseconds. It runs in a process of its own, or in one of the application's; of several with the same slot one runs, and the
 * others take over. See docs/change-feed.md.
 *
 * @param options - see {@link ChangeFeedOptions}; the database user needs the right of replication, and Postgres `wal_level = logical`
 * @throws FeedError, at once, for an option that has a wrong value
 * @example
 * const feed = changeFeed({ connectionString: process.env.DATABASE_URL, redis: process.env.REDIS_URL })
 * await feed.start()
 *
 * Redis commands: for each round of transactions a `DEL` of rows and epochs, as for a write of the client; every `heartbeatMs` an
 * `EVAL` that sets `@feed`.
 */
export function changeFeed(options: ChangeFeedOptions): ChangeFeed {
  return new Feed(options)
}
