/** `feed`: runs the change feed as a process of its own, sets it up, takes it down, or says how it is. */
import { Cluster } from 'ioredis'
import { Control } from '../feed/control.js'
import { Feed } from '../feed/change-feed.js'
import type { ChangeFeed } from '../feed/types.js'
import { FeedError } from '../feed/feed-error.js'
import { type ChangeFeedOptions, checkFeedOptions } from '../feed/options.js'
import { feedKey } from '../wire/keys.js'
import { Buckets } from '../wire/buckets.js'
import { nowOf, connect } from './cache.js'
import { Failure } from './failure.js'
import { signFinding, slotFinding } from './feed-findings.js'
import type { Finding } from './finding.js'
import { bytes, duration, type Printer } from './print.js'

export interface FeedPlace {
  readonly databaseUrl: string | undefined
  readonly redisUrl: string | undefined
  readonly isCluster: boolean
  readonly prefix: string
  readonly schema: string | undefined
  readonly slot: string | undefined
  readonly publication: string | undefined
}

const WORDS = ['run', 'setup', 'teardown', 'status'] as const
/** How often a feed that runs says how far it is. */
const SAID_MS = 60_000

/** Answers the exit code. */
export async function feed(
  place: FeedPlace,
  word: string | undefined,
  printer: Printer,
  signal: AbortSignal,
): Promise<number> {
  const what = WORDS.find(each => each === (word ?? 'run'))
  if (what === undefined) throw new Failure(`There is no feed ${word ?? ''}. There are: ${WORDS.join(', ')}`)
  const { databaseUrl, prefix, schema, slot, publication } = place
  if (databaseUrl === undefined || databaseUrl === '') {
    throw new Failure('The feed needs the primary. Set DATABASE_URL, or write --database postgresql://…')
  }
  const redis = await connect({ url: place.redisUrl, isCluster: place.isCluster })
  const say = (text: string) =>
    printer.isJson ? printer.json({ at: new Date(), text }) : printer.line(`${new Date().toISOString()} ${text}`)
  const cluster = place.isCluster ? new Cluster([place.redisUrl as string], { lazyConnect: true }) : undefined
  const options: ChangeFeedOptions = {
    connectionString: databaseUrl,
    // The one that looks whether it is there gives up at the first lost connection.
    redis: cluster ?? place.redisUrl,
    prefix,
    schema,
    slot,
    publication,
    log: { warn: say },
  }
  try {
    if (what === 'status') {
      const findings = await feedFindings(options, async () => {
        const text = await redis.get(feedKey(new Buckets(prefix, place.isCluster)))
        return text === null ? undefined : { at: Number(text.split(' ')[0]), now: await nowOf(redis) }
      })
      if (printer.isJson) printer.json(findings)
      else
        for (const { check, says, remedy } of findings) printer.line(`${check}: ${says}${remedy ? `. ${remedy}` : ''}`)
      return findings.some(({ state }) => state === 'bad') ? 1 : 0
    }
    const own = new Feed(options)
    if (what === 'setup') printSetUp(printer, await own.setup())
    else if (what === 'teardown') {
      const done = await own.teardown()
      if (printer.isJson) printer.json({ done })
      else printer.line(done.length === 0 ? 'There was nothing to drop.' : done.join('\n'))
    } else await follow(own, say, signal)
    await own.stop()
    return 0
  } catch (error) {
    throw error instanceof FeedError ? new Failure(error.message) : error
  } finally {
    redis.disconnect()
    cluster?.disconnect()
  }
}

function printSetUp(printer: Printer, { done, advice }: Awaited<ReturnType<ChangeFeed['setup']>>): void {
  if (printer.isJson) return printer.json({ done, advice })
  printer.line(done.length === 0 ? 'All is there already.' : done.map(sql => `${sql};`).join('\n'))
  for (const why of new Set(advice.map(each => each.why))) {
    const tables = advice.filter(each => each.why === why)
    printer.line()
    printer.paragraph(
      '',
      `${tables.map(({ table }) => table).join(', ')}: ${why}. Worth running where that matters:`,
      '',
    )
    for (const { sql } of tables) printer.line(`  ${sql};`)
  }
}

/** Until it is told to end. */
async function follow(own: Feed, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  own.on(event => {
    if (event.type === 'phase') say(event.phase === 'waiting' ? 'another feed has the slot: waiting' : event.phase)
  })
  await own.start()
  const timer = setInterval(() => {
    const { transactions, rows, lagMs, retainedBytes } = own.status()
    const lag = lagMs === undefined ? 'not known' : duration(lagMs)
    say(`${transactions} transactions, ${rows} rows; lag ${lag}; the slot keeps ${bytes(retainedBytes)}`)
  }, SAID_MS)
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
  clearInterval(timer)
}

/** How the feed is: what the database says of its slot, and when it was heard of last. */
async function feedFindings(
  options: ChangeFeedOptions,
  lastSign: () => Promise<{ readonly at: number; readonly now: number } | undefined>,
): Promise<Finding[]> {
  const { connection, schemaName, slot } = checkFeedOptions(options)
  const control = await Control.connect(connection, schemaName).catch((error: unknown) => {
    throw new Failure(`The database does not answer: ${error instanceof Error ? error.message : String(error)}`)
  })
  try {
    const found = await control.slot(slot)
    const sign = await lastSign()
    const age = sign === undefined || sign.at === 0 ? undefined : sign.now - sign.at
    return [slotFinding(slot, found), signFinding(age)]
  } finally {
    await control.close()
  }
}
