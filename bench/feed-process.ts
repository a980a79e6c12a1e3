/** The change feed in a process of its own, for `bench/feed.ts`: it says how it is each time it is asked. */
import { changeFeed } from '../src/feed/index.js'

export interface FeedSays {
  readonly phase: string
  readonly lagMs: number | undefined
  readonly transactions: number
  readonly invalidations: number
  readonly rssMB: number
}

const { DATABASE_URL, REDIS_URL, PREFIX } = process.env as Record<string, string>
const feed = changeFeed({
  connectionString: DATABASE_URL,
  redis: REDIS_URL,
  prefix: PREFIX,
  schema: 'prisma/schema.prisma',
  slot: 'bench_feed',
  publication: 'bench_feed',
  log: false,
  heartbeatMs: 50,
})
process.on('message', what => {
  if (what === 'end') {
    void end()
    return
  }
  const { phase, lagMs, transactions, invalidations } = feed.status()
  const says: FeedSays = { phase, lagMs, transactions, invalidations, rssMB: process.memoryUsage.rss() / 2 ** 20 }
  process.send?.(says)
})
await feed.start()

async function end(): Promise<void> {
  await feed.stop()
  await feed.teardown()
  process.exit()
}
