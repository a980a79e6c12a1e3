/** Reads by a unique other than the primary key: by way of a pointer that proves itself by the row it leads to. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { Recent } from '../../src/memo.js'
import { newToken } from '../../src/wire/envelope.js'
import { EVERY_WRITE } from '../../src/wire/keys.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { completed } from '../support/completed.js'
import { control } from '../support/control.js'
import { delegate, outcome } from '../support/delegates.js'
import { Gates } from '../support/gates.js'
import { NoGuesses, wrongGuesses } from '../support/guesses.js'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let other: CachedProcess

beforeAll(async () => {
  cached = world.process()
  other = world.process({}, { parts: { Guesses: NoGuesses } })
})

let serial = 0
const fresh = (name = 'u') => `${name}-${++serial}@x.org`
const newUser = (data: Partial<Prisma.UserCreateInput> = {}) =>
  world.plain.user.create({ data: { email: fresh(), name: 'v0', ...data } })

/** Fills are sent and not waited for: one more command on the same connection is answered after them. */
const filled = (...processes: CachedProcess[]) => Promise.all(processes.map(one => one.flushed()))

type Read = readonly [model: string, where: object]

/** Every read, from both processes, twice: first whatever is in the cache now, then warm. All as plain Prisma answers. */
async function agree(...reads: Read[]): Promise<void> {
  for (const [model, where] of reads) {
    const truth = await delegate(world.plain, model).findUnique({ where })
    for (const { prisma } of [cached, other, cached, other]) {
      const answer = await delegate(prisma, model).findUnique({ where })
      expect(answer, `${model} ${JSON.stringify(where)}`).toStrictEqual(truth)
    }
  }
  await filled(cached, other)
}

