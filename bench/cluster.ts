/**
 * `npm run bench:cluster`: a Redis Cluster of one, two and three masters. Hits beside a bare `cluster.get`, and the same on a single
 * Redis, in turns; then what each node is sent for hits and for writes: commands, bytes, CPU. Writes its part of docs/benchmarks.md;
 * `-- --quick` is a look that writes nothing.
 */
import { once } from 'node:events'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { pack, unpack } from 'msgpackr'
import { recordRun, stampOf } from '../scripts/runs.js'
import { type RedisCluster, startCluster } from '../test/support/cluster.js'
import { cacheAside, type Reads, type Work, works } from './contenders.js'
import { goalsOf } from './goals.js'
import { Buckets } from '../src/wire/buckets.js'
import { compare, IN_FLIGHT, type Run } from './measure.js'
import {
  type ClusterLoad,
  CLUSTER_FRONT,
  CLUSTER_GET,
  CLUSTER_HOOK,
  CLUSTER_MGETS,
  CLUSTER_OWN_HOOK,
  type OnCluster,
  readParts,
  writePage,
} from './page.js'
import { openStage, type Stage } from './stage.js'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const { quick } = values
const PLAN = quick ? { rounds: 3, serialMs: 40, parallelMs: 100 } : { rounds: 11, serialMs: 80, parallelMs: 300 }
const HITS = 6000
const WRITES = 300

const began = performance.now()
const stage = await openStage()
const byKey = works[0] as Work
/** A slot for each of twelve parts, as the cache has them. */
const MGETS = new Buckets('mgets:', true)
const mgetsKey = (row: number) => `${MGETS.prefixes[row % MGETS.prefixes.length]}${row}`

try {
  const measured: OnCluster[] = []
  for (const masters of [1, 2, 3]) measured.push(await onCluster(masters))
  for (const each of measured) {
    console.log(`${each.masters} masters`)
    console.table(each.hits)
    for (const { what, nodes } of each.load) console.log(what, nodes)
  }
  const parts = await readParts()
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const cluster = { ...stampOf(), machine, versions: { node: process.version, ...stage.versions }, measured }
  const mine = goalsOf({ cluster })
  for (const { texts, met } of mine) console.log(`${met ? 'met   ' : 'missed'} ${texts.join('  ')}`)
  if (!quick) await writePage({ ...parts, cluster }, goalsOf({ ...parts, cluster }))
  await recordRun({
    command: ['npm run bench:cluster', ...(quick ? ['-- --quick'] : [])].join(' '),
    seconds: (performance.now() - began) / 1000,
    result: mine.map(({ texts }) => texts.join(' ')).join('; '),
    keep: !quick,
  })
} finally {
  await stage.close()
}
process.exit()

interface Client {
  readonly prisma: Reads
  readonly hits: () => number
}

function clientOf({ base }: Stage, redis: Redis | Cluster, front: boolean): Client {
  const models = { Account: { ttl: '1h' } } as const
  const prisma = base.prisma.$extends(
    cacheAside({ redis, prefix: `${stage.prefix}${front ? 'front' : 'hook'}:`, deadlineMs: 5000, models, front }),
  )
  return { prisma: prisma as unknown as Reads, hits: () => prisma.$cache.stats().hits }
}

async function onCluster(masters: number): Promise<OnCluster> {
  const servers = await startCluster({ masters })
  const redis = new Cluster([...servers.addresses])
  await once(redis, 'ready')
  try {
    const [hook, front, single] = [
      clientOf(stage, redis, false),
      clientOf(stage, redis, true),
      clientOf(stage, stage.redis, true),
    ]
    // Least that a cache in a query hook can do: it spends nothing on what the key is, nor on whether the entry may be used.
    let next = 0
    const ownRead = async () => unpack((await redis.getBuffer(`${stage.prefix}bare:${byKey.key(next++)}`)) as Buffer)
    const own = stage.base.prisma.$extends({
      query: { account: { findUnique: ownRead as () => Promise<never> } },
    }) as unknown as Reads
    const runs: Run[] = [
      {
        name: CLUSTER_GET,
        run: async i => unpack((await redis.getBuffer(`${stage.prefix}bare:${byKey.key(i)}`)) as Buffer),
      },
      {
        name: CLUSTER_OWN_HOOK,
        run: i => byKey.read(own, i),
      },
      { name: CLUSTER_MGETS, run: bareMgets(redis) },
      hitsOf(CLUSTER_HOOK, hook),
      hitsOf(CLUSTER_FRONT, front),
      hitsOf('on a single Redis', single),
    ]
    for (let i = 0; i < byKey.rows; i++) {
      const bytes = pack(await byKey.read(stage.base.prisma, i))
      await redis.set(`${stage.prefix}bare:${byKey.key(i)}`, bytes)
      await redis.set(mgetsKey(i), bytes)
    }
    for (const { prisma } of [hook, front, single]) {
      for (let round = 0; round < 2; round++) for (let i = 0; i < byKey.rows; i++) await byKey.read(prisma, i)
    }
    const hits = await compare(runs, PLAN)
    return { masters, hits, load: await loadOf(servers, front) }
  } finally {
    redis.disconnect()
    await servers.stop()
  }
}

