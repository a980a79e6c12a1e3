/** Compares every entry that Redis would still serve with the database. */
import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { createExtension } from '../src/extension.js'
import type { CacheAsideOptions } from '../src/options.js'
import { Store } from '../src/redis/store.js'
import { Buckets } from '../src/wire/buckets.js'
import type { Key } from './history.js'
import { clientOf, mastersOf } from './place.js'
import { MODELS } from './settings.js'
import type { Stage } from './stage.js'

export interface Compared {
  /** Keys of entries, of whatever kind. */
  readonly entries: number
  /** Those that were served, and compared. */
  readonly served: number
  /** Entries of which no query of this run is known: what is not compared. */
  readonly unasked: readonly string[]
  readonly stale: readonly {
    readonly redisKey: string
    readonly key: Key
    readonly cached: string
    readonly now: string
  }[]
}

export interface Question {
  readonly key: Key
  readonly ask: (db: PrismaClient) => Promise<unknown>
}

/** What this run caches and asks besides. */
interface Run {
  readonly models?: CacheAsideOptions<PrismaClient>['models']
  /** Queries whose keys have only a hash in them, so that they are not known from the key. */
  readonly hashed?: readonly Question[]
}

/** What it loads is not stored: it would be compared as an entry of the run. */
class OnlyLooks extends Store {
  override fill(): void {}
}

export async function compare(stage: Stage, { models = MODELS, hashed = [FIRST] }: Run = {}): Promise<Compared> {
  const redis = clientOf(stage.address)
  redis.on('error', () => {})
  const buckets = new Buckets(stage.prefix, redis.isCluster)
  await untilReady(redis)
  const base = new PrismaClient({ adapter: new PrismaPg({ connectionString: stage.databaseUrl }) })
  const db = base.$extends(
    createExtension<PrismaClient>(
      { redis, models, prefix: stage.prefix, deadlineMs: 10_000, includeKeys: true },
      { Store: OnlyLooks },
    ),
  )
  const seen = { key: '', hit: false }
  db.$cache.on(event => {
    if (event.type === 'hit') seen.hit = true
    if (event.type === 'hit' || event.type === 'miss') seen.key = buckets.bare(event.key ?? '')
  })
  const stale: Compared['stale'][number][] = []
  let served = 0
  /** Answers the key that it was looked for at. */
  const ask = async ({ key, ask: query }: Question, redisKey?: string) => {
    seen.hit = false
    const cached = await query(db as unknown as PrismaClient)
    if (!seen.hit) return seen.key
    served++
    const real = await query(stage.plain)
    if (isDeepStrictEqual(cached, real)) return seen.key
    stale.push({ redisKey: redisKey ?? seen.key, key, cached: JSON.stringify(cached), now: JSON.stringify(real) })
    return seen.key
  }
  try {
    const keys = (await Promise.all(mastersOf(redis).map(node => node.keys(`${stage.prefix}*`)))).flat()
    // What they hide is served again in a moment, when all writes of unknown outcome have long come to an end.
    for (const hold of keys.filter(key => key.endsWith('@hold'))) await redis.del(hold)
    const bytes = new Map<string, number>()
    for (const key of keys) bytes.set(key, await redis.strlen(key))
    const unasked = new Set<string>()
    let entries = 0
    for (const key of keys) {
      const name = buckets.bare(key)
      // Epochs, and tokens of loads and tags, say nothing of rows.
      if (name.includes('@') || (bytes.get(key) ?? 0) <= TOKEN_BYTES) continue
      entries++
      const questions = questionsOf(decodeURIComponent(name))
      if (questions.length === 0) unasked.add(name)
      for (const question of questions) await ask(question, name)
    }
    for (const question of hashed) unasked.delete(await ask(question))
    return { entries, served, unasked: [...unasked], stale }
  } finally {
    await db.$cache.close()
    await base.$disconnect()
    redis.disconnect()
  }
}

async function untilReady(redis: ReturnType<typeof clientOf>): Promise<void> {
  if (redis.status !== 'ready') await once(redis, 'ready')
}

/** The first query of each process. */
const FIRST: Question = { key: postKey(1), ask: async db => db.post.findFirst() }

/** An entry that is only a token: no row, no list. */
const TOKEN_BYTES = 20

/** The queries that an entry answers. A list has the hash of its shape in the key: of an author the run asks for one shape. */
function questionsOf(name: string): Question[] {
  const [, author] = /^User:(\d+):posts\?/.exec(name) ?? []
  if (author !== undefined) {
    const where = { id: Number(author) }
    // The author's row is there or not: a list is served with it. The run asks for it in no order, so its order says nothing.
    return [
      {
        key: `list:${author}`,
        ask: async db => {
          const user = await db.user.findUnique({ where, include: { posts: true } })
          return user?.posts.toSorted((a, b) => a.id - b.id)
        },
      },
    ]
  }
  const question = questionOf(name)
  return question === undefined ? [] : [question]
}

function questionOf(name: string): Question | undefined {
  const [, model, unique, id] = /^(\w+)(?:\.([\w,]+))?:(.+)$/.exec(name) ?? []
  if (id === undefined) return undefined
  if (unique === undefined) {
    if (id.includes(':')) return undefined
    if (model === 'Post')
      return { key: postKey(Number(id)), ask: async db => db.post.findUnique({ where: { id: Number(id) } }) }
    if (model === 'User')
      return { key: `post:${id}`, ask: async db => db.user.findUnique({ where: { id: Number(id) } }) }
    if (model === 'Tag') return { key: `tag:${id}`, ask: async db => db.tag.findUnique({ where: { id } }) }
  }
  if (model === 'Tag' && unique === 'name') {
    return { key: `tag:${id.split('-')[0]}`, ask: async db => db.tag.findUnique({ where: { name: id } }) }
  }
  if (model === 'Post') {
    const [authorId, slug] = id.split(':') as [string, string]
    const where = { authorId_slug: { authorId: Number(authorId), slug } }
    return { key: `by unique ${id}`, ask: async db => db.post.findUnique({ where }) }
  }
  return undefined
}

/** Posts of registers have ids from a million up. */
function postKey(id: number): Key {
  return id < 1_000_000 ? `counter:${id}` : `post:${id}`
}
