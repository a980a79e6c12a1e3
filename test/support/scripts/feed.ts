/** A process that runs the change feed, until it is killed. Says `running` once it does, and what it did each time it is asked. */
import { changeFeed } from '../../../src/feed/index.js'

const { DATABASE_URL, REDIS_URL, PREFIX, SLOT } = process.env as Record<string, string>
const feed = changeFeed({
  connectionString: DATABASE_URL,
  redis: REDIS_URL,
  prefix: PREFIX,
  slot: SLOT,
  publication: SLOT,
  schema: 'prisma/schema.prisma',
  heartbeatMs: 50,
  log: false,
})
feed.on(event => event.type === 'phase' && console.log(event.phase))
await feed.start()