describe('a unique finds its row', () => {
  const unique: Record<string, { model: string; where: object; first: object }> = {}
  const names = [
    'single',
    'compound with a nullable part',
    'compound with a nullable foreign key',
    'compound with a name',
    'nullable',
    'of a one to one',
    'nullable, of a one to one',
    'compound beside a compound key',
    'of a model with a uuid',
    'of a model with a big integer',
    'of a model with a text id',
    'long',
  ]

  beforeAll(async () => {
    const db = world.plain
    const user = await newUser({ email: 'single@x.org' })
    const long = await newUser({ email: `${'l'.repeat(300)}@x.org` })
    const post = await db.post.create({ data: { title: 't', slug: 'a:b', authorId: user.id } })
    const avatar = await db.asset.create({ data: { mimeType: 'image/png', content: Buffer.from('x') } })
    await db.profile.create({ data: { userId: user.id, avatarId: avatar.id, handle: 'ada', bio: null } })
    const root = await db.category.create({ data: { name: 'root' } })
    await db.category.create({ data: { name: 'leaf', parentId: root.id } })
    await db.brand.create({ data: { slug: 'acme', name: 'Acme' } })
    const product = await db.product.create({
      data: { sku: 'SKU/1', brandSlug: 'acme', model: 'M 1', name: 'n', price: '1.5', sizes: [] },
    })
    await db.tag.create({ data: { name: 'tag' } })
    const order = await db.order.create({ data: { number: 'N-1', customerId: user.id } })
    await db.orderLine.create({
      data: { orderId: order.id, position: 1, sku: product.sku, quantity: 1, unitPrice: '1' },
    })
    const both = (model: string, where: object, first = where) => ({ model, where, first })
    Object.assign(unique, {
      single: both('User', { email: user.email }),
      'compound with a nullable part': both(
        'Post',
        { authorId_slug: { authorId: user.id, slug: post.slug } },
        { slug: post.slug, authorId: { equals: user.id } },
      ),
      'compound with a nullable foreign key': both(
        'Category',
        { parentId_name: { parentId: root.id, name: 'leaf' } },
        { parentId: root.id, name: 'leaf' },
      ),
      'compound with a name': both(
        'Product',
        { brandModel: { brandSlug: 'acme', model: 'M 1' } },
        { brandSlug: 'acme', model: 'M 1' },
      ),
      nullable: both('Profile', { handle: 'ada' }),
      'of a one to one': both('Profile', { userId: user.id }),
      'nullable, of a one to one': both('Profile', { avatarId: avatar.id }),
      'compound beside a compound key': both(
        'OrderLine',
        { orderId_sku: { orderId: order.id, sku: product.sku } },
        { orderId: order.id, sku: product.sku },
      ),
      'of a model with a uuid': both('Product', { sku: product.sku }),
      'of a model with a big integer': both('Order', { number: 'N-1' }),
      'of a model with a text id': both('Tag', { name: 'tag' }),
      long: both('User', { email: long.email }),
    })
  })

  it.each(names)('%s: as Prisma does, the second time from Redis and no SQL, in one round trip', async name => {
    const { model, where, first } = unique[name]!
    for (const operation of ['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'] as const) {
      await filled(cached)
      await world.evict()
      const args = { where: operation.startsWith('findFirst') ? first : where }
      const truth = await delegate(world.plain, model)[operation](args)
      expect(truth).not.toBeNull()
      const read = async () => expect(await delegate(cached.prisma, model)[operation](args)).toStrictEqual(truth)
      await read()
      expect(await cached.countSql(read), operation).toBe(0)
    }
    await other.prisma.user.findUnique({ where: { id: -1 } }) // its first query looks who else is there
    const read = ({ prisma }: CachedProcess) => watchRedis(world, () => delegate(prisma, model).findUnique({ where }))
    expect((await read(cached)).commands()).toEqual(['mget'])
    expect((await read(other)).commands(), 'who does not know where it leads').toEqual(['mget', 'mget'])
  })

  it('null in a compound unique names no row: findFirst finds one of many, which is a result and no row', async () => {
    await world.plain.category.createMany({ data: [{ name: 'twin' }, { name: 'twin' }] })
    const where = { parentId: null, name: 'twin' }
    const read = () => cached.prisma.category.findFirst({ where })
    expect((await read())?.name).toBe('twin')
    expect(cached.prisma.$cache.explain('Category', 'findFirst', { where })).toMatchObject({
      invalidatedBy: ['any write to Category'],
    })
    const asUnique = { where: { parentId_name: where } }
    expect(await outcome(delegate(cached.prisma, 'Category').findUnique(asUnique))).toStrictEqual(
      await outcome(delegate(world.plain, 'Category').findUnique(asUnique)),
    )
  })

  it('select and omit are served from the row that the pointer leads to', async () => {
    const { email } = await newUser()
    await cached.prisma.user.findUnique({ where: { email }, select: { name: true } })
    await filled(cached)
    const shapes: object[] = [
      {},
      { select: { id: true } },
      { select: { role: true, name: true } },
      { omit: { email: true } },
    ]
    for (const shape of shapes) {
      const truth = await world.plain.user.findUnique({ where: { email }, ...shape })
      expect(
        await cached.countSql(async () => {
          expect(await cached.prisma.user.findUnique({ where: { email }, ...shape })).toStrictEqual(truth)
        }),
      ).toBe(0)
    }
  })

  it('20 uniques of one tick are two MGETs, and one when this process has met them', async () => {
    const users = await world.plain.user.createManyAndReturn({
      data: Array.from({ length: 20 }, () => ({ email: fresh('many') })),
    })
    const readAll = async () => {
      const reads = users.map(({ email }) => reader.prisma.user.findUnique({ where: { email } }))
      expect(await Promise.all(reads)).toStrictEqual(users)
    }
    let reader = cached
    const another = world.process()
    await another.prisma.user.findUnique({ where: { id: users[0]!.id } })
    await readAll()
    await filled(cached)
    reader = another
    expect((await watchRedis(world, readAll)).commands()).toEqual(['mget', 'mget'])
    expect((await watchRedis(world, readAll)).commands()).toEqual(['mget'])
  })
})

