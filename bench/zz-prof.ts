import { Cluster } from 'ioredis'
import { unpack, pack } from 'msgpackr'
import { startCluster } from '../test/support/cluster.js'
import { cacheAside, type Reads, type Work, works } from './contenders.js'
import { openStage } from './stage.js'
const stage = await openStage()
const byKey = works[0] as Work
const servers = await startCluster({ masters: 3 })
const redis = new Cluster([...servers.addresses])
const models = { Account: { ttl: '1h' } } as const
const mode = process.argv[2]
const onSingle = process.argv[3] === 'single'
const prisma = stage.base.prisma.$extends(
  cacheAside({
    redis: onSingle ? stage.redis : redis,
    prefix: `${stage.prefix}f:`,
    deadlineMs: 5000,
    models,
    front: mode === 'front',
  }),
) as unknown as Reads
const constant = stage.base.prisma.$extends({
  query: { $allModels: { $allOperations: async () => ({ id: 1 }) } },
}) as unknown as Reads
let shared: Promise<void> | undefined
const tick = () =>
  (shared ??= new Promise(resolve =>
    setImmediate(() => {
      shared = undefined
      resolve()
    }),
  ))
const floor = stage.base.prisma.$extends({
  query: {
    $allModels: {
      $allOperations: async () => {
        await tick()
        return { id: 1 }
      },
    },
  },
}) as unknown as Reads
let n = 0
const hand = stage.base.prisma.$extends({
  query: {
    $allModels: {
      $allOperations: async () =>
        unpack((await redis.getBuffer(`${stage.prefix}bare:${byKey.key(n++ % 100)}`)) as Buffer),
    },
  },
}) as unknown as Reads
for (let i = 0; i < byKey.rows; i++)
  await redis.set(`${stage.prefix}bare:${byKey.key(i)}`, pack(await byKey.read(stage.base.prisma, i)))
const run =
  mode === 'bare'
    ? async (i: number) => unpack((await redis.getBuffer(`${stage.prefix}bare:${byKey.key(i)}`)) as Buffer)
    : mode === 'floor'
      ? (i: number) => byKey.read(floor, i)
      : mode === 'hand'
        ? (i: number) => byKey.read(hand, i)
        : mode === 'constant'
          ? (i: number) => byKey.read(constant, i)
          : (i: number) => byKey.read(prisma, i)
for (let r = 0; r < 2; r++) for (let i = 0; i < byKey.rows; i++) await run(i)
for (let k = 0; k < Number(process.argv[4] ?? 4); k++) {
  const n0 = performance.now(),
    c0 = process.cpuUsage()
  let next = 0
  const end = n0 + 2000
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (performance.now() < end) await run(next++)
    }),
  )
  const c = process.cpuUsage(c0)
  console.log(
    mode,
    process.argv[3] ?? '',
    'rate',
    Math.round((next / (performance.now() - n0)) * 1000),
    'cpu µs',
    ((c.user + c.system) / next).toFixed(2),
  )
}
redis.disconnect()
await servers.stop()
await stage.close()
process.exit()
