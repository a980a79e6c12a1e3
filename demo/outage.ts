/** Redis goes away under traffic, and comes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy } from '../test/support/proxy.js'
import type { Servers } from '../test/support/servers.js'
import type { Connected } from './client.js'
import { count, gap, print, say, seconds, styled } from './terminal.js'
import type { World } from './world.js'

/** Where the traffic connects to, and what can be done to it. */
export interface Breakable {
  readonly url: string
  readonly plan: string
  readonly breakIt: () => Promise<string>
  readonly mendIt: () => Promise<string>
}

/** A Redis that is our own process is killed. Any other is never touched: connections to it are cut. */
export async function breakable(
  { redisProcess: own, redisUrl }: Pick<Servers, 'redisProcess' | 'redisUrl'>,
  atEnd: World['atEnd'],
): Promise<Breakable> {
  if (own !== undefined) {
    return {
      url: own.url,
      plan: 'Redis, a process of the demo, is killed, and later started again: empty, on the same port.',
      async breakIt() {
        const { pid } = own
        await own.kill('SIGKILL')
        return `Redis is killed: SIGKILL to process ${pid}`
      },
      async mendIt() {
        await own.restart()
        return `Redis is back: process ${own.pid}, empty`
      },
    }
  }
  const proxy = await startProxy(redisUrl)
  atEnd(proxy.stop)
  return {
    url: proxy.url,
    plan:
      'This Redis is not a process of the demo, so it is not killed: the traffic goes through a TCP proxy of the demo, which ' +
      'cuts all connections, refuses new ones, and later lets them through again.',
    async breakIt() {
      await proxy.refuse()
      return 'Redis is out of reach: connections are cut and refused'
    },
    async mendIt() {
      await proxy.mend()
      return 'Redis is in reach again, with the entries that it had'
    },
  }
}

const readers = 8
const slotMs = 500

/** @param ids - of posts, which are read and written all the time */
export async function outage(
  { prisma }: Pick<Connected, 'prisma'>,
  redis: Breakable,
  ids: readonly number[],
  slots = { before: 4, down: 5, after: 6 },
): Promise<{ queries: number; failed: number; stale: number }> {
  say(
    `${readers} readers and a writer use ${ids.length} posts without a pause. ${redis.plan} Each write stores a new ` +
      'version; each reader checks that it gets no version older than the last write that had resolved before the read began.',
  )
  for (const id of [...ids, ...ids]) await prisma.post.findUnique({ where: { id } })
  const traffic = startTraffic(prisma, ids)
  const source = watchSources(prisma)
  print(styled('dim', `     time   reads   from ${REDIS} Redis   from ${POSTGRES} Postgres`))
  const began = performance.now()
  let slot = 0
  const watch = async (many: number) => {
    for (let n = 0; n < many; n++) {
      await sleep(began + ++slot * slotMs - performance.now())
      printSlot(slot * slotMs, source.take())
    }
  }
  const note = (text: string) => print(styled('bold', `  ${seconds(performance.now() - began)}  ${text}`))

  await watch(slots.before)
  note(await redis.breakIt())
  await watch(slots.down)
  const { invalidationsQueued } = prisma.$cache.stats()
  source.forget()
  note(await redis.mendIt())
  const backAt = performance.now()
  await watch(slots.after)
  const { reads, writes, failed, stale, firstError, longestMs } = await traffic.stop()
  const { replayed, firstHitAt } = source.stop()

  gap()
  const verdict = styled(['bold', failed + stale === 0 ? 'green' : 'red'], `${failed} failed, ${stale} stale`)
  print(`  ${count(reads + writes)} queries (${count(reads)} reads, ${count(writes)} writes): ${verdict}`)
  if (failed > 0) print(`  The first error: ${String(firstError)}`)
  const firstHit =
    firstHitAt === undefined
      ? 'No read was a hit after that.'
      : `The first hit came ${seconds(Math.max(firstHitAt - backAt, 0))} after Redis was back.`
  say(
    `${invalidationsQueued} writes could not reach Redis, and their invalidations waited in the journal: ${replayed} keys were ` +
      `replayed before the first hit, and ${prisma.$cache.stats().pendingInvalidations} are left. ${firstHit} ` +
      `The longest read took ${longestMs.read.toFixed(0)} ms, the longest write ${longestMs.write.toFixed(0)} ms: ` +
      'reads wait for Redis at most 50 ms, writes 500.',
  )
  return { queries: reads + writes, failed, stale }
}

function startTraffic(prisma: Connected['prisma'], ids: readonly number[]) {
  const seen = { reads: 0, writes: 0, failed: 0, stale: 0, longestMs: { read: 0, write: 0 } }
  let firstError: unknown
  /** By post: the version of the last write that has resolved. */
  const written = new Map<number, number>()
  const anyId = () => ids[Math.floor(Math.random() * ids.length)] as number
  const queries = {
    async read() {
      seen.reads++
      const id = anyId()
      const atLeast = written.get(id) ?? 0
      const post = await prisma.post.findUniqueOrThrow({ where: { id } })
      if (post.views < atLeast) seen.stale++
    },
    async write() {
      seen.writes++
      const id = anyId()
      const version = (written.get(id) ?? 0) + 1
      await prisma.post.update({ where: { id }, data: { views: version } })
      written.set(id, version)
    },
  }
  let isOver = false
  const repeat = async (kind: keyof typeof queries, pauseMs: number) => {
    for (; !isOver; await sleep(pauseMs)) {
      const began = performance.now()
      await queries[kind]().catch((error: unknown) => {
        seen.failed++
        firstError ??= error
      })
      seen.longestMs[kind] = Math.max(seen.longestMs[kind], performance.now() - began)
    }
  }
  const running = [...Array.from({ length: readers }, () => repeat('read', 5)), repeat('write', 20)]
  return {
    async stop() {
      isOver = true
      await Promise.all(running)
      return { ...seen, firstError }
    },
  }
}

interface Sources {
  redis: number
  postgres: number
}

/** Where reads were answered from, by the events of the cache. */
function watchSources(prisma: Connected['prisma']) {
  let counts: Sources = { redis: 0, postgres: 0 }
  let firstHitAt: number | undefined
  let replayed = 0
  const end = prisma.$cache.on(event => {
    if (event.type === 'hit') {
      counts.redis++
      firstHitAt ??= performance.now()
    } else if (event.type === 'miss' || event.type === 'shared' || event.type === 'bypass') counts.postgres++
    else if (event.type === 'replayed' && firstHitAt === undefined) replayed += event.invalidations
  })
  return {
    take() {
      const taken = counts
      counts = { redis: 0, postgres: 0 }
      return taken
    },
    /** The first hit is that after now. */
    forget() {
      firstHitAt = undefined
    },
    stop() {
      end()
      return { firstHitAt, replayed }
    },
  }
}

const REDIS = '█'
const POSTGRES = '░'
const width = 50

function printSlot(ms: number, { redis, postgres }: Sources): void {
  const all = redis + postgres
  const share = all === 0 ? 0 : redis / all
  const cells = Math.round(share * width)
  const bar = styled('green', REDIS.repeat(cells)) + styled('yellow', POSTGRES.repeat(all === 0 ? 0 : width - cells))
  print(`  ${seconds(ms).padStart(7)} ${count(all).padStart(7)}   ${bar} ${`${Math.round(share * 100)}%`.padStart(5)}`)
}
