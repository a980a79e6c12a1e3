import type { PrismaClient } from '../../generated/prisma/client.js'

/** What `seed` needs of a client: the one that Prisma generates, with or without extensions that leave its types. */
export type SeedClient = Pick<
  PrismaClient,
  | 'user'
  | 'profile'
  | 'asset'
  | 'category'
  | 'post'
  | 'tag'
  | 'comment'
  | 'bookmark'
  | 'tenant'
  | 'membership'
  | 'project'
  | 'task'
  | 'brand'
  | 'product'
  | 'order'
  | 'orderLine'
>

/** The ids of what was made, in the order in which it was made. */
export interface Seeded {
  readonly users: number[]
  readonly categories: number[]
  readonly tags: string[]
  readonly posts: number[]
  readonly comments: string[]
  readonly tenants: string[]
  readonly products: string[]
  readonly orders: bigint[]
}

const tagNames = ['postgres', 'redis', 'typescript', 'caching', 'queues', 'testing', 'operations', 'history']
const roots = ['Engineering', 'Culture']
const branches = ['Databases', 'Languages', 'Books', 'Film']
const brands = ['northwind', 'acme', 'lumen']
const models = ['Pocket', 'Desk', 'Field', 'Studio', 'Travel', 'Classic']
const postsPerUser = 3
const start = Date.UTC(2026, 0, 1, 9)
const minute = 60_000
const chunkSize = 1_000

/**
 * Fills an empty database with the same small world every time: in a fresh database users are 1, 2, 3 … and
 * `user1@example.com` has the posts 1 to 3. Everything else grows with the number of users, except the catalog: tags,
 * categories, tenants, brands and products are as many as they are.
 */
export async function seed(prisma: SeedClient, { users: count }: { users: number }): Promise<Seeded> {
  const users = await makeUsers(prisma, count)
  const categories = await makeCategories(prisma)
  const posts = await makePosts(prisma, users, categories)
  const tags = await makeTags(prisma, posts)
  const comments = await makeComments(prisma, users, posts)
  const tenants = await makeTenants(prisma, users)
  const catalog = await makeCatalog(prisma)
  const orders = await makeOrders(prisma, users, catalog)
  return { users, categories, tags, posts, comments, tenants, products: catalog.map(product => product.id), orders }
}

async function makeUsers(prisma: SeedClient, count: number): Promise<number[]> {
  const rows = numbers(count).map(n => ({
    email: `user${n + 1}@example.com`,
    name: `User ${n + 1}`,
    role: n === 0 ? ('ADMIN' as const) : n % 5 === 0 ? ('EDITOR' as const) : ('AUTHOR' as const),
    createdAt: at(n),
    updatedAt: at(n),
  }))
  const users: number[] = []
  for (const data of chunks(rows)) {
    const made = await prisma.user.createManyAndReturn({ data, select: { id: true } })
    users.push(...made.map(user => user.id))
  }

  // Every third user has a picture, every second a handle, everyone follows the next.
  const pictured = users.filter((_, n) => n % 3 === 0)
  const pictures = new Map<number, number>()
  for (const owners of chunks(pictured)) {
    const data = owners.map(id => ({
      mimeType: 'image/gif',
      content: new Uint8Array([71, 73, 70, id % 256]),
      createdAt: at(0),
    }))
    const made = await prisma.asset.createManyAndReturn({ data, select: { id: true } })
    for (const [n, { id }] of made.entries()) pictures.set(pick(owners, n), id)
  }
  const profiles = users.map((userId, n) => ({
    userId,
    avatarId: pictures.get(userId) ?? null,
    handle: n % 2 === 0 ? `user${n + 1}` : null,
    bio: n % 4 === 3 ? null : `Writes about ${pick(tagNames, n)}.`,
  }))
  for (const data of chunks(profiles)) await prisma.profile.createMany({ data })
  if (users.length > 1) {
    for (const [n, id] of users.slice(0, 100).entries()) {
      await prisma.user.update({ where: { id }, data: { following: { connect: { id: pick(users, n + 1) } } } })
    }
  }
  return users
}