/**
 * What a hit can't do without: for the reads of a turn of the event loop an `MGET` in each of twelve slots, of the entry, two epochs and a
 * hold, sent to the node that has it. No key is made, nothing is checked or decoded.
 */
function bareMgets(redis: Cluster): (i: number) => Promise<unknown> {
  const slots = MGETS.prefixes.map((tag, n) => {
    const address = redis.slots[MGETS.slots[n] as number]?.[0]
    const node = redis.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address) as Redis
    return { tag, node, keys: [] as string[], waiting: [] as (() => void)[] }
  })
  let isPlanned = false
  const send = () => {
    isPlanned = false
    for (const slot of slots) {
      const { tag, node, keys, waiting } = slot
      if (waiting.length === 0) continue
      slot.keys = []
      slot.waiting = []
      const { stream } = node as unknown as { stream: { writableCorked: number; cork(): void; uncork(): void } }
      if (stream.writableCorked === 0) {
        stream.cork()
        process.nextTick(() => stream.uncork())
      }
      void node.mgetBuffer(...keys, `${tag}rows`, `${tag}any`, `${tag}hold`).then(() => {
        for (const resolve of waiting) resolve()
      })
    }
  }
  return i => {
    const row = i % byKey.rows
    const slot = slots[row % slots.length] as (typeof slots)[number]
    slot.keys.push(mgetsKey(row))
    if (!isPlanned) setImmediate(send)
    isPlanned = true
    return new Promise<void>(resolve => slot.waiting.push(resolve))
  }
}

/** @throws where a read of its turn was no hit */
function hitsOf(name: string, { prisma, hits }: Client): Run {
  let reads = 0
  return {
    name,
    run(i) {
      reads++
      return byKey.read(prisma, i)
    },
    turn() {
      const before = { hits: hits(), reads }
      return () => {
        if (hits() - before.hits !== reads - before.reads) throw new Error(`${name}: not all reads were hits`)
      }
    },
  }
}

/** What each node is sent. */
async function loadOf({ addresses }: RedisCluster, { prisma }: Client): Promise<ClusterLoad[]> {
  const nodes = addresses.map(address => new Redis({ ...address }))
  let next = 0
  const read = () => byKey.read(prisma, next++)
  const write = (id: number) =>
    (prisma as typeof stage.base.prisma).account.update({ where: { id }, data: { name: `n${next++}` } })
  const loads: [what: string, count: number, run: () => Promise<void>][] = [
    [
      'hits, one after the other',
      HITS,
      async () => {
        for (let i = 0; i < HITS; i++) await read()
      },
    ],
    [
      `hits, ${IN_FLIGHT} in flight`,
      HITS,
      async () => {
        const loop = async () => {
          for (let i = 0; i < HITS / IN_FLIGHT - 1; i++) await read()
        }
        await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
      },
    ],
    [
      'updates',
      WRITES,
      async () => {
        for (let id = 1; id <= WRITES; id++) await write(id)
      },
    ],
  ]
  const load: ClusterLoad[] = []
  for (const [what, count, run] of loads) {
    const before = await Promise.all(nodes.map(seenBy))
    await run()
    const after = await Promise.all(nodes.map(seenBy))
    const each = after.map((node, i) => {
      const was = before[i] as Seen
      return {
        commands: (node.commands - was.commands) / count,
        bytesIn: (node.bytesIn - was.bytesIn) / count,
        bytesOut: (node.bytesOut - was.bytesOut) / count,
        micros: (node.micros - was.micros) / count,
      }
    })
    load.push({ what, nodes: each })
  }
  for (const node of nodes) node.disconnect()
  return load
}

interface Seen {
  readonly commands: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly micros: number
}

/** Without what is asked here. */
async function seenBy(node: Redis): Promise<Seen> {
  const info = await node.info('everything')
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
  let commands = 0
  let micros = 0
  for (const [, name, calls, usec] of info.matchAll(/^cmdstat_([\w|]+):calls=(\d+),usec=(\d+)/gm)) {
    if (!['mget', 'get', 'set', 'del', 'eval'].includes(name as string)) continue
    commands += Number(calls)
    micros += Number(usec)
  }
  return { commands, micros, bytesIn: field('total_net_input_bytes'), bytesOut: field('total_net_output_bytes') }
}
