/** What an application does, all at once: reads in every form, writes in every form. */
import type { PrismaClient } from '../generated/prisma/client.js'
import type { Random } from '../test/support/random.js'
import type { Key, Value } from './history.js'

/** Rows that are there from the beginning to the end. */
export interface Ground {
  readonly authors: readonly number[]
  /** All are published, and none is ever deleted. */
  readonly posts: readonly { readonly id: number; readonly authorId: number; readonly slug: string }[]
}

type Client = PrismaClient & { readonly $uncached: PrismaClient }

export interface Read {
  readonly kind: string
  readonly run: () => Promise<readonly (readonly [Key, Value, asked?: string])[]>
}

export interface Write {
  readonly kind: string
  readonly keys: readonly Key[]
  /** Answers the versions that it made; none when it was rolled back. */
  readonly run: () => Promise<readonly (readonly [Key, number])[]>
}

export const counter = (id: number): Key => `counter:${id}`

/** No count gets there: who reads more has read what was never committed. */
export const NEVER_COMMITTED = 1_000_000

/** Some are asked for much more often than others, as everywhere. */
function anyPost({ posts }: Ground, random: Random): Ground['posts'][number] {
  return random.pick(random.chance(0.5) ? posts.slice(0, 4) : posts)
}

export function readOf(db: Client, ground: Ground, random: Random): Read {
  const { id, authorId, slug } = anyPost(ground, random)
  const key = counter(id)
  const one = (kind: string, query: () => PromiseLike<{ views: number } | null>): Read => ({
    kind,
    run: async () => [[key, (await query())?.views ?? null]],
  })
  const posts = ground.posts.filter(post => post.authorId === authorId)
  const some = (kind: string, query: () => PromiseLike<{ id: number; views: number }[]>): Read => ({
    kind,
    async run() {
      const found = new Map((await query()).map(post => [post.id, post.views]))
      return posts.map(post => [counter(post.id), found.get(post.id) ?? null] as const)
    },
  })
  return random.pick([
    () => one('by key', () => db.post.findUnique({ where: { id } })),
    () => one('by key', () => db.post.findUnique({ where: { id } })),
    () => one('by key, in part', () => db.post.findUnique({ where: { id }, select: { views: true } })),
    () => one('by key, or throw', () => db.post.findUniqueOrThrow({ where: { id } })),
    () => one('first by key', () => db.post.findFirst({ where: { id } })),
    () => one('by unique', () => db.post.findUnique({ where: { authorId_slug: { authorId, slug } } })),
    () => one('by key and filter', () => db.post.findUnique({ where: { id, published: true } })),
    () => one('with a relation', () => db.post.findUnique({ where: { id }, include: { author: true } })),
    () => some('a list', () => db.post.findMany({ where: { authorId } })),
    () =>
      some(
        'a relation to many',
        async () => (await db.user.findUnique({ where: { id: authorId }, include: { posts: true } }))?.posts ?? [],
      ),
    () => one('plain', () => db.$uncached.post.findUnique({ where: { id } })),
  ])()
}

export function writeOf(db: Client, ground: Ground, random: Random): Write {
  // In one order, or two transactions would wait for each other.
  const pair = [anyPost(ground, random), anyPost(ground, random)].toSorted((a, b) => a.id - b.id)
  const two = pair.filter((post, i) => pair.findIndex(({ id }) => id === post.id) === i)
  const { id, authorId, slug } = random.pick(two)
  const more = { views: { increment: 1 } }
  const bump = (where: { id: number }) => db.post.update({ where, data: more })
  const one = (kind: string, run: () => Promise<{ views: number } | undefined>): Write => ({
    kind,
    keys: [counter(id)],
    async run() {
      const made = await run()
      return made === undefined ? [] : [[counter(id), made.views]]
    },
  })
  const both = (kind: string, run: () => Promise<{ id: number; views: number }[]>): Write => ({
    kind,
    keys: two.map(post => counter(post.id)),
    run: async () => (await run()).map(post => [counter(post.id), post.views] as const),
  })
  /** Writes that name their rows, so that the others stay in the cache. */
  const named = [
    () => one('update', () => bump({ id })),
    () => one('update in part', () => db.post.update({ where: { id }, data: more, select: { views: true } })),
    () => one('update by unique', () => db.post.update({ where: { authorId_slug: { authorId, slug } }, data: more })),
    () =>
      one('upsert', () =>
        db.post.upsert({ where: { id }, update: more, create: { id, authorId, slug, title: 'never' } }),
      ),
    () =>
      one(
        'update of many, returned',
        async () => (await db.post.updateManyAndReturn({ where: { id }, data: more }))[0],
      ),
    () =>
      both('transaction', () =>
        db.$transaction(async tx => {
          const made = []
          for (const post of two) made.push(await tx.post.update({ where: { id: post.id }, data: more }))
          return made
        }),
      ),
    () => both('batch', () => db.$transaction(two.map(post => bump({ id: post.id })))),
    () =>
      one('transaction that is rolled back', async () => {
        class Rollback extends Error {}
        try {
          await db.$transaction(async tx => {
            await tx.post.update({ where: { id }, data: { views: { increment: NEVER_COMMITTED } } })
            await tx.post.findUnique({ where: { id } })
            throw new Rollback()
          })
        } catch (error) {
          if (!(error instanceof Rollback)) throw error
        }
        return undefined
      }),
  ]
  /** Writes that drop every post: too many of them, and there is no cache to be tested. */
  const unnamed = [
    () =>
      one(
        'raw',
        async () =>
          (
            await db.$queryRaw<
              { views: number }[]
            >`UPDATE "Post" SET views = views + 1 WHERE id = ${id} RETURNING views`
          )[0],
      ),
    () =>
      one('update of many in a transaction', () =>
        db.$transaction(async tx => {
          await tx.post.updateMany({ where: { authorId, slug }, data: more })
          return tx.post.findUniqueOrThrow({ where: { id } })
        }),
      ),
    () =>
      one('nested update', async () => {
        const where = { id: authorId }
        const posts = { update: { where: { id }, data: more } }
        const made = await db.user.update({ where, data: { posts }, select: { posts: { where: { id } } } })
        return made.posts[0]
      }),
  ]
  return random.pick(random.chance(0.99) ? named : unnamed)()
}