async function makeCategories(prisma: SeedClient): Promise<number[]> {
  const select = { id: true }
  const tops = await prisma.category.createManyAndReturn({ data: roots.map(name => ({ name })), select })
  const data = branches.map((name, n) => ({ name, parentId: pick(tops, Math.floor(n / 2)).id }))
  const leaves = await prisma.category.createManyAndReturn({ data, select })
  return [...tops, ...leaves].map(category => category.id)
}

/** Of the three posts of a user two are out, under a slug and in a category, and one is a draft without either. */
async function makePosts(prisma: SeedClient, users: number[], categories: number[]): Promise<number[]> {
  const rows = users.flatMap((authorId, u) =>
    numbers(postsPerUser).map(p => {
      const published = p < 2
      return {
        authorId,
        title: `Post ${p + 1} of user ${u + 1}`,
        slug: published ? `post-${p + 1}` : null,
        body: published ? `Some words on ${pick(tagNames, u + p)}. `.repeat(5) : null,
        published,
        views: published ? (u * 37 + p * 11) % 1_000 : 0,
        categoryId: published ? pick(categories, u + p) : null,
        publishedAt: published ? at(u * postsPerUser + p + 30) : null,
        createdAt: at(u * postsPerUser + p),
        updatedAt: at(u * postsPerUser + p + 30),
      }
    }),
  )
  const posts: number[] = []
  for (const data of chunks(rows)) {
    const made = await prisma.post.createManyAndReturn({ data, select: { id: true } })
    posts.push(...made.map(post => post.id))
  }
  const bookmarks = users.map((userId, n) => ({ userId, postId: pick(posts, n * 5), createdAt: at(n + 40) }))
  for (const data of chunks(bookmarks)) await prisma.bookmark.createMany({ data })
  return posts
}

/** Each tag hangs on every eighth post, of the first thousand. */
async function makeTags(prisma: SeedClient, posts: number[]): Promise<string[]> {
  for (const [t, name] of tagNames.entries()) {
    const tagged = posts.slice(0, 1_000).filter((_, n) => n % tagNames.length === t)
    await prisma.tag.create({ data: { id: `tag-${name}`, name, posts: { connect: tagged.map(id => ({ id })) } } })
  }
  return tagNames.map(name => `tag-${name}`)
}

/** Under each published post two comments and a reply to the first, which nobody has signed. */
async function makeComments(prisma: SeedClient, users: number[], posts: number[]): Promise<string[]> {
  const rows = posts.flatMap((postId, n) => {
    if (n % postsPerUser === 2) return []
    const first = { id: uuid(n * 3), postId, authorId: pick(users, n + 1), text: 'Good read.', createdAt: at(n + 60) }
    const second = { id: uuid(n * 3 + 1), postId, authorId: pick(users, n + 2), text: 'Why so?', createdAt: at(n + 61) }
    const reply = { id: uuid(n * 3 + 2), postId, parentId: first.id, text: 'Indeed.', createdAt: at(n + 62) }
    return [first, second, reply]
  })
  for (const data of chunks(rows)) await prisma.comment.createMany({ data })
  return rows.map(row => row.id)
}

async function makeTenants(prisma: SeedClient, users: number[]): Promise<string[]> {
  const tenants = ['harbor', 'meadow'].map((slug, n) => ({
    id: uuid(0xa0_00_00 + n),
    slug,
    name: `The ${slug}`,
    createdAt: at(n),
  }))
  await prisma.tenant.createMany({ data: tenants })
  const memberships = users.map((userId, n) => ({ userId, tenantId: pick(tenants, n).id, joinedAt: at(n + 10) }))
  for (const data of chunks(memberships)) await prisma.membership.createMany({ data })
  const projects = tenants.flatMap(({ id: tenantId }) =>
    numbers(2).map(n => ({ tenantId, number: n + 1, name: `Project ${n + 1}` })),
  )
  await prisma.project.createMany({ data: projects })
  const tasks = projects.flatMap(({ tenantId, number: projectNumber }) => [
    { tenantId, projectNumber, title: 'Plan it', done: true },
    { tenantId, projectNumber, title: 'Do it' },
    { tenantId, title: 'Think about it' },
  ])
  await prisma.task.createMany({ data: tasks })
  return tenants.map(tenant => tenant.id)
}