describe('pointer and row', () => {
  it('with a warm row and a cold pointer the database is queried once, and then both are warm', async () => {
    const { id, email } = await newUser()
    await cached.prisma.user.findUnique({ where: { id } })
    const byEmail = () => cached.prisma.user.findUnique({ where: { email } })
    expect(await cached.countSql(byEmail)).toBe(1)
    expect(await cached.countSql(byEmail)).toBe(0)
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id } }))).toBe(0)
  })

  it('with a warm pointer and a cold row the database is queried once, and then both are warm', async () => {
    const { id, email } = await newUser()
    const byEmail = () => cached.prisma.user.findUnique({ where: { email } })
    await byEmail()
    await filled(cached)
    expect(await world.redis.del(`${world.prefix}User:${id}`)).toBe(1)
    expect(await cached.countSql(byEmail)).toBe(1)
    expect(await cached.countSql(byEmail)).toBe(0)
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id } }))).toBe(0)
  })

  it('a row found by its key serves on while other rows are written, by its key and by its unique', async () => {
    const { id, email } = await newUser()
    const bystander = await newUser()
    await cached.prisma.user.findUnique({ where: { id } })
    await cached.prisma.user.findUnique({ where: { email } })
    await other.prisma.user.update({ where: { id: bystander.id }, data: { name: 'w' } })
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { email } }))).toBe(0)
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id } }))).toBe(0)
  })

  it('a row first found by its unique serves until the next write to the model; a load replaces it by one that stays', async () => {
    const bystander = await newUser()
    const writeAnother = () => other.prisma.user.update({ where: { id: bystander.id }, data: { name: 'w' } })
    for (const by of ['id', 'email'] as const) {
      const { id, email } = await newUser()
      await cached.prisma.user.findUnique({ where: { email } })
      await filled(cached)
      const read = () => cached.prisma.user.findUnique({ where: by === 'id' ? { id } : { email } })
      expect(await cached.countSql(read)).toBe(0)
      await writeAnother()
      expect(await cached.countSql(read)).toBe(1)
      await writeAnother()
      expect(await cached.countSql(read)).toBe(0)
    }
  })

  const writes: [string, (db: CachedProcess['prisma'], id: number) => PromiseLike<unknown>][] = [
    ['create', db => db.user.create({ data: { email: fresh() } })],
    ['createMany', db => db.user.createMany({ data: [{ email: fresh() }] })],
    ['update', (db, id) => db.user.update({ where: { id }, data: { name: 'w' } })],
    ['updateMany', (db, id) => db.user.updateMany({ where: { id }, data: { name: 'w' } })],
    ['upsert', (db, id) => db.user.upsert({ where: { id }, create: { email: fresh() }, update: { name: 'w' } })],
    ['delete', (db, id) => db.user.delete({ where: { id } })],
    ['deleteMany', (db, id) => db.user.deleteMany({ where: { id } })],
    ['raw SQL', (db, id) => db.$executeRaw`UPDATE "User" SET name = 'w' WHERE id = ${id}`],
    ['a nested create', db => db.post.create({ data: { title: 't', author: { create: { email: fresh() } } } })],
    ['a transaction', (db, id) => db.$transaction(tx => tx.user.update({ where: { id }, data: { name: 'w' } }))],
  ]
  it.each(writes)('a row first found by its unique is invalidated by %s of another row', async (_, write) => {
    const { email } = await newUser()
    const bystander = await newUser()
    const read = () => cached.prisma.user.findUnique({ where: { email } })
    await read()
    expect(await cached.countSql(read)).toBe(0)
    await write(other.prisma, bystander.id)
    expect(await cached.countSql(read)).toBe(1)
    await agree(['User', { email }])
  })
})