/** A row that one process alone creates, changes and deletes, so that the order of its states is known. */
export interface Register {
  readonly key: Key
  /** Brings it from its state to the next, and answers the next and how. */
  readonly next: (random: Random) => { value: Value; kind: string; run: () => Promise<unknown> }
}

/** A tag, of which the unique name changes with each state. */
export function tagRegister(db: Client, serial: number): Register {
  const id = `t${serial}`
  let name: string | null = null
  let version = 0
  return {
    key: `tag:${id}`,
    next(random) {
      const where = { id }
      const before = name
      if (before !== null && random.chance(0.3)) {
        name = null
        return random.pick([
          () => ({ value: null, kind: 'delete', run: async () => db.tag.delete({ where }) }),
          () => ({
            value: null,
            kind: 'delete by unique',
            run: async () => db.tag.delete({ where: { name: before } }),
          }),
          () => ({
            value: null,
            kind: 'delete of many',
            run: async () => db.tag.deleteMany({ where: { name: before } }),
          }),
        ])()
      }
      const value = `${id}-${++version}`
      name = value
      if (before === null) {
        return random.pick([
          () => ({ value, kind: 'create', run: async () => db.tag.create({ data: { id, name: value } }) }),
          () => ({
            value,
            kind: 'create of many',
            run: async () => db.tag.createMany({ data: [{ id, name: value }] }),
          }),
          () => ({
            value,
            kind: 'upsert that creates',
            run: async () => db.tag.upsert({ where, create: { id, name: value }, update: { name: value } }),
          }),
        ])()
      }
      const data = { name: value }
      return random.pick([
        () => ({ value, kind: 'update of a unique', run: async () => db.tag.update({ where, data }) }),
        () => ({
          value,
          kind: 'update of a unique by itself',
          run: async () => db.tag.update({ where: { name: before }, data }),
        }),
        random.chance(0.8)
          ? () => ({ value, kind: 'update of a unique', run: async () => db.tag.update({ where, data }) })
          : () => ({
              value,
              kind: 'raw update of a unique',
              run: async () => db.$executeRaw`UPDATE "Tag" SET name = ${value} WHERE id = ${id}`,
            }),
        () => ({
          value,
          kind: 'update of a unique in a transaction',
          run: async () => db.$transaction(async tx => tx.tag.update({ where, data })),
        }),
      ])()
    },
  }
}

/** A post that comes with its author and goes with it, by a cascade. */
export function postRegister(db: Client, id: number): Register {
  let title: string | null = null
  let serial = 0
  return {
    key: `post:${id}`,
    next(random) {
      const where = { id }
      if (title !== null && random.chance(0.3)) {
        title = null
        return { value: null, kind: 'cascade', run: async () => db.user.delete({ where }) }
      }
      const before = title
      const value = `${id}-${++serial}`
      title = value
      if (before === null) {
        const data = { id, email: `${value}@x.org`, posts: { create: { id, title: value, published: true } } }
        return { value, kind: 'nested create', run: async () => db.user.create({ data }) }
      }
      const data = { title: value }
      return random.pick([
        () => ({
          value,
          kind: 'nested update',
          run: async () => db.user.update({ where, data: { posts: { updateMany: { where: {}, data } } } }),
        }),
        () => ({
          value,
          kind: 'update of many',
          run: async () => db.post.updateMany({ where: { title: before }, data }),
        }),
      ])()
    },
  }
}

/** Reads a register of whatever process. */
export function readOfRegister(db: Client, key: Key, known: ReadonlyMap<Key, string>, random: Random): Read {
  const [kind, id] = key.split(':') as [string, string]
  if (kind === 'post') {
    const where = { id: Number(id) }
    return { kind: 'register', run: async () => [[key, (await db.post.findUnique({ where }))?.title ?? null]] }
  }
  const name = known.get(key)
  if (name !== undefined && random.chance(0.4)) {
    return {
      kind: 'register by unique',
      async run() {
        const tag = await db.tag.findUnique({ where: { name } })
        // Another row under this name would be nobody's.
        return [[key, tag === null ? null : tag.id === id ? tag.name : `${tag.id} under ${tag.name}`, name]]
      },
    }
  }
  return { kind: 'register', run: async () => [[key, (await db.tag.findUnique({ where: { id } }))?.name ?? null]] }
}
