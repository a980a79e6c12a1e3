/**
 * The rows of the matrix: not the full product, but every value that package.json claims at least once, and the bounds of every
 * range together.
 */

export interface Row {
  readonly name: string
  /** Of `@prisma/client`, `prisma` and `@prisma/adapter-pg` alike. */
  readonly prisma: string
  readonly node: string
  readonly ioredis: string
  readonly typescript: readonly string[]
  /** Undefined: Redis. */
  readonly server?: 'Valkey'
  /** Which build of the package the promise tests and the fuzzer run on. The smoke checks always run on both. */
  readonly suite: 'ESM' | 'CJS'
  /** A full run of them all takes hours: these are enough to say that a range is green. */
  readonly full: boolean
  readonly why: string
}

const NODE = { lowest20: '20.19.0', newest20: '20.20.2', lowest22: '22.12.0', lowest24: '24.0.0', newest24: '24.21.0' }
const REDIS = { lowest: '5.4.0', newest5: '5.11.1', newest: '6.0.0' }
const TS = { lowest: '5.4.5', newest5: '5.9.3', newest6: '6.0.3', newest: '7.0.2' }

const row = (prisma: string, rest: Partial<Row> & Pick<Row, 'why'>): Row => ({
  name: `prisma-${prisma}`,
  prisma,
  node: NODE.newest20,
  ioredis: REDIS.newest,
  typescript: [TS.newest],
  suite: 'ESM',
  full: false,
  ...rest,
})

export const ROWS: readonly Row[] = [
  row('6.16.0', {
    node: NODE.lowest20,
    ioredis: REDIS.lowest,
    typescript: [TS.lowest],
    full: true,
    why: 'the lowest of everything: Prisma, Node, ioredis, TypeScript; the first whose engine without Rust is no preview',
  }),
  row('6.16.3', { why: 'the last patch of the lowest minor' }),
  row('6.17.1', { node: NODE.lowest22, why: 'the minor' }),
  row('6.18.0', { typescript: [TS.newest5], why: 'the minor' }),
  row('6.19.0', { ioredis: REDIS.newest5, why: 'the first patch of the last 6' }),
  row('6.19.3', {
    node: NODE.newest24,
    typescript: [TS.lowest, TS.newest],
    suite: 'CJS',
    full: true,
    why: 'the last 6, with the newest of everything else; the build for CommonJS',
  }),
  row('7.0.0', {
    node: NODE.lowest20,
    ioredis: REDIS.lowest,
    typescript: [TS.lowest],
    full: true,
    why: 'the first 7, with the lowest of everything else',
  }),
  row('7.0.1', { why: 'the last patch of 7.0' }),
  row('7.1.0', { node: NODE.newest24, why: 'the minor' }),
  row('7.2.0', { ioredis: REDIS.newest5, why: 'the minor' }),
  row('7.3.0', { typescript: [TS.newest5], why: 'the minor' }),
  row('7.4.0', { why: 'the first whose engine shares plans of queries' }),
  row('7.4.2', {
    node: NODE.lowest22,
    ioredis: REDIS.newest5,
    typescript: [TS.newest5],
    full: true,
    why: 'the last without transactions in transactions: another place for the id of a transaction',
  }),
  row('7.5.0', {
    node: NODE.lowest24,
    typescript: [TS.newest6],
    full: true,
    why: 'the first with transactions in transactions',
  }),
  row('7.6.0', { node: NODE.lowest22, why: 'the minor' }),
  row('7.7.0', { ioredis: REDIS.lowest, why: 'the minor' }),
  row('7.8.0', { typescript: [TS.lowest], why: 'the minor' }),
  row('7.9.0', { node: NODE.newest24, why: 'the first patch of 7.9' }),
  row('7.9.1', {
    suite: 'CJS',
    full: true,
    why: 'the last patch of 7.9, with the newest Node 20; the build for CommonJS',
  }),
  row('7.10.0', {
    node: NODE.newest24,
    typescript: [TS.lowest, TS.newest5, TS.newest6, TS.newest],
    full: true,
    why: 'the newest of everything',
  }),
  row('7.10.0', {
    name: 'prisma-7.10.0-lowest',
    node: NODE.lowest20,
    ioredis: REDIS.lowest,
    typescript: [TS.lowest],
    suite: 'CJS',
    full: true,
    why: 'the newest Prisma with the lowest of everything else; the build for CommonJS',
  }),
  row('7.10.0', {
    name: 'valkey-8',
    server: 'Valkey',
    full: true,
    why: 'Valkey 8 in the place of Redis, as one server, as a Cluster and behind Sentinels',
  }),
]

/** Clients that are refused. */
export interface Refusal {
  readonly name: string
  readonly prisma: string
  /** In the schema. */
  readonly provider: 'postgresql' | 'mysql'
  readonly engineType?: 'client' | 'library'
  /** What is passed to `PrismaClient`, as code. */
  readonly options: string
  /** A part of the message that has the advice. */
  readonly advice: string
  readonly why: string
}

const ACCELERATE = 'prisma://accelerate.prisma-data.net/?api_key=x'
const ADAPTER = `{ adapter: new (require('@prisma/adapter-pg').PrismaPg)({ connectionString: 'postgresql://127.0.0.1:1/none' }) }`

export const REFUSALS: readonly Refusal[] = [
  {
    name: 'refused-5.22.0',
    prisma: '5.22.0',
    provider: 'postgresql',
    options: '{}',
    advice: 'Install 7.0 or newer, or 6.16 or newer with engineType = "client"',
    why: 'too old: the last 5, which has no such runtime at all',
  },
  {
    name: 'refused-6.15.0',
    prisma: '6.15.0',
    provider: 'postgresql',
    options: '{}',
    advice: 'Install 7.0 or newer, or 6.16 or newer with engineType = "client"',
    why: 'too old: the one just below the range',
  },
  {
    name: 'refused-6.19.3-library',
    prisma: '6.19.3',
    provider: 'postgresql',
    options: ADAPTER,
    advice: 'Set engineType = "client" in the generator of the schema',
    why: 'in the range, with the engine in Rust',
  },
  {
    name: 'refused-6.19.3-accelerate',
    prisma: '6.19.3',
    provider: 'postgresql',
    engineType: 'client',
    options: `{ datasourceUrl: '${ACCELERATE}' }`,
    advice: 'Pass a driver adapter',
    why: 'Accelerate by the URL of the database, as in 6',
  },
  {
    name: 'refused-7.10.0-accelerate',
    prisma: '7.10.0',
    provider: 'postgresql',
    options: `{ accelerateUrl: '${ACCELERATE}' }`,
    advice: 'Pass a driver adapter',
    why: 'Accelerate, as in 7',
  },
  {
    name: 'refused-7.10.0-mysql',
    prisma: '7.10.0',
    provider: 'mysql',
    options: `{ accelerateUrl: '${ACCELERATE}' }`,
    advice: 'There is nothing to install',
    why: 'another database',
  },
]
