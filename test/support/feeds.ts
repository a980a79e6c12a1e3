/** Change feeds of a test file, whose Postgres is its own: slots are not dropped, they end with it. */
import { performance } from 'node:perf_hooks'
import { afterAll, afterEach, expect } from 'vitest'
import { Feed, type FeedParts } from '../../src/feed/change-feed.js'
import type { ChangeFeedOptions } from '../../src/feed/options.js'
import type { World } from './world.js'

export const SCHEMA_FILE = 'prisma/schema.prisma'

let made = 0

/**
 * @param isPerTest - whether each test stops its own
 * @returns makes a feed, not started yet
 */
export function useFeeds(world: World, { isPerTest = false } = {}) {
  const feeds: Feed[] = []
  afterAll(() => stopped(feeds))
  if (isPerTest) afterEach(() => stopped(feeds))
  return (options: Partial<ChangeFeedOptions> = {}, parts: Partial<FeedParts> = {}): Feed => {
    const slot = options.slot ?? `test_${process.pid}_${++made}`
    const feed = new Feed(
      {
        connectionString: world.databaseUrl,
        redis: world.redisUrl,
        prefix: world.prefix,
        schema: SCHEMA_FILE,
        slot,
        publication: slot,
        heartbeatMs: 50,
        log: false,
        ...options,
      },
      parts,
    )
    feeds.push(feed)
    return feed
  }
}

/** Everything that can be seen in the database now is invalidated. */
export async function caughtUp(feed: Feed): Promise<void> {
  const since = performance.now()
  const isDone = () => performance.now() - since >= (feed.status().lagMs ?? Number.POSITIVE_INFINITY)
  await expect.poll(isDone, { timeout: 20_000, interval: 5 }).toBe(true)
}

async function stopped(feeds: Feed[]): Promise<void> {
  await Promise.all(feeds.splice(0).map(feed => feed.stop()))
}