describe('where a pointer led before', () => {
  it('the target of a pointer is a guess: a row that has another value is not served, nor its relations', async () => {
    const [mine, theirs] = [await newUser({ name: 'mine' }), await newUser({ name: 'theirs' })]
    await world.plain.post.create({ data: { title: 'of mine', authorId: mine.id } })
    await world.plain.post.create({ data: { title: 'of theirs', authorId: theirs.id } })
    const astray = world.process({}, { parts: { Guesses: wrongGuesses(String(theirs.id)) } })
    const include = { posts: true, profile: true, _count: { select: { posts: true } } }
    for (const shape of [{}, { include }, { select: { name: true } }, { select: { posts: true } }]) {
      for (const where of [{ email: mine.email }, { email: fresh('nobody') }, { id: theirs.id }]) {
        const args = { where, ...shape }
        const truth = await delegate(world.plain, 'User').findUnique(args)
        for (let again = 0; again < 3; again++) {
          expect(await delegate(astray.prisma, 'User').findUnique(args)).toStrictEqual(truth)
          expect(await delegate(cached.prisma, 'User').findUnique(args)).toStrictEqual(truth)
          await filled(astray, cached)
        }
      }
    }
  })

  it('a wrong guess of a pointer is noticed when another row has the value, and again when none has it', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const { email } = a
    const read = () => cached.prisma.user.findUnique({ where: { email } })
    const sql = (id: number | undefined) =>
      cached.countSql(async () => {
        expect((await read())?.id).toBe(id)
        await filled(cached)
      })
    expect([await sql(a.id), await sql(a.id)]).toEqual([1, 0])
    await other.prisma.user.update({ where: { id: a.id }, data: { email: fresh() } })
    await other.prisma.user.update({ where: { id: b.id }, data: { email } })
    expect([await sql(b.id), await sql(b.id)]).toEqual([1, 0])
    await other.prisma.user.delete({ where: { id: b.id } })
    expect([await sql(undefined), await sql(undefined)]).toEqual([1, 0])
  })

  it('the guess of a pointer is followed together with the relations of the row, in one round trip', async () => {
    const { id, email } = await newUser()
    await world.plain.post.create({ data: { title: 't', authorId: id } })
    const read = () => cached.prisma.user.findUnique({ where: { email }, include: { posts: true } })
    const truth = await read()
    await filled(cached)
    const seen = await watchRedis(world, async () => expect(await read()).toStrictEqual(truth))
    expect(seen.commands()).toEqual(['mget'])
  })

  it('the guess of a pointer is forgotten when there are too many that were used later', () => {
    const recent = new Recent<number>(4)
    for (const [i, key] of ['a', 'b', 'c', 'd'].entries()) recent.set(key, i)
    // To use one is as good as to set it.
    expect(recent.get('b')).toBe(1)
    expect(['d', 'b'].map(key => recent.get(key))).toEqual([3, 1])
    recent.set('e', 4)
    expect(['a', 'c'].map(key => recent.get(key))).toEqual([undefined, undefined])
    expect(['b', 'e'].map(key => recent.get(key))).toEqual([1, 4])
    recent.set('b', 11)
    expect(recent.get('b')).toBe(11)
    recent.delete('b')
    expect(recent.get('b')).toBeUndefined()
  })
})

describe('a unique under a collation that ignores case', () => {
  beforeAll(async () => {
    await world.plain.$executeRaw`ALTER TABLE "User" ALTER COLUMN email TYPE text COLLATE "case_insensitive"`
  })
  afterAll(async () => {
    await world.plain.$executeRaw`ALTER TABLE "User" ALTER COLUMN email TYPE text`
  })

  it('a unique under a collation that ignores case keeps nothing for a spelling that the row does not have', async () => {
    const user = await newUser({ email: fresh('ada') })
    const fills: string[] = []
    const off = cached.prisma.$cache.on(event => {
      if (event.type === 'fill') fills.push(event.outcome)
    })
    for (let i = 0; i < 2; i++) {
      expect(await cached.prisma.user.findUnique({ where: { email: user.email.toUpperCase() } })).toStrictEqual(user)
      await filled(cached)
    }
    expect(fills).toEqual(['other-id', 'other-id'])
    expect((await world.keys()).filter(key => key.includes('ADA'))).toEqual([])
    expect(await world.redis.exists(`${world.prefix}User:${user.id}`)).toBe(0)

    // Under its own spelling it is kept, and it is served.
    expect(await cached.prisma.user.findUnique({ where: { email: user.email } })).toStrictEqual(user)
    await expect.poll(() => fills.at(-1)).toBe('sent')
    off()
    const { hits } = cached.prisma.$cache.stats()
    expect(await cached.prisma.user.findUnique({ where: { email: user.email } })).toStrictEqual(user)
    expect(cached.prisma.$cache.stats().hits).toBe(hits + 1)
  })
})

