/** What the feed has in Redis: the store of a cache that reads nothing, and what it leaves there of itself. */
import { createContext } from '../assemble.js'
import { prefixFor } from '../check-options.js'
import type { Context } from '../context.js'
import { Events } from '../events.js'
import type { Log } from '../log.js'
import { Connection } from '../redis/connection.js'
import { OwnClient } from '../redis/own-client.js'
import { feedKey } from '../wire/keys.js'
import type { Control } from './control.js'
import { FeedError } from './feed-error.js'
import type { FeedConfig } from './options.js'
import { FeedStateInRedis } from './state.js'

export interface InRedis {
  readonly context: Context
  readonly connection: Connection
  readonly state: FeedStateInRedis
}

/** The names in Redis may depend on the database: it is queried once. */
export async function openRedis({ cache, schema }: FeedConfig, control: Control, log: Log): Promise<InRedis> {
  const { redis, prefix } = cache
  if (redis === undefined) throw new FeedError('redis must be a URL or a client, got undefined')
  const schemas = [...schema.models.values()].flatMap(({ databaseSchema }) => databaseSchema ?? [])
  const database = await control.facts([...new Set(schemas)])
  const known = typeof prefix === 'string' ? prefix : prefixFor(prefix, database.facts?.source)
  const config = { ...cache, redis, prefix: known }
  const context = createContext(
    config,
    { schema, Decimal: NoDecimal },
    { database, events: new Events(false, log) },
    {},
  )
  const client = typeof redis === 'string' ? OwnClient.of(redis) : redis
  const connection = new Connection(client, false, context.buckets.slots[0])
  return { context, connection, state: new FeedStateInRedis(connection, feedKey(context.buckets)) }
}

/** Rows are not read here. */
class NoDecimal {
  readonly e = 0
}