interface Offer {
  readonly id: string
  readonly sku: string
  readonly price: string
}

async function makeCatalog(prisma: SeedClient): Promise<Offer[]> {
  const named = brands.map(slug => ({ slug, name: slug.toUpperCase() }))
  await prisma.brand.createMany({ data: [{ slug: 'unbranded', name: 'Unbranded' }, ...named], skipDuplicates: true })
  const products = brands.flatMap((brandSlug, b) =>
    models.map((model, m) => {
      const n = b * models.length + m
      return {
        id: uuid(0xb0_00_00 + n),
        sku: `${brandSlug.slice(0, 2).toUpperCase()}-${1_000 + n}`,
        brandSlug,
        model,
        name: `${model} notebook`,
        description: n % 3 === 0 ? null : `The ${model.toLowerCase()} one, by ${brandSlug}.`,
        price: (9.9 + n * 1.25).toFixed(2),
        weight: n % 4 === 0 ? null : `0.${100 + n}`,
        rating: n % 5 === 0 ? null : 3 + (n % 8) / 4,
        vatRate: 0.07,
        stock: (n * 7) % 50,
        shelf: n % 2 === 0 ? n : null,
        unitsSold: 9_007_199_254_740_993n + BigInt(n),
        active: n % 9 !== 8,
        condition: n % 6 === 5 ? ('REFURBISHED' as const) : ('NEW' as const),
        attributes: { pages: 96 + n * 8, paper: { gsm: 90, ruled: n % 2 === 0 } },
        ...(n % 3 === 1 ? { datasheet: { version: n, notes: ['acid-free', null] } } : {}),
        thumbnail: n % 4 === 3 ? null : new Uint8Array([0, 255, n]),
        keywords: ['notebook', model.toLowerCase()],
        sizes: n % 2 === 0 ? [5, 6] : [],
        badges: n % 7 === 0 ? (['BESTSELLER', 'SIGNED'] as const) : [],
        releasedOn: new Date(Date.UTC(2025, n % 12, 1)),
        availableFrom: n % 5 === 4 ? null : at(n * 60),
        syncedAt: at(n),
        createdAt: at(n),
        updatedAt: at(n),
      }
    }),
  )
  const data = products.map(({ badges, ...product }) => ({ ...product, badges: [...badges] }))
  await prisma.product.createMany({ data })
  return products
}

/** Every second user has one order, of two products. */
async function makeOrders(prisma: SeedClient, users: number[], catalog: Offer[]): Promise<bigint[]> {
  const statuses = ['PENDING', 'PAID', 'SHIPPED', 'CANCELLED'] as const
  const orders: bigint[] = []
  const customers = users.filter((_, n) => n % 2 === 0)
  for (const [c, some] of chunks(customers).entries()) {
    const rows = some.map((customerId, n) => {
      const first = c * chunkSize + n
      const offers = [pick(catalog, first), pick(catalog, first + 1)]
      const total = (offers.reduce((sum, offer) => sum + Number(offer.price) * 100, 0) / 100).toFixed(2)
      const order = { customerId, number: `2026-${1_000_000 + first}`, status: pick(statuses, first), total }
      return { order: { ...order, placedAt: at(first * 7) }, offers }
    })
    const made = await prisma.order.createManyAndReturn({ data: rows.map(row => row.order), select: { id: true } })
    const lines = made.flatMap(({ id: orderId }, n) =>
      pick(rows, n).offers.map(({ sku, price: unitPrice }, l) => ({
        orderId,
        position: l + 1,
        sku,
        quantity: 1,
        unitPrice,
      })),
    )
    await prisma.orderLine.createMany({ data: lines })
    orders.push(...made.map(order => order.id))
  }
  return orders
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

function chunks<T>(items: readonly T[]): T[][] {
  return numbers(Math.ceil(items.length / chunkSize)).map(n => items.slice(n * chunkSize, (n + 1) * chunkSize))
}

/** The nth of a list that begins again at its end. */
function pick<T>(items: readonly T[], n: number): T {
  const item = items[n % items.length]
  if (item === undefined) throw new RangeError('Nothing to pick from')
  return item
}

function at(minutes: number): Date {
  return new Date(start + minutes * minute)
}

function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}