describe('a unique that moves takes its readers along, in both processes', () => {
  it('a unique that changes takes its readers along: written by key, by itself, in bulk, by raw SQL', async () => {
    const changes = [
      (db: CachedProcess['prisma'], id: number, _: string, email: string) =>
        db.user.update({ where: { id }, data: { email } }),
      (db: CachedProcess['prisma'], _: number, from: string, email: string) =>
        db.user.update({ where: { email: from }, data: { email } }),
      (db: CachedProcess['prisma'], _: number, from: string, email: string) =>
        db.user.update({ where: { email: from }, data: { email }, select: { name: true } }),
      (db: CachedProcess['prisma'], id: number, _: string, email: string) =>
        db.user.updateMany({ where: { id }, data: { email } }),
      (db: CachedProcess['prisma'], id: number, _: string, email: string) =>
        db.$executeRaw`UPDATE "User" SET email = ${email} WHERE id = ${id}`,
    ]
    const user = await newUser()
    let from = user.email
    for (const [i, change] of changes.entries()) {
      const to = fresh('moved')
      const reads: Read[] = [
        ['User', { email: from }],
        ['User', { email: to }],
        ['User', { id: user.id }],
      ]
      await agree(...reads)
      await change((i % 2 === 0 ? cached : other).prisma, user.id, from, to)
      await agree(...reads)
      from = to
    }
  })

  it('a unique that two rows swap in one transaction takes its readers along', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const reads: Read[] = [
      ['User', { email: a.email }],
      ['User', { email: b.email }],
      ['User', { id: a.id }],
      ['User', { id: b.id }],
    ]
    const [first, second] = [{ id: a.id }, { id: b.id }]
    await agree(...reads)
    await cached.prisma.$transaction(async tx => {
      await tx.user.update({ where: first, data: { email: fresh('between') } })
      await tx.user.update({ where: second, data: { email: a.email } })
      await tx.user.update({ where: first, data: { email: b.email } })
    })
    await agree(...reads)
    expect((await cached.prisma.user.findUnique({ where: { email: a.email } }))?.id).toBe(b.id)
    const between = fresh('between')
    await other.prisma.$transaction([
      other.prisma.user.update({ where: { email: a.email }, data: { email: between } }),
      other.prisma.user.update({ where: { email: b.email }, data: { email: a.email } }),
      other.prisma.user.update({ where: { email: between }, data: { email: b.email } }),
    ])
    await agree(...reads)
    expect((await cached.prisma.user.findUnique({ where: { email: a.email } }))?.id).toBe(a.id)
  })

  it('a unique that is freed, taken by another row and given back takes its readers along', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const { email } = a
    const reads: Read[] = [
      ['User', { email }],
      ['User', { id: a.id }],
      ['User', { id: b.id }],
    ]
    await agree(...reads)
    await cached.prisma.user.update({ where: { id: a.id }, data: { email: fresh() } })
    await agree(...reads)
    await other.prisma.user.update({ where: { id: b.id }, data: { email } })
    await agree(...reads)
    await cached.prisma.user.delete({ where: { email } })
    await agree(...reads)
    await other.prisma.user.update({ where: { id: a.id }, data: { email } })
    await agree(...reads)
  })

  it('a unique that is set to null and back takes its readers along', async () => {
    const user = await newUser()
    const { id } = await world.plain.profile.create({ data: { userId: user.id, handle: 'nully' } })
    const reads: Read[] = [
      ['Profile', { handle: 'nully' }],
      ['Profile', { userId: user.id }],
      ['Profile', { id }],
    ]
    await agree(...reads)
    await cached.prisma.profile.update({ where: { id }, data: { handle: null } })
    await agree(...reads)
    await other.prisma.profile.update({ where: { userId: user.id }, data: { handle: 'nully' } })
    await agree(...reads)
  })

  it('a compound unique takes its readers along when a part changes, also by the cascade of another model', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const { id } = await world.plain.post.create({ data: { title: 't', slug: 's', authorId: a.id } })
    const reads: Read[] = [
      ['Post', { authorId_slug: { authorId: a.id, slug: 's' } }],
      ['Post', { authorId_slug: { authorId: b.id, slug: 's' } }],
      ['Post', { id }],
    ]
    await agree(...reads)
    await cached.prisma.post.update({ where: { id }, data: { author: { connect: { id: b.id } } } })
    await agree(...reads)
    await other.prisma.user.update({ where: { id: a.id }, data: { posts: { connect: { id } } } })
    await agree(...reads)

    const slug = fresh('brand')
    const sku = fresh('sku')
    await world.plain.brand.create({ data: { slug, name: 'b' } })
    await world.plain.product.create({ data: { sku, brandSlug: slug, model: 'm', name: 'n', price: '1', sizes: [] } })
    const renamed: Read[] = [
      ['Product', { brandModel: { brandSlug: slug, model: 'm' } }],
      ['Product', { brandModel: { brandSlug: `${slug}2`, model: 'm' } }],
      ['Product', { sku }],
      ['Brand', { slug }],
      ['Brand', { slug: `${slug}2` }],
    ]
    await agree(...renamed)
    await cached.prisma.brand.update({ where: { slug }, data: { slug: `${slug}2` } })
    await agree(...renamed)
  })

  it('a unique whose row is deleted under a warm pointer finds none: by key, by unique, in bulk, by a cascade', async () => {
    const deletions = [
      (db: CachedProcess['prisma'], user: { id: number; email: string }) =>
        db.user.delete({ where: { email: user.email } }),
      (db: CachedProcess['prisma'], user: { id: number }) => db.user.delete({ where: { id: user.id } }),
      (db: CachedProcess['prisma'], user: { id: number }) => db.user.deleteMany({ where: { id: user.id } }),
    ]
    for (const [i, remove] of deletions.entries()) {
      const user = await newUser()
      await world.plain.post.create({ data: { title: 't', slug: 's', authorId: user.id } })
      const reads: Read[] = [
        ['User', { email: user.email }],
        ['Post', { authorId_slug: { authorId: user.id, slug: 's' } }],
      ]
      await agree(...reads)
      await remove((i % 2 === 0 ? cached : other).prisma, user)
      await agree(...reads)
      expect(await cached.prisma.user.findUnique({ where: { email: user.email } })).toBeNull()
    }
  })
})

