/** Every kind of write, each prepared on rows of its own: for promises that hold after all of them. */
import { expect } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { HAS_NESTED_TRANSACTIONS } from './prisma-version.js'
import type { Seeded } from './seed.js'
import type { CachedProcess, World } from './world.js'

export type Client = CachedProcess['prisma']

export type Case = [title: string, prepare: () => Promise<(db: Client) => Promise<unknown>>]

/**
 * @param ids - what `seed` has made
 * @param reader - another process than the writer
 */
export function everyWrite(world: World, ids: () => Seeded, reader: () => CachedProcess) {
  let serial = 0
  const fresh = (what: string) => `${what}-${++serial}`

  /** Things to write to, made by the plain client: each case leaves the world a little larger. */
  async function author() {
    const user = await world.plain.user.create({
      data: {
        email: fresh('author'),
        profile: {
          create: { handle: fresh('handle'), avatar: { create: { mimeType: 'a', content: Buffer.from('x') } } },
        },
        posts: {
          create: [
            { title: 'one', slug: fresh('slug') },
            { title: 'two', tags: { create: { name: fresh('tag') } } },
          ],
        },
      },
      include: { posts: { include: { tags: true } }, profile: { include: { avatar: true } } },
    })
    const comment = await world.plain.comment.create({
      data: {
        text: 'c',
        postId: user.posts[0]!.id,
        authorId: user.id,
        replies: { create: { text: 'r', postId: user.posts[0]!.id } },
      },
      include: { replies: true },
    })
    return { user, posts: user.posts, profile: user.profile!, comment }
  }

  async function product() {
    const brand = await world.plain.brand.create({ data: { slug: fresh('brand'), name: 'b' } })
    const item = await world.plain.product.create({
      data: { sku: fresh('sku'), brandSlug: brand.slug, model: 'm', name: 'n', price: '9.99', sizes: [1] },
    })
    const order = await world.plain.order.create({
      data: {
        number: fresh('order'),
        customerId: ids().users[0]!,
        lines: { create: { position: 1, sku: item.sku, quantity: 1, unitPrice: 1 } },
      },
    })
    return { brand, item, order }
  }

  async function tenant() {
    const made = await world.plain.tenant.create({
      data: {
        slug: fresh('tenant'),
        name: 't',
        projects: { create: { number: 1, name: 'p' } },
        memberships: { create: { userId: ids().users[0]! } },
      },
    })
    const task = await world.plain.task.create({ data: { tenantId: made.id, projectNumber: 1, title: 't' } })
    const hidden = await world.plain.asset.create({ data: { mimeType: 'h', content: Buffer.from('y') } })
    await world.plain.$executeRaw`UPDATE "Asset" SET "tenantId" = ${made.id}::uuid WHERE id = ${hidden.id}`
    return { tenant: made, task, hidden }
  }

  const topLevel: Case[] = [
    ['create', async () => db => db.user.create({ data: { email: fresh('e') } })],
    [
      'create of an id whose absence is cached',
      async () => {
        const slug = fresh('brand')
        await reader().prisma.brand.findUnique({ where: { slug } })
        return db => db.brand.create({ data: { slug, name: 'b' } })
      },
    ],
    ['createMany', async () => db => db.user.createMany({ data: [{ email: fresh('e') }, { email: fresh('e') }] })],
    ['createManyAndReturn', async () => db => db.user.createManyAndReturn({ data: [{ email: fresh('e') }] })],
    [
      'update by key',
      async () => {
        const { user } = await author()
        return db => db.user.update({ where: { id: user.id }, data: { name: fresh('n') } })
      },
    ],
    [
      'update by key, with a select that hides it',
      async () => {
        const { user } = await author()
        return async db => {
          const result = await db.user.update({
            where: { email: user.email },
            data: { name: 'x' },
            select: { name: true },
          })
          expect(result).toEqual({ name: 'x' })
        }
      },
    ],
    [
      'update by unique, with an omit that hides the key',
      async () => {
        const { user } = await author()
        return async db => {
          const result = await db.user.update({ where: { email: user.email }, data: { name: 'x' }, omit: { id: true } })
          expect(Object.keys(result)).toEqual(['email', 'name', 'role', 'createdAt', 'updatedAt'])
        }
      },
    ],
    [
      'update of the key itself',
      async () => {
        const { brand } = await product()
        return db => db.brand.update({ where: { slug: brand.slug }, data: { slug: fresh('brand') } })
      },
    ],
    [
      'update of the key itself, found by unique',
      async () => {
        const { item } = await product()
        return db =>
          db.product.update({ where: { sku: item.sku }, data: { id: '11111111-2222-4333-8444-555555555555' } })
      },
    ],
    [
      'update of a unique that others reference',
      async () => {
        const { item } = await product()
        return db => db.product.update({ where: { id: item.id }, data: { sku: fresh('sku') } })
      },
    ],
    [
      'update of a compound key that others reference',
      async () => {
        const { tenant: t } = await tenant()
        return db =>
          db.project.update({ where: { tenantId_number: { tenantId: t.id, number: 1 } }, data: { number: 7 } })
      },
    ],
    [
      'update by a compound key with a name',
      async () => {
        const { user, posts } = await author()
        const where = { userPost: { userId: user.id, postId: posts[0]!.id } }
        await world.plain.bookmark.create({ data: where.userPost })
        return db => db.bookmark.update({ where, data: { note: 'x' } })
      },
    ],
    [
      'update with further filters',
      async () => {
        const { user } = await author()
        return db => db.user.update({ where: { id: user.id, role: 'READER' }, data: { name: 'x' } })
      },
    ],
    [
      'upsert that creates',
      async () => db => {
        const slug = fresh('brand')
        return db.brand.upsert({ where: { slug }, create: { slug, name: 'b' }, update: { name: 'c' } })
      },
    ],
    [
      'upsert that updates',
      async () => {
        const { user } = await author()
        return db =>
          db.user.upsert({
            where: { email: user.email },
            create: { email: 'no' },
            update: { name: 'x' },
            select: { name: true },
          })
      },
    ],
    [
      'delete by key',
      async () => {
        const { comment } = await author()
        return db => db.comment.delete({ where: { id: comment.replies[0]!.id } })
      },
    ],
    [
      'delete that cascades over two tables and into itself',
      async () => {
        const { user } = await author()
        return db => db.user.delete({ where: { email: user.email }, select: { email: true } })
      },
    ],
    [
      'delete that sets null',
      async () => {
        const { profile } = await author()
        return db => db.asset.delete({ where: { id: profile.avatarId! } })
      },
    ],
    [
      'delete that sets a default',
      async () => {
        const { brand } = await product()
        return db => db.brand.delete({ where: { slug: brand.slug } })
      },
    ],
    [
      'delete that cascades through relations that the client does not know',
      async () => {
        const { tenant: t } = await tenant()
        await world.plain.task.deleteMany({ where: { tenantId: t.id } })
        return db => db.tenant.delete({ where: { id: t.id } })
      },
    ],
    [
      'updateMany',
      async () => db => db.post.updateMany({ where: { title: 'one' }, data: { views: { increment: 1 } } }),
    ],
    [
      'updateManyAndReturn',
      async () => db => db.post.updateManyAndReturn({ where: { title: 'two' }, data: { views: 5 } }),
    ],
    [
      'deleteMany',
      async () => {
        await author()
        return db => db.post.deleteMany({ where: { title: 'two' } })
      },
    ],
  ]

  const nested: Case[] = [
    [
      'create of children and grandchildren',
      async () => {
        const { user } = await author()
        return db =>
          db.user.update({
            where: { id: user.id },
            data: { posts: { create: { title: 'n', comments: { create: { text: 'n' } } } } },
          })
      },
    ],
    [
      'connect that steals a child from another parent',
      async () => {
        const [a, b] = [await author(), await author()]
        return db => db.user.update({ where: { id: a.user.id }, data: { posts: { connect: { id: b.posts[0]!.id } } } })
      },
    ],
    [
      'connect from the child',
      async () => {
        const [a, b] = [await author(), await author()]
        return db =>
          db.post.update({ where: { id: a.posts[0]!.id }, data: { author: { connect: { email: b.user.email } } } })
      },
    ],
    [
      'connect of a 1-1 that pushes another row out',
      async () => {
        const [a, b] = [await author(), await author()]
        return db =>
          db.profile.update({ where: { id: a.profile.id }, data: { avatar: { connect: { id: b.profile.avatarId! } } } })
      },
    ],
    [
      'create of a 1-1 from the other side that pushes a row out',
      async () => {
        const { profile } = await author()
        const { user } = await author()
        await world.plain.profile.deleteMany({ where: { userId: user.id } })
        return db =>
          db.asset.update({ where: { id: profile.avatarId! }, data: { profile: { create: { userId: user.id } } } })
      },
    ],
    [
      'connectOrCreate that connects',
      async () => {
        const [a, b] = [await author(), await author()]
        return db =>
          db.user.update({
            where: { id: a.user.id },
            data: { posts: { connectOrCreate: { where: { id: b.posts[0]!.id }, create: { title: 'x' } } } },
          })
      },
    ],
    [
      'set and disconnect of optional children',
      async () => {
        const { posts } = await author()
        const category = await world.plain.category.create({
          data: { name: fresh('c'), posts: { connect: posts.map(p => ({ id: p.id })) } },
        })
        return async db => {
          await db.category.update({
            where: { id: category.id },
            data: { posts: { disconnect: { id: posts[0]!.id } } },
          })
          await db.category.update({ where: { id: category.id }, data: { posts: { set: [] } } })
        }
      },
    ],
    [
      'update, updateMany, upsert, delete and deleteMany of children',
      async () => {
        const { user, posts } = await author()
        return db =>
          db.user.update({
            where: { id: user.id },
            data: {
              posts: {
                update: {
                  where: { id: posts[0]!.id },
                  data: { title: 'u', comments: { updateMany: { where: {}, data: { text: 'u' } } } },
                },
                upsert: { where: { id: posts[1]!.id }, create: { title: 'x' }, update: { title: 'v' } },
                updateMany: { where: { title: 'nobody' }, data: { title: 'w' } },
                deleteMany: { title: 'v' },
              },
              profile: { update: { bio: 'x' } },
            },
          })
      },
    ],
    [
      'delete of a child with what hangs on it',
      async () => {
        const { user, posts } = await author()
        return db => db.user.update({ where: { id: user.id }, data: { posts: { delete: { id: posts[0]!.id } } } })
      },
    ],
    [
      'update of a parent from the child',
      async () => {
        const { posts } = await author()
        return db =>
          db.post.update({
            where: { id: posts[0]!.id },
            data: { author: { update: { name: 'x', profile: { update: { bio: 'y' } } } } },
          })
      },
    ],
    [
      'self relations, one to many and many to many',
      async () => {
        const { user, comment } = await author()
        return async db => {
          await db.comment.update({
            where: { id: comment.id },
            data: { replies: { updateMany: { where: {}, data: { text: 'z' } } } },
          })
          await db.user
            .update({
              where: { id: user.id },
              data: { followers: { update: { where: { id: ids().users[0]! }, data: { name: 'f' } } } },
            })
            .catch(() => {})
          await db.user.update({ where: { id: user.id }, data: { followers: { connect: { id: ids().users[1]! } } } })
          await db.user.update({
            where: { id: user.id },
            data: { followers: { update: { where: { id: ids().users[1]! }, data: { name: 'f' } } } },
          })
        }
      },
    ],
    [
      'many to many: update of the other end',
      async () => {
        const { posts } = await author()
        const tag = posts[1]!.tags[0]!
        return db =>
          db.post.update({
            where: { id: posts[1]!.id },
            data: { tags: { update: { where: { id: tag.id }, data: { name: fresh('tag') } } } },
          })
      },
    ],
    [
      'upsert with nested writes in both branches',
      async () => {
        const { user, posts } = await author()
        return db =>
          db.user.upsert({
            where: { email: user.email },
            create: { email: 'no', posts: { create: { title: 'no' } } },
            update: { posts: { update: { where: { id: posts[0]!.id }, data: { title: 'yes' } } } },
          })
      },
    ],
    [
      'composite foreign keys',
      async () => {
        const { tenant: t, task } = await tenant()
        return async db => {
          await db.task.update({ where: { id: task.id }, data: { project: { update: { name: 'x' } } } })
          await db.tenant.update({
            where: { id: t.id },
            data: { tasks: { update: { where: { id: task.id }, data: { done: true } } } },
          })
        }
      },
    ],
  ]

  const raw: Case[] = [
    ['$executeRaw', async () => db => db.$executeRaw`UPDATE "User" SET name = 'raw' WHERE id = ${ids().users[0]!}`],
    [
      '$executeRawUnsafe',
      async () => db => db.$executeRawUnsafe(`UPDATE "Post" SET title = $1 WHERE id = $2`, 'raw', ids().posts[0]),
    ],
    [
      '$queryRaw that writes',
      async () => db => db.$queryRaw`UPDATE "User" SET name = 'q' WHERE id = ${ids().users[0]!} RETURNING id`,
    ],
    [
      '$queryRawUnsafe that writes in a CTE',
      async () => db =>
        db.$queryRawUnsafe(`WITH w AS (UPDATE "User" SET name = 'cte' RETURNING id) SELECT count(*)::int FROM w`),
    ],
    ['a Sql object', async () => db => db.$executeRaw(Prisma.sql`DELETE FROM "Comment"`)],
  ]

  const nestedTransactions: Case = [
    'nested transactions, the inner one rolled back',
    async () => {
      const { user } = await author()
      return db =>
        db.$transaction(async tx => {
          await tx.user.update({ where: { id: user.id }, data: { name: 'outer' } })
          const inner = tx as unknown as Client
          await inner
            .$transaction(async deep => {
              await deep.user.update({ where: { id: user.id }, data: { name: 'inner' } })
              throw new Error('back to the savepoint')
            })
            .catch(() => {})
        })
    },
  ]

  const transactions: Case[] = [
    ...(HAS_NESTED_TRANSACTIONS ? [nestedTransactions] : []),
    [
      'an interactive transaction',
      async () => {
        const { user, posts } = await author()
        return db =>
          db.$transaction(async tx => {
            await tx.user.update({ where: { id: user.id }, data: { name: 'tx' } })
            await tx.post.delete({ where: { id: posts[0]!.id } })
            await tx.$executeRaw`UPDATE "Profile" SET bio = 'tx'`
          })
      },
    ],
    [
      'a batch transaction',
      async () => {
        const { user, posts } = await author()
        return db =>
          db.$transaction([
            db.user.update({ where: { id: user.id }, data: { name: 'batch' } }),
            db.post.deleteMany({ where: { id: posts[0]!.id } }),
          ])
      },
    ],
    [
      'a transaction whose write is not awaited',
      async () => {
        const { user } = await author()
        return db =>
          db.$transaction(async tx => {
            const write = tx.user.update({ where: { id: user.id }, data: { name: 'hurried' } })
            void write.catch(() => {})
            await tx.user.count()
          })
      },
    ],
    [
      'a write by the client itself inside a transaction callback',
      async () => {
        const { user } = await author()
        return db =>
          db.$transaction(async () => {
            await db.user.update({ where: { id: user.id }, data: { name: 'outside' } })
          })
      },
    ],
  ]
  return { topLevel, nested, raw, transactions, author }
}