describe('the absence of a unique value', () => {
  const endings: [string, (db: CachedProcess['prisma'], email: string, id: number) => PromiseLike<unknown>][] = [
    ['create', (db, email) => db.user.create({ data: { email } })],
    ['createMany', (db, email) => db.user.createMany({ data: [{ email }] })],
    ['update of another row', (db, email, id) => db.user.update({ where: { id }, data: { email } })],
    ['updateMany', (db, email, id) => db.user.updateMany({ where: { id }, data: { email } })],
    ['upsert that creates', (db, email) => db.user.upsert({ where: { email }, create: { email }, update: {} })],
    [
      'upsert that updates',
      (db, email, id) => db.user.upsert({ where: { id }, create: { email: fresh() }, update: { email } }),
    ],
    ['a nested create', (db, email) => db.post.create({ data: { title: 't', author: { create: { email } } } })],
    [
      'connectOrCreate',
      (db, email) =>
        db.post.create({ data: { title: 't', author: { connectOrCreate: { where: { email }, create: { email } } } } }),
    ],
    ['raw SQL', (db, email, id) => db.$executeRaw`UPDATE "User" SET email = ${email} WHERE id = ${id}`],
    ['a raw query', (db, email, id) => db.$queryRaw`UPDATE "User" SET email = ${email} WHERE id = ${id} RETURNING id`],
    ['a transaction', (db, email) => db.$transaction(tx => tx.user.create({ data: { email } }))],
  ]
  it.each(endings)(
    'the absence of a unique value is known after one query, in one round trip, and ended by %s',
    async (_, end) => {
      const email = fresh('none')
      const { id } = await newUser()
      const read = (cache: CachedProcess) => cache.prisma.user.findUnique({ where: { email } })
      expect(await read(cached)).toBeNull()
      expect(await cached.countSql(async () => expect(await read(cached)).toBeNull())).toBe(0)
      expect(await read(other)).toBeNull()
      await end(cached.prisma, email, id)
      expect((await read(cached))?.email).toBe(email)
      expect((await read(other))?.email).toBe(email)
      await agree(['User', { email }])
    },
  )

  it('the absence of a unique value costs one round trip', async () => {
    const email = fresh('none')
    await cached.prisma.user.findUnique({ where: { email } })
    await filled(cached)
    const seen = await watchRedis(world, () => cached.prisma.user.findFirst({ where: { email } }))
    expect(seen.commands()).toEqual(['mget'])
  })

  it.each(['findUniqueOrThrow', 'findFirstOrThrow'] as const)(
    'the absence of a unique value is Prisma’s own error with %s',
    async operation => {
      const args = { where: { email: fresh('none') } }
      const truth = await outcome(delegate(world.plain, 'User')[operation](args))
      expect(truth).toMatchObject({ code: 'P2025' })
      for (let i = 0; i < 2; i++) {
        expect(await outcome(delegate(cached.prisma, 'User')[operation](args))).toStrictEqual(truth)
      }
      const { email } = args.where
      expect(await cached.prisma.user.findUnique({ where: { email } })).toBeNull()
      await other.prisma.user.create({ data: { email } })
      expect(await outcome(delegate(cached.prisma, 'User')[operation](args))).toMatchObject({ value: { email } })
    },
  )
})

describe('a load by unique that is overtaken by a write', () => {
  /** Stamps what was loaded by a unique with the epoch of now, and not with that of before the load. */
  class RestampedFill extends Store {
    static pending: Promise<unknown>[] = []
    override fill(key: string, entry: Buffer, options: FillOptions): void {
      const { dependsOn, guard } = options
      if (typeof guard !== 'string') return super.fill(key, entry, options)
      const any = dependsOn.epochs[EVERY_WRITE] as string
      const restamp = async () => {
        await world.redis.set(any, newToken(), 'PX', 60_000, 'NX')
        const epoch = (await world.redis.getBuffer(any)) as Buffer
        epoch.copy(entry, 32, 4, 20) // `test/wire` pins these places
        await world.redis.set(key, completed(entry, options), 'PX', Math.ceil(options.ttlMs))
      }
      RestampedFill.pending.push(restamp())
    }
  }
  beforeEach(() => {
    RestampedFill.pending = []
  })

  async function overtaken(
    parts: { Store?: typeof Store },
    email: string,
    write: (db: CachedProcess['prisma']) => PromiseLike<unknown>,
  ) {
    const reader = world.process({}, { parts })
    const writer = world.process()
    const bystander = await newUser()
    for (const { prisma } of [reader, writer]) await prisma.user.findUnique({ where: { id: bystander.id } })
    const gates = new Gates()
    const slow = reader.prisma.$extends(gates.extension)
    const gate = gates.hold('findUnique', 'after')
    const read = (async () => await slow.user.findUnique({ where: { email } }))()
    await gate.arrived // the database has answered
    await write(writer.prisma)
    gate.open()
    await read
    await filled(reader)
    await Promise.all(RestampedFill.pending)
    const again = await reader.prisma.user.findUnique({ where: { email } })
    const elsewhere = await writer.prisma.user.findUnique({ where: { email } })
    return [again, elsewhere].map(user => user && { id: user.id, name: user.name })
  }

  async function rowChanges(parts: { Store?: typeof Store }) {
    const { id, email } = await newUser()
    const seen = await overtaken(parts, email, db => db.user.update({ where: { id }, data: { name: 'v1' } }))
    return seen.map(user => user?.name)
  }

  async function someoneComes(parts: { Store?: typeof Store }) {
    const email = fresh('late')
    const seen = await overtaken(parts, email, db => db.user.create({ data: { email, name: 'v1' } }))
    return seen.map(user => user?.name)
  }

  it('a load by unique that a write overtakes leaves no stale row', async () => {
    expect(await rowChanges({})).toEqual(['v1', 'v1'])
  })

  control('with the epoch from after the load, the stale row stays', async () => {
    expect(await rowChanges({ Store: RestampedFill })).toEqual(['v0', 'v0'])
  })

  it('a load by unique that a create overtakes leaves no absence', async () => {
    expect(await someoneComes({})).toEqual(['v1', 'v1'])
  })

  control('with the epoch from after the load, the absence stays', async () => {
    expect(await someoneComes({ Store: RestampedFill })).toEqual([undefined, undefined])
  })

  it('a load by unique leaves a pointer that is not followed when the value has gone to another row meanwhile', async () => {
    const [a, b] = [await newUser(), await newUser()]
    const seen = await overtaken({}, a.email, db =>
      db.$transaction([
        db.user.update({ where: { id: a.id }, data: { email: fresh() } }),
        db.user.update({ where: { id: b.id }, data: { email: a.email, name: 'taken' } }),
      ]),
    )
    expect(seen).toEqual([
      { id: b.id, name: 'taken' },
      { id: b.id, name: 'taken' },
    ])
  })

  it('a load by unique that a write overtakes leaves nothing when its pointer was warm and its row cold', async () => {
    const { id, email } = await newUser()
    await cached.prisma.user.findUnique({ where: { email } })
    await filled(cached)
    await world.redis.del(`${world.prefix}User:${id}`)
    const seen = await overtaken({}, email, db => db.user.update({ where: { id }, data: { name: 'v1' } }))
    expect(seen.map(user => user?.name)).toEqual(['v1', 'v1'])
  })

  it('a load by unique leaves nothing when the row was cached by its key meanwhile, and then written', async () => {
    const { id, email } = await newUser()
    const seen = await overtaken({}, email, async db => {
      await db.user.findUnique({ where: { id } })
      await db.user.update({ where: { id }, data: { name: 'v1' } })
      await db.user.findUnique({ where: { id } })
    })
    expect(seen.map(user => user?.name)).toEqual(['v1', 'v1'])
  })
})
