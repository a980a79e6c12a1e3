/**
 * Every kind of write, with arguments that the dice choose from a key space so small that most of them hit something. A kind
 * has several ways; whether the database refuses one is found out by trying.
 */
import type { Dice } from './dice.js'
import type { Call } from './reads.js'
import { type Key, space, type Subject, subjects, uniqueWhere } from './space.js'

export interface Raw {
  readonly method: '$executeRaw' | '$executeRawUnsafe' | '$queryRaw' | '$queryRawUnsafe'
  readonly text: string
}

export type Statement = Call | Raw

export interface Body {
  readonly statements: readonly Statement[]
  /** A transaction inside of this one, after its statements. */
  readonly nested?: Body
  /** Whether a statement that is refused is swallowed: Postgres then rolls back without a word. */
  readonly swallows?: boolean
  readonly end: 'commits' | 'rolls back'
}

export type Write =
  | { readonly how: 'alone'; readonly statement: Statement }
  /** Started in the same tick, the second by the other client. */
  | { readonly how: 'at once'; readonly statements: readonly [Statement, Statement] }
  | { readonly how: 'batch'; readonly statements: readonly Statement[] }
  | { readonly how: 'interactive'; readonly body: Body }
  /** Two transactions, one by each client, that run at the same time. */
  | { readonly how: 'interleaved'; readonly bodies: readonly [Body, Body] }

export interface Kind {
  readonly name: string
  readonly ways: readonly ((dice: Dice) => Write)[]
  /** It counts when the database refuses it. */
  readonly refused?: boolean
}

type Way = (dice: Dice) => Write
type Nested = (dice: Dice) => readonly [delegate: string, operation: string, args: object]

const alone = (delegate: string, operation: string, args: object): Write => ({
  how: 'alone',
  statement: { delegate, operation, args },
})
const call = (delegate: string, operation: string, args: object): Call => ({ delegate, operation, args })

// ---- writes of one model

const whereOf = (dice: Dice, key: Key) => uniqueWhere(key, dice.each(key.fields))
const uniquesOf = (subject: Subject) => subject.keys.slice(1)
const fieldsOf = (keys: readonly Key[]) => Object.assign({}, ...keys.map(key => key.fields)) as Key['fields']
const withUniques = subjects.filter(subject => uniquesOf(subject).length > 0)
const withPlain = subjects.filter(subject => Object.keys(subject.plain).length > 0)
const withSingleKey = subjects.filter(({ keys }) => Object.keys(keys[0].fields).length === 1)
const nullables = subjects.filter(({ keys }) =>
  keys.some(key => key.kind === 'nullable unique' || key.kind === 'compound unique'),
)

/** What the caller wants of the result: widening has to find the names all the same. */
const shape = (dice: Dice, { scalars }: Subject) => {
  const [first, last] = [scalars[0] as string, scalars.at(-1) as string]
  return dice([{}, {}, { select: { [last]: true } }, { omit: { [first]: true } }])
}
const row = (dice: Dice, { required, optional }: Subject) => dice.record(required, optional)
const rows = (dice: Dice, subject: Subject) => Array.from({ length: dice([1, 2, 3]) }, () => row(dice, subject))

/** Foreign keys as scalars: model, field, and where it may lead. */
const foreignKeys = [
  ['post', 'authorId', space.users],
  ['post', 'categoryId', [...space.categories, null]],
  ['comment', 'postId', space.posts],
  ['comment', 'authorId', [...space.users, null]],
  ['comment', 'parentId', [...space.comments, null]],
  ['category', 'parentId', [...space.categories, null]],
  ['profile', 'userId', space.users],
  ['profile', 'avatarId', [...space.assets, null]],
  ['product', 'brandSlug', space.brands],
  ['order', 'customerId', space.users],
  ['orderLine', 'sku', space.skus],
  ['task', 'projectNumber', [...space.projectNumbers, null]],
  ['bookmark', 'postId', space.posts],
  ['membership', 'tenantId', space.tenants],
  ['project', 'tenantId', space.tenants],
] as const
const subjectOf = (delegate: string) => subjects.find(subject => subject.delegate === delegate) as Subject

const single: Readonly<Record<string, readonly Way[]>> = {
  create: [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'create', { data: row(d, subject), ...shape(d, subject) })
    },
  ],
  createMany: [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'createMany', { data: rows(d, subject) })
    },
  ],
  'createMany, skipDuplicates': [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'createMany', { data: rows(d, subject), skipDuplicates: true })
    },
  ],
  createManyAndReturn: [
    d => {
      const subject = d(subjects)
      const skipDuplicates = d.chance(30)
      return alone(subject.delegate, 'createManyAndReturn', {
        data: rows(d, subject),
        skipDuplicates,
        ...shape(d, subject),
      })
    },
  ],
  'update by key': [
    d => {
      const subject = d(withPlain)
      const where = { ...whereOf(d, subject.keys[0]), ...(d.chance(15) ? d.some(subject.filters) : {}) }
      return alone(subject.delegate, 'update', { where, data: d.some(subject.plain), ...shape(d, subject) })
    },
  ],
  'update by unique': [
    d => {
      const subject = d(withUniques.filter(({ plain }) => Object.keys(plain).length > 0))
      const where = whereOf(d, d(uniquesOf(subject)))
      return alone(subject.delegate, 'update', { where, data: d.some(subject.plain), ...shape(d, subject) })
    },
  ],
  'update of the primary key': [
    d => {
      const subject = d(subjects)
      const [key] = subject.keys
      return alone(subject.delegate, 'update', {
        where: whereOf(d, key),
        data: d.some(key.fields),
        ...shape(d, subject),
      })
    },
    d => {
      const subject = d(withUniques)
      const where = whereOf(d, d(uniquesOf(subject)))
      return alone(subject.delegate, 'update', { where, data: d.some(subject.keys[0].fields), ...shape(d, subject) })
    },
    // To one that nobody has, found by another unique: the old id is nowhere in the args.
    d => alone('user', 'update', { where: { email: d(['ada@x.org', 'bob@x.org']) }, data: { id: 77 } }),
    d => alone('profile', 'update', { where: { userId: d([1, 2]) }, data: { id: { increment: 70 } } }),
    d => alone('product', 'update', { where: { sku: d(['SKU-1', 'SKU-3']) }, data: { id: FRESH_UUID } }),
    d => alone('profile', 'updateMany', { where: { bio: { not: 'none' }, userId: d([1, 2]) }, data: { id: 78 } }),
  ],
  'update of a unique': [
    d => {
      const subject = d(withUniques)
      const data = d.some(fieldsOf(uniquesOf(subject)))
      return alone(subject.delegate, 'update', { where: whereOf(d, d(subject.keys)), data, ...shape(d, subject) })
    },
  ],
  'update of a unique to null and back': [
    d => {
      const subject = d(nullables)
      const [name, values] = d([
        ['handle', [null, ...space.handles]],
        ['avatarId', [null, ...space.assets]],
        ['slug', [null, ...space.slugs]],
        ['parentId', [null, ...space.categories]],
      ] as const)
      const fits = subject.scalars.includes(name)
        ? subject
        : subjectOf({ handle: 'profile', avatarId: 'profile', slug: 'post', parentId: 'category' }[name])
      return alone(fits.delegate, 'update', { where: whereOf(d, fits.keys[0]), data: { [name]: d<unknown>(values) } })
    },
  ],
  increment: [
    d => alone('post', 'update', { where: { id: d(space.posts) }, data: { views: { increment: 1 } } }),
    d =>
      alone('product', 'update', {
        where: { sku: d(space.skus) },
        data: { stock: { increment: 1 }, unitsSold: { decrement: 1 } },
      }),
    d =>
      alone('user', 'update', {
        where: { email: d(space.emails) },
        data: { id: { increment: 1 } },
        select: { name: true },
      }),
    d =>
      alone('task', 'update', {
        where: { id: d(space.tasks) },
        data: { id: { increment: 1 }, projectNumber: { increment: 1 } },
      }),
    d => alone('profile', 'updateMany', { where: { id: d(space.profiles) }, data: { id: { increment: 1 } } }),
    d => alone('orderLine', 'updateMany', { where: { orderId: 1n }, data: { position: { increment: d([1, 2]) } } }),
  ],
  'move of a foreign key': foreignKeys.map(([delegate, field, to]) => d => {
    const subject = subjectOf(delegate)
    return alone(delegate, 'update', {
      where: whereOf(d, d(subject.keys)),
      data: { [field]: d<unknown>(to) },
      ...shape(d, subject),
    })
  }),
  'updateMany by key': [
    d => {
      const subject = d(withPlain)
      const pinned = d.each(subject.keys[0].fields)
      const where = d.chance(30) ? { ...pinned, ...d.some(subject.filters) } : pinned
      return alone(subject.delegate, 'updateMany', { where, data: d.some(subject.plain) })
    },
  ],
  'updateMany by in': [
    d => {
      const subject = d(withSingleKey.filter(({ plain }) => Object.keys(plain).length > 0))
      const [name, values] = Object.entries(subject.keys[0].fields)[0] as [string, readonly unknown[]]
      return alone(subject.delegate, 'updateMany', {
        where: { [name]: { in: [d(values), d(values)] } },
        data: d.some(subject.plain),
      })
    },
  ],
  'updateMany of any': [
    d => {
      const subject = d(withPlain)
      return alone(subject.delegate, 'updateMany', {
        where: d.some(subject.filters),
        data: d.some(subject.plain),
        ...(d.chance(10) && { limit: 1 }),
      })
    },
  ],
  'updateMany of a foreign key': foreignKeys.map(([delegate, field, to]) => d => {
    const subject = subjectOf(delegate)
    const where = d.chance(40) ? d.each(subject.keys[0].fields) : d.some({ ...subject.filters, [field]: to })
    return alone(delegate, 'updateMany', { where, data: { [field]: d<unknown>(to) } })
  }),
  'updateMany of a key': [
    d => {
      const subject = d(subjects)
      const data = d.some(fieldsOf(subject.keys))
      return alone(subject.delegate, 'updateMany', { where: d.each(d(subject.keys).fields), data })
    },
  ],
  updateManyAndReturn: [
    d => {
      const subject = d(withPlain)
      return alone(subject.delegate, 'updateManyAndReturn', {
        where: d.some(subject.filters),
        data: d.some(subject.plain),
        ...shape(d, subject),
      })
    },
    d => {
      const subject = d(subjects)
      const where = d.each(subject.keys[0].fields)
      return alone(subject.delegate, 'updateManyAndReturn', {
        where,
        data: d.some(fieldsOf(subject.keys)),
        ...shape(d, subject),
      })
    },
    d => {
      const [delegate, field, to] = d(foreignKeys)
      const subject = subjectOf(delegate)
      const where = d.some(subject.filters)
      return alone(delegate, 'updateManyAndReturn', { where, data: { [field]: d<unknown>(to) }, ...shape(d, subject) })
    },
  ],
  upsert: [
    d => {
      const subject = d(subjects)
      const update = d.some(d([subject.plain, fieldsOf(subject.keys), subject.plain]))
      return alone(subject.delegate, 'upsert', {
        where: whereOf(d, d(subject.keys)),
        create: row(d, subject),
        update,
        ...shape(d, subject),
      })
    },
  ],
  'upsert that creates': [
    d =>
      alone('user', 'upsert', {
        where: { email: d(['zoë@x.org', '*?[x]%2A']) },
        create: { email: 'zoë@x.org', name: d(['x', null]) },
        update: { name: 'y' },
      }),
    d =>
      alone('post', 'upsert', {
        where: { id: 4 },
        create: { id: 4, title: 'x', authorId: d([1, 2, 3]), categoryId: d([1, 4, null]) },
        update: { title: 'y' },
      }),
    d =>
      alone('tag', 'upsert', {
        where: { name: 'n3' },
        create: { id: 't:3', name: 'n3', posts: { connect: { id: d([1, 2, 3]) } } },
        update: {},
      }),
    d =>
      alone('bookmark', 'upsert', {
        where: { userPost: { userId: 3, postId: d([1, 2, 3]) } },
        create: { userId: 3, postId: d([1, 2, 3]) },
        update: { note: 'x' },
      }),
    d =>
      alone('profile', 'upsert', {
        where: { userId: 3 },
        create: { user: { connect: { id: 3 } }, handle: d(['h2', null]) },
        update: { bio: 'x' },
      }),
  ],
  'delete by key': [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'delete', { where: whereOf(d, subject.keys[0]), ...shape(d, subject) })
    },
  ],
  'delete by unique': [
    d => {
      const subject = d(withUniques)
      return alone(subject.delegate, 'delete', { where: whereOf(d, d(uniquesOf(subject))), ...shape(d, subject) })
    },
  ],
  'deleteMany by key': [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'deleteMany', { where: d.each(subject.keys[0].fields) })
    },
    d => alone('comment', 'deleteMany', { where: { id: { in: [d(space.comments), d(space.comments)] } } }),
    d => alone('post', 'deleteMany', { where: { id: { in: [d(space.posts), d(space.posts)] } } }),
  ],
  'deleteMany of any': [
    d => {
      const subject = d(subjects)
      return alone(subject.delegate, 'deleteMany', { where: d.some(subject.filters) })
    },
  ],

  'cascade: delete of a user': [
    d => alone('user', 'delete', { where: d([{ id: 1 }, { id: 2 }, { email: 'ada@x.org' }, { email: 'bob@x.org' }]) }),
  ],
  'cascade: delete of a tenant': [
    d =>
      alone('tenant', 'delete', {
        where: d([{ id: space.tenants[0] }, { id: space.tenants[1] }, { slug: 'ten1' }, { slug: 'ten2' }]),
      }),
    d => alone('tenant', 'deleteMany', { where: { slug: d(['ten1', 'ten2']) } }),
  ],
  'cascade: delete of a brand': [d => alone('brand', 'delete', { where: { slug: d(['b1', 'b2']) } })],
  'cascade: delete of an order': [d => alone('order', 'delete', { where: d([{ id: 1n }, { number: 'o-1' }]) })],
  'cascade: delete of a category': [d => alone('category', 'delete', { where: { id: d([4, 3]) } })],
  'cascade: delete of a post': [
    d => alone('post', 'delete', { where: d([{ id: 1 }, { id: 2 }, { authorId_slug: { authorId: 1, slug: 's1' } }]) }),
  ],
  'cascade: delete of a comment': [
    d => alone('comment', d(['delete', 'deleteMany']), { where: { id: d(['k1', 'k2']) } }),
  ],
  'cascade: delete of an asset': [d => alone('asset', d(['delete', 'deleteMany']), { where: { id: d([1, 2]) } })],
  'cascade: new sku': [
    d =>
      alone('product', d(['update', 'updateMany']), {
        where: { sku: d(['SKU-2', 'SKU-3']) },
        data: { sku: d(['SKU-4', 'SKU-1']) },
      }),
  ],
  'cascade: new slug of a brand': [
    d => alone('brand', d(['update', 'updateMany']), { where: { slug: d(['b1', 'b2']) }, data: { slug: 'b3' } }),
  ],
  'cascade: new id': [
    d =>
      alone('user', 'update', {
        where: d([{ id: 1 }, { id: 2 }, { email: 'ada@x.org' }]),
        data: { id: 4 },
        select: { name: true },
      }),
    d => alone('post', 'update', { where: { id: d([1, 2, 3]) }, data: { id: 4 } }),
    d => alone('tag', 'update', { where: { id: d(['t1', 't2']) }, data: { id: 't:3' } }),
    () => alone('comment', 'update', { where: { id: 'k1' }, data: { id: 'k3' } }),
    d => alone('category', 'update', { where: { id: d([1, 2, 4]) }, data: { id: 5 } }),
    () => alone('order', 'update', { where: { number: 'o-1' }, data: { id: 2n } }),
    () =>
      alone('project', 'update', {
        where: { tenantId_number: { tenantId: space.tenants[0] as string, number: 1 } },
        data: { number: 3 },
      }),
    d => alone('asset', 'update', { where: { id: d([1, 2]) }, data: { id: 3 } }),
  ],
  'of a model that is not cached': [
    d => alone('shipment', 'create', { data: { id: d(space.shipments), orderId: 1n, carrier: 'x' } }),
    d => alone('shipment', 'createMany', { data: [{ orderId: 1n, carrier: d(['x', 'y']) }] }),
    d => alone('order', 'update', { where: { id: 1n }, data: { shipments: { create: { carrier: d(['x', 'y']) } } } }),
  ],
}

// ---- nested writes

const on = (delegate: string, id: unknown, data: object): readonly [string, string, object] => [
  delegate,
  'update',
  { where: { [delegate === 'brand' ? 'slug' : 'id']: id }, data },
]
const { users, posts, profiles, assets, tags, tagNames, categories, comments, skus, emails, tenants, handles } = space
const onProject = (d: Dice, data: object): readonly [string, string, object] => [
  'project',
  'update',
  { where: { tenantId_number: { tenantId: d(tenants), number: d([1, 2]) } }, data },
]
const asset = { mimeType: 'n', content: new Uint8Array([9]) }

const nested: Readonly<Record<string, readonly Nested[]>> = {
  'nested 1-1 create': [
    d => on('user', d([3, 1, 2, 4]), { profile: { create: { handle: d(handles) } } }),
    d => on('asset', d([3, 2, 1]), { profile: { create: { userId: d([3, 4]), id: d([3, 4]) } } }),
    d => ['user', 'create', { data: { email: d(['zoë@x.org', '*?[x]%2A']), profile: { create: { id: d([3, 4]) } } } }],
    d => on('profile', d([1, 2]), { avatar: { create: { id: 3, ...asset } } }),
    d => on('profile', d([1, 2]), { user: { create: { email: d(['zoë@x.org', '*?[x]%2A']) } } }),
  ],
  'nested 1-1 connect': [
    d => on('profile', d(profiles), { avatar: { connect: { id: d(assets) } } }),
    d => on('profile', d(profiles), { user: { connect: { email: d(emails) } } }),
    d => on('asset', d(assets), { profile: { connect: { userId: d(users) } } }),
    d => on('user', d([3, 1, 2]), { profile: { connect: { id: d(profiles) } } }),
    d => on('asset', d(assets), { profile: { connect: { handle: d(handles) } } }),
    d => [
      'profile',
      'create',
      { data: { id: 3, user: { connect: { id: 3 } }, avatar: { connect: { id: d(assets) } } } },
    ],
    d => ['user', 'create', { data: { email: 'zoë@x.org', profile: { connect: { id: d(profiles) } } } }],
  ],
  'nested 1-1 connectOrCreate': [
    d =>
      on('profile', d([1, 2]), {
        avatar: { connectOrCreate: { where: { id: d(assets) }, create: { id: 3, ...asset } } },
      }),
    d =>
      on('asset', d(assets), {
        profile: { connectOrCreate: { where: { userId: d(users) }, create: { userId: d([3, 1]) } } },
      }),
    d =>
      on('profile', d([1, 2]), {
        user: { connectOrCreate: { where: { email: d(emails) }, create: { email: 'zoë@x.org' } } },
      }),
    d =>
      on('user', d([3, 1, 2]), {
        profile: { connectOrCreate: { where: { id: d(profiles) }, create: { handle: d(handles) } } },
      }),
  ],
  'nested 1-1 disconnect': [
    d => on('asset', d([1, 2]), { profile: { disconnect: true } }),
    d => on('profile', d([1, 2]), { avatar: { disconnect: true } }),
    d => on('profile', d([1, 2]), { avatar: { disconnect: { mimeType: d(['x', 'y']) } } }),
  ],
  'nested 1-1 update': [
    d => on('user', d([1, 2]), { profile: { update: { bio: 'n', handle: d(handles) } } }),
    d => on('profile', d([1, 2]), { user: { update: { where: { role: 'READER' }, data: { name: 'n' } } } }),
    d => on('profile', d([1, 2]), { avatar: { update: { mimeType: d(['n', 'x']) } } }),
    d => on('user', d([1, 2]), { profile: { update: { where: { handle: d(['h1', null]) }, data: { id: 3 } } } }),
    d => on('asset', d([1, 2]), { profile: { update: { user: { connect: { id: 3 } } } } }),
  ],
  'nested 1-1 upsert': [
    d =>
      on('user', d([3, 1, 2]), { profile: { upsert: { create: { id: d([3, 4]) }, update: { handle: d(handles) } } } }),
    d => on('profile', d([1, 2]), { avatar: { upsert: { create: asset, update: { mimeType: 'm' } } } }),
    d =>
      on('asset', d([3, 1, 2]), {
        profile: { upsert: { create: { userId: d([3, 1]) }, update: { bio: 'n' }, where: { bio: null } } },
      }),
  ],
  'nested 1-1 delete': [
    d => on('user', d([1, 2]), { profile: { delete: true } }),
    d => on('profile', d([1, 2]), { avatar: { delete: true } }),
    d => on('asset', d([1, 2]), { profile: { delete: true } }),
    d => on('user', d([1, 2]), { profile: { delete: { handle: d(['h1', null]) } } }),
  ],

  'nested 1-n create': [
    d =>
      on('user', d([1, 2, 3]), {
        posts: { create: { title: 'n', slug: d(['s2', null]), tags: { create: { id: 't:3', name: 'n3' } } } },
      }),
    d => on('post', d([1, 2, 3]), { comments: { create: [{ id: 'k3', text: 'n' }] } }),
    d => on('comment', d(['k1', 'k2']), { replies: { create: { id: 'k3', text: 'n', postId: d([1, 2, 3]) } } }),
    d => onProject(d, { tasks: { create: { id: d([4n, 5n]), title: 'n' } } }),
    d =>
      on('category', d([1, 2, 4]), {
        children: { create: { name: d(['c1', 'c2']), posts: { connect: { id: d(posts) } } } },
      }),
    d =>
      on('tenant', d(tenants), {
        memberships: { create: { userId: d([3, 1]) } },
        projects: { create: { number: 3, name: 'n' } },
      }),
    d =>
      on('order', 1n, { lines: { create: { position: 3, sku: d(['SKU-1', 'SKU-2']), quantity: 1, unitPrice: '1' } } }),
  ],
  'nested 1-n createMany': [
    d =>
      on('user', d([1, 2, 3]), { bookmarks: { createMany: { data: [{ postId: d(posts) }], skipDuplicates: true } } }),
    d =>
      on('user', d([1, 2, 3]), {
        posts: { createMany: { data: [{ title: 'n' }, { title: 'm', categoryId: d([1, 4]) }] } },
      }),
    d =>
      on('tenant', d(tenants), { tasks: { createMany: { data: [{ title: 'n' }, { title: 'n', projectNumber: 1 }] } } }),
    d =>
      on('brand', d(['b1', 'b2']), {
        products: { createMany: { data: [{ sku: 'SKU-4', model: d(['m1', 'm2']), name: 'n', price: '1' }] } },
      }),
    d => [
      'order',
      'create',
      {
        data: {
          id: 2n,
          number: 'o-2',
          customerId: d([1, 2]),
          lines: { createMany: { data: [{ position: 1, sku: d(skus), quantity: 1, unitPrice: 1 }] } },
        },
      },
    ],
  ],
  'nested 1-n connect': [
    d => on('user', d([1, 2, 3]), { posts: { connect: [{ id: d([1, 2, 3]) }, { id: d([3, 1, 2]) }] } }),
    d => on('brand', d(['b2', 'b1']), { products: { connect: { sku: d(['SKU-1', 'SKU-2', 'SKU-3']) } } }),
    d => on('category', d([1, 2, 4]), { posts: { connect: { id: d([1, 2, 3]) } } }),
    d => on('comment', d(['k2', 'k1']), { replies: { connect: { id: d(['k1', 'k2']) } } }),
    d => on('category', d([4, 1, 2]), { children: { connect: { id: d([3, 2, 1]) } } }),
    d => onProject(d, { tasks: { connect: { id: d([1n, 2n, 3n]) } } }),
    d => on('user', d([1, 2, 3]), { posts: { connect: { authorId_slug: { authorId: d([1, 2]), slug: 's1' } } } }),
    d => ['user', 'create', { data: { email: 'zoë@x.org', posts: { connect: { id: d([1, 2, 3]) } } } }],
    d => [
      'product',
      'update',
      {
        where: { sku: d(['SKU-2', 'SKU-3', 'SKU-1']) },
        data: { lines: { connect: { orderId_position: { orderId: 1n, position: d([1, 2]) } } } },
      },
    ],
  ],
  'nested 1-n connectOrCreate': [
    d =>
      on('user', d([1, 2, 3]), {
        posts: { connectOrCreate: { where: { id: d(posts) }, create: { id: 4, title: 'n' } } },
      }),
    d =>
      on('category', d([1, 2, 4]), {
        children: { connectOrCreate: { where: { id: d(categories) }, create: { id: 5, name: d(['c1', 'c2']) } } },
      }),
    d =>
      on('post', d([1, 2, 3]), {
        comments: { connectOrCreate: [{ where: { id: d(comments) }, create: { text: 'n' } }] },
      }),
  ],
  'nested 1-n disconnect': [
    d => on('category', d([1, 4]), { posts: { disconnect: { id: d([1, 2]) } } }),
    d => on('comment', 'k1', { replies: { disconnect: { id: d(['k2', 'k1']) } } }),
    d => on('category', d([1, 2]), { children: { disconnect: { id: d([2, 3]) } } }),
    d => on('user', d([2, 1]), { comments: { disconnect: [{ id: d(['k1', 'k2']) }] } }),
  ],
  'nested 1-n set': [
    d => on('category', d([1, 2, 4]), { posts: { set: [{ id: d([1, 2, 3]) }] } }),
    d => on('category', d([1, 2, 4]), { children: { set: d<object[]>([[], [{ id: 3 }], [{ id: 4 }]]) } }),
    d => on('user', d([1, 2, 3]), { comments: { set: [{ id: d(['k1', 'k2']) }] } }),
    d => on('comment', d(['k1', 'k2']), { replies: { set: [] } }),
  ],
  'nested 1-n update': [
    d =>
      on('user', d([1, 2]), {
        posts: { update: { where: { id: d([1, 2, 3]) }, data: { title: 'n', slug: d(space.slugs) } } },
      }),
    d =>
      on('brand', d(['b1', 'b2']), {
        products: { update: { where: { sku: d(['SKU-1', 'SKU-2', 'SKU-3']) }, data: { sku: d([...skus]), stock: 1 } } },
      }),
    d => on('category', d([1, 2]), { children: { update: { where: { id: d([2, 3]) }, data: { id: 5 } } } }),
    d =>
      on('user', d([1, 2]), {
        posts: { update: { where: { authorId_slug: { authorId: d([1, 2]), slug: 's1' } }, data: { views: 1 } } },
      }),
    d =>
      on('user', d([1, 2]), {
        posts: { update: { where: { id: d([1, 2, 3]) }, data: { category: { connect: { id: d([1, 2, 4]) } } } } },
      }),
    d => onProject(d, { tasks: { update: { where: { id: d([1n, 3n]) }, data: { title: 'n', done: true } } } }),
    d =>
      on('order', 1n, {
        lines: {
          update: {
            where: { orderId_sku: { orderId: 1n, sku: d(['SKU-2', 'SKU-3']) } },
            data: { position: d([1, 3]) },
          },
        },
      }),
  ],
  'nested 1-n updateMany': [
    d =>
      on('tenant', d(tenants), {
        memberships: { updateMany: { where: { userId: d(users) }, data: { role: 'EDITOR' } } },
      }),
    () => on('comment', 'k1', { replies: { updateMany: { where: {}, data: { text: 'n' } } } }),
    d =>
      on('user', d([1, 2]), {
        posts: { updateMany: { where: { title: d(['x', 'y']) }, data: { categoryId: d([1, 4, null]) } } },
      }),
    d =>
      on('category', d([1, 4]), {
        posts: { updateMany: { where: { id: { in: [1, d([2, 3])] } }, data: { authorId: d([3, 2]) } } },
      }),
  ],
  'nested 1-n upsert': [
    d =>
      on('user', d([1, 2, 3]), {
        posts: {
          upsert: {
            where: { id: d(posts) },
            create: { id: 4, title: 'n' },
            update: { title: 'm', authorId: d([2, 3]) },
          },
        },
      }),
    d =>
      on('category', d([1, 2, 4]), {
        children: {
          upsert: { where: { id: d([2, 3, 5]) }, create: { name: 'c2' }, update: { parentId: d([null, 4]) } },
        },
      }),
    d => [
      'user',
      'upsert',
      {
        where: { email: d(emails) },
        create: { email: 'zoë@x.org', posts: { connect: { id: d([1, 2, 3]) } } },
        update: { posts: { updateMany: { where: { title: 'x' }, data: { views: 2 } } } },
      },
    ],
  ],
  'nested 1-n delete': [
    d => on('user', d([1, 2]), { posts: { delete: { id: d([1, 2, 3]) } } }),
    () => on('comment', 'k1', { replies: { delete: { id: 'k2' } } }),
    d => on('order', 1n, { lines: { delete: { orderId_position: { orderId: 1n, position: d([1, 2]) } } } }),
    d => onProject(d, { tasks: { delete: { id: d([1n, 3n]) } } }),
    d => on('user', d([1, 2]), { posts: { delete: { authorId_slug: { authorId: d([1, 2]), slug: 's1' } } } }),
  ],
  'nested 1-n deleteMany': [
    d => on('post', 1, { comments: { deleteMany: { text: d(['x', 'y']) } } }),
    d => on('user', d([1, 2]), { posts: { deleteMany: {} }, memberships: { deleteMany: { role: 'READER' } } }),
    d => on('user', d([1, 2]), { bookmarks: { deleteMany: [{ postId: d([1, 2]) }] } }),
    () => on('category', 2, { children: { deleteMany: { id: 3 } } }),
  ],

  'nested n-1 create': [
    d => ['post', 'create', { data: { title: 'n', author: { create: { email: d(['zoë@x.org', '*?[x]%2A']) } } } }],
    d =>
      on('post', d([1, 2, 3]), {
        author: { create: { email: d(['zoë@x.org', '*?[x]%2A']), profile: { create: { handle: d(handles) } } } },
      }),
    d => on('post', d([1, 2, 3]), { category: { create: { name: d(['c1', 'c2']) } } }),
    d => on('comment', d(['k1', 'k2']), { author: { create: { email: 'zoë@x.org' } } }),
    d => [
      'task',
      'update',
      { where: { id: d([1n, 2n]) }, data: { project: { create: { tenantId: tenants[0], number: 3, name: 'n' } } } },
    ],
  ],
  'nested n-1 connect': [
    d => on('post', d([1, 2, 3]), { author: { connect: { email: d(emails) } } }),
    d => on('post', d([1, 2, 3]), { category: { connect: { id: d(categories) } } }),
    d => on('comment', d(['k1', 'k2']), { parent: { connect: { id: d(['k1', 'k2']) } } }),
    d => [
      'bookmark',
      'update',
      {
        where: { userPost: { userId: d([1, 2]), postId: d([1, 2]) } },
        data: { post: { connect: { id: d([3, 2, 1]) } } },
      },
    ],
    d => [
      'task',
      'update',
      {
        where: { id: d([1n, 2n, 3n]) },
        data: { project: { connect: { tenantId_number: { tenantId: d(tenants), number: d([1, 2]) } } } },
      },
    ],
    d => [
      'post',
      'create',
      {
        data: {
          title: 'n',
          author: { connect: { id: d([1, 2, 3]) } },
          category: { connect: { parentId_name: { parentId: d([1, 2]), name: 'c1' } } },
        },
      },
    ],
    d => [
      'orderLine',
      'update',
      {
        where: { orderId_position: { orderId: 1n, position: d([1, 2]) } },
        data: { product: { connect: { id: d(space.products) } } },
      },
    ],
  ],
  'nested n-1 connectOrCreate': [
    d =>
      on('post', d([1, 2, 3]), {
        author: { connectOrCreate: { where: { email: d(emails) }, create: { email: 'zoë@x.org' } } },
      }),
    d =>
      on('post', d([1, 2, 3]), {
        category: { connectOrCreate: { where: { id: d([5, 4]) }, create: { id: 5, name: 'c2' } } },
      }),
  ],
  'nested n-1 disconnect': [
    d => on('post', d([1, 2]), { category: { disconnect: true } }),
    d => on('comment', d(['k1', 'k2']), { author: { disconnect: true }, parent: { disconnect: true } }),
    d => on('category', d([2, 3]), { parent: { disconnect: true } }),
  ],
  'nested n-1 update': [
    d => on('post', d([1, 2, 3]), { author: { update: { name: 'n', email: d(['zoë@x.org', '*?[x]%2A']) } } }),
    () => on('comment', 'k2', { parent: { update: { text: 'n' } } }),
    d => on('post', d([1, 2]), { category: { update: { name: d(['c2', 'c1']), id: 5 } } }),
    d => ['task', 'update', { where: { id: d([1n, 3n]) }, data: { project: { update: { name: 'n' } } } }],
    d => [
      'orderLine',
      'update',
      {
        where: { orderId_position: { orderId: 1n, position: d([1, 2]) } },
        data: { product: { update: { sku: 'SKU-4', stock: 1 } } },
      },
    ],
  ],
  'nested n-1 upsert': [
    d => on('post', d([1, 2, 3]), { category: { upsert: { create: { name: 'c2' }, update: { name: 'c2' } } } }),
    d =>
      on('comment', d(['k1', 'k2']), {
        parent: { upsert: { create: { id: 'k3', text: 'n', postId: 1 }, update: { text: 'm' } } },
      }),
  ],
  'nested n-1 delete': [
    () => on('post', 2, { category: { delete: true } }),
    () => on('comment', 'k1', { author: { delete: true } }),
    d => on('comment', 'k2', { author: { delete: d<unknown>([true, { name: 'x' }]) }, parent: { disconnect: true } }),
    d => on('post', d([2, 1]), { category: { delete: { name: d(['c2', 'c1']) } } }),
  ],

  'nested m-n create': [
    d => on('post', d([1, 2, 3]), { tags: { create: { id: 't:3', name: 'n3' } } }),
    d => on('tag', d(['t1', 't2']), { posts: { create: { title: 'n', authorId: d([1, 2, 3]) } } }),
    d => on('user', d([1, 2, 3]), { followers: { create: { email: 'zoë@x.org' } } }),
  ],
  'nested m-n connect': [
    d => on('post', d([1, 2, 3]), { tags: { connect: { name: d(['n1', 'n2']) } } }),
    d => on('tag', d(['t1', 't2']), { posts: { connect: [{ id: d([1, 2, 3]) }] } }),
    d => on('user', d([1, 2, 3]), { following: { connect: { id: d([1, 2, 3]) } } }),
    d => ['tag', 'create', { data: { id: 't:3', name: 'n3', posts: { connect: { id: d([1, 2, 3]) } } } }],
  ],
  'nested m-n connectOrCreate': [
    d =>
      on('post', d([1, 2, 3]), {
        tags: { connectOrCreate: { where: { id: d(tags) }, create: { id: 't:3', name: 'n3' } } },
      }),
    d =>
      on('user', d([1, 2, 3]), {
        followers: { connectOrCreate: { where: { email: d(emails) }, create: { email: 'zoë@x.org' } } },
      }),
  ],
  'nested m-n disconnect': [
    d => on('post', d([1, 2]), { tags: { disconnect: { id: d(['t1', 't2']) } } }),
    d => on('tag', d(['t1', 't2']), { posts: { disconnect: { id: d([2, 1]) } } }),
    d => on('user', d([1, 2]), { followers: { disconnect: { id: d([2, 1, 3]) } } }),
  ],
  'nested m-n set': [
    d => on('post', d([1, 2, 3]), { tags: { set: d<object[]>([[], [{ id: 't1' }], [{ name: 'n2' }]]) } }),
    d => on('user', d([1, 2, 3]), { followers: { set: [{ id: d([1, 2, 3]) }] } }),
    d => on('tag', d(['t1', 't2']), { posts: { set: [{ id: d([1, 2, 3]) }] } }),
  ],
  'nested m-n update': [
    d =>
      on('post', d([1, 2]), { tags: { update: { where: { id: d(['t1', 't2']) }, data: { name: d(['n3', 'n2']) } } } }),
    d => on('tag', d(['t1', 't2']), { posts: { update: { where: { id: d([1, 2]) }, data: { authorId: d([2, 3]) } } } }),
    d =>
      on('user', d([1, 2, 3]), {
        following: { update: { where: { id: d([1, 2]) }, data: { email: d(['zoë@x.org', '*?[x]%2A']) } } },
      }),
  ],
  'nested m-n updateMany': [
    d =>
      on('tag', d(['t1', 't2']), { posts: { updateMany: { where: { title: d(['x', 'y']) }, data: { title: 'n' } } } }),
    d => on('user', d([1, 2]), { followers: { updateMany: { where: {}, data: { name: 'n' } } } }),
  ],
  'nested m-n upsert': [
    d =>
      on('post', d([1, 2, 3]), {
        tags: { upsert: { where: { id: d(tags) }, create: { id: 't:3', name: 'n3' }, update: { name: 'n3' } } },
      }),
    d =>
      on('tag', d(['t1', 't2']), {
        posts: { upsert: { where: { id: d(posts) }, create: { title: 'n', authorId: 3 }, update: { title: 'm' } } },
      }),
  ],
  'nested m-n delete': [
    d => on('post', d([1, 2]), { tags: { delete: { id: d(['t1', 't2']) } } }),
    d => on('tag', d(['t1', 't2']), { posts: { delete: { id: d([1, 2]) } } }),
    d => on('user', d([1, 2]), { followers: { delete: { id: d([2, 1]) } } }),
  ],
  'nested m-n deleteMany': [
    d => on('post', d([1, 2]), { tags: { deleteMany: { name: d(tagNames) } } }),
    d => on('tag', d(['t1', 't2']), { posts: { deleteMany: { title: d(['x', 'y']) } } }),
  ],

  'nested, two deep': [
    d =>
      on('user', d([1, 2]), {
        posts: {
          update: {
            where: { id: d([1, 2, 3]) },
            data: { comments: { updateMany: { where: {}, data: { text: 'n' } } } },
          },
        },
      }),
    d =>
      on('user', d([1, 2]), {
        posts: { update: { where: { id: d([1, 2, 3]) }, data: { tags: { connect: { id: d(['t1', 't2']) } } } } },
      }),
    d =>
      on('category', d([1, 2]), {
        children: { update: { where: { id: d([2, 3]) }, data: { posts: { connect: { id: d([1, 2, 3]) } } } } },
      }),
    d =>
      on('tenant', d(tenants), {
        projects: {
          update: {
            where: { tenantId_number: { tenantId: d(tenants), number: d([1, 2]) } },
            data: { tasks: { create: { title: 'n' } } },
          },
        },
      }),
    d =>
      on('brand', d(['b1', 'b2']), {
        products: {
          update: {
            where: { sku: d(['SKU-2', 'SKU-3']) },
            data: { lines: { updateMany: { where: {}, data: { quantity: 3 } } } },
          },
        },
      }),
  ],
  'nested, three deep': [
    d =>
      on('post', d([1, 2, 3]), {
        author: { update: { profile: { update: { avatar: { update: { mimeType: d(['n', 'x']) } } } } } },
      }),
    d =>
      on('comment', d(['k1', 'k2']), {
        post: { update: { author: { update: { posts: { updateMany: { where: {}, data: { views: 2 } } } } } } },
      }),
    d =>
      on('user', d([1, 2]), {
        posts: {
          update: {
            where: { id: d([1, 2, 3]) },
            data: { comments: { update: { where: { id: d(['k1', 'k2']) }, data: { replies: { deleteMany: {} } } } } },
          },
        },
      }),
    d =>
      on('user', d([1, 2]), {
        profile: {
          update: { user: { update: { posts: { create: { title: 'n', tags: { connect: { id: 't2' } } } } } } },
        },
      }),
    d => [
      'order',
      'update',
      {
        where: { number: 'o-1' },
        data: {
          lines: {
            update: {
              where: { orderId_position: { orderId: 1n, position: d([1, 2]) } },
              data: { product: { update: { brand: { update: { name: 'n' } } } } },
            },
          },
        },
      },
    ],
  ],
  'nested in a create': [
    d => [
      'user',
      'create',
      {
        data: {
          email: 'zoë@x.org',
          posts: { create: [{ title: 'n', comments: { create: { id: 'k3', text: 'n' } } }] },
          followers: { connect: { id: d([1, 2]) } },
        },
      },
    ],
    d => [
      'order',
      'create',
      {
        data: {
          number: d(['o-2', 'o-3']),
          customer: { connect: { id: d([1, 2, 3]) } },
          lines: { create: [{ position: 1, quantity: 1, unitPrice: 1, product: { connect: { sku: d(skus) } } }] },
        },
      },
    ],
    d => [
      'project',
      'create',
      {
        data: {
          number: 3,
          name: 'n',
          tenant: { connect: { slug: d(['ten1', 'ten2']) } },
          tasks: { create: { title: 'n' } },
        },
      },
    ],
    d => [
      'category',
      'create',
      {
        data: {
          name: d(['c1', 'c2']),
          parent: { connect: { id: d([1, 2, 4]) } },
          children: { connect: { id: d([3, 4]) } },
        },
      },
    ],
    d => [
      'task',
      'create',
      {
        data: {
          id: 4n,
          title: 'n',
          project: { connect: { tenantId_number: { tenantId: d(tenants), number: 1 } } },
          tenant: { connect: { id: d(tenants) } },
        },
      },
    ],
  ],
  'child stolen from another parent': [
    d => on('user', 3, { posts: { connect: { id: d([1, 2, 3]) } } }),
    d => on('user', 3, { profile: { connect: { id: d([1, 2]) } } }),
    d => on('category', d([3, 2]), { posts: { connect: { id: d([1, 2]) } } }),
    d => on('category', 4, { children: { connect: { id: d([2, 3]) } } }),
    d => on('brand', 'b2', { products: { connect: { sku: d(['SKU-1', 'SKU-3']) } } }),
    d => on('asset', 3, { profile: { connect: { id: d([1, 2]) } } }),
    d => on('post', d([2, 3]), { comments: { connect: { id: d(['k1', 'k2']) } } }),
    d => [
      'project',
      'update',
      {
        where: { tenantId_number: { tenantId: tenants[0] as string, number: 2 } },
        data: { tasks: { connect: { id: d([1n, 2n, 3n]) } } },
      },
    ],
  ],
}

/** Sometimes the caller wants nothing of the result that names the row. */
const nestedKinds = Object.entries(nested).map(([name, ways]): [string, readonly Way[]] => [
  name,
  ways.map(way => d => {
    const [delegate, operation, args] = way(d)
    const hiding = d.chance(25) ? { select: { [subjectOf(delegate).scalars.at(-1) as string]: true } } : {}
    return alone(delegate, operation, { ...args, ...hiding })
  }),
])

// ---- raw SQL

const FRESH_UUID = 'f0000000-0000-4000-8000-00000000000f'

/** What it writes can't be told from outside. */
const untold = [
  `DO $$ BEGIN UPDATE "User" SET "name" = 'done' WHERE "id" = 1; END $$`,
  `DO 'BEGIN UPDATE "Post" SET "authorId" = 3 WHERE "id" = 1; END'`,
]
const texts: readonly string[] = [
  `UPDATE "User" SET "name" = coalesce("name", '') || '!' WHERE "id" IN (1, 3)`,
  `DELETE FROM "Post" WHERE "id" = 2`,
  `UPDATE "Brand" SET "slug" = 'b3' WHERE "slug" = 'b1'`,
  `UPDATE "Profile" SET "handle" = NULL WHERE "id" = 1`,
  `INSERT INTO "Tag" ("id", "name") VALUES ('t:3', 'n3') ON CONFLICT DO NOTHING`,
  `UPDATE "Post" SET "authorId" = 3, "updatedAt" = now() WHERE "id" = 1`,
  `DELETE FROM "User" WHERE "id" = 2`,
  `DELETE FROM "_PostToTag" WHERE "A" = 2`,
  `INSERT INTO "_Follows" ("A", "B") VALUES (1, 3) ON CONFLICT DO NOTHING`,
  `update public."Category" /* of "Tag" */ set "parentId" = 4 where "id" = 3 -- "Brand"`,
]
const mapped: readonly string[] = [
  `UPDATE "orders" SET "status" = 'paid', "customer_id" = 1 WHERE "id" = 1`,
  `UPDATE order_lines SET quantity = 3 WHERE position = 2`,
  `DELETE FROM orders WHERE id = 1`,
  `INSERT INTO orders ("id", "number", "customer_id") VALUES (2, 'o-2', 2)`,
  `UPDATE "public"."order_lines" SET "sku" = 'SKU-1' WHERE "sku" = 'SKU-3'`,
]
const ctes: readonly string[] = [
  `WITH w AS (UPDATE "Product" SET "stock" = 7 WHERE "sku" <> 'SKU-4' RETURNING "id") SELECT count(*)::int AS "n" FROM w`,
  `WITH gone AS (DELETE FROM "Comment" WHERE "id" = 'k1' RETURNING "postId") UPDATE "Post" SET "title" = 'raw' WHERE "id" IN (SELECT "postId" FROM gone)`,
  `WITH n AS (SELECT 2 AS "id"), w AS (UPDATE "User" SET "role" = 'ADMIN' FROM n WHERE "User"."id" = n."id" RETURNING "User"."id") SELECT "id" FROM w`,
]
const raw =
  (method: Raw['method'], from: readonly string[], returning = ''): Way =>
  d => ({ how: 'alone', statement: { method, text: `${d(from)}${returning}` } })
const simple = texts.filter(text => !text.includes('--'))

const rawKinds: readonly [string, readonly Way[]][] = [
  ['$executeRaw', [raw('$executeRaw', texts)]],
  ['$executeRawUnsafe', [raw('$executeRawUnsafe', texts)]],
  ['$queryRaw, returning', [raw('$queryRaw', simple, ' RETURNING 1 AS "one"')]],
  ['$queryRawUnsafe, returning', [raw('$queryRawUnsafe', simple, ' RETURNING *')]],
  ['raw, mapped tables', [raw('$executeRaw', mapped), raw('$executeRawUnsafe', mapped)]],
  ['raw, in a block', [raw('$executeRawUnsafe', untold)]],
  ['raw, in a CTE', [raw('$queryRaw', ctes), raw('$executeRawUnsafe', ctes)]],
]

// ---- writes that fail

const refusedKinds: readonly [string, readonly Way[]][] = [
  [
    'refused: unique violation',
    [
      d => alone('user', 'update', { where: { id: d([1, 2]) }, data: { email: 'Cy+d:e@x.org', name: 'n' } }),
      d => alone('user', 'create', { data: { email: d(['ada@x.org', 'bob@x.org']) } }),
      d => alone('post', 'update', { where: { id: 2 }, data: { slug: 's1', tags: { connect: { id: d(tags) } } } }),
      d => on2(on('user', 1, { posts: { create: [{ title: 'n' }, { id: d([1, 2]), title: 'n' }] } })),
    ],
  ],
  [
    'refused: foreign key violation',
    [
      d => alone('post', 'update', { where: { id: d([1, 2, 3]) }, data: { authorId: 9 } }),
      () => alone('category', 'delete', { where: { id: 1 } }),
      () => alone('user', 'delete', { where: { id: 3 } }),
      d => alone('product', 'delete', { where: { sku: d(['SKU-2', 'SKU-3']) } }),
    ],
  ],
  [
    'refused: not found',
    [
      d => alone('user', 'update', { where: { id: 9 }, data: { name: d(['x', 'y']) } }),
      () => alone('post', 'delete', { where: { id: 9 } }),
      d => on2(on('post', d([1, 2, 3]), { tags: { connect: { id: 'none' } }, title: 'n' })),
      d => on2(on('user', d([1, 2]), { name: 'n', posts: { update: { where: { id: 9 }, data: { title: 'n' } } } })),
    ],
  ],
]

function on2([delegate, operation, args]: readonly [string, string, object]): Write {
  return alone(delegate, operation, args)
}

// ---- several at once

/** A statement that is seldom refused, so that transactions come to their end. */
function easy(d: Dice): Statement {
  switch (d([0, 1, 2, 3, 4, 5, 6, 7])) {
    case 0:
    case 1: {
      const subject = d(withPlain)
      return call(subject.delegate, 'updateMany', { where: d.some(subject.filters), data: d.some(subject.plain) })
    }
    case 2: {
      const id = d(users)
      const update = d.some({ name: ['p', 'q', null], role: ['EDITOR', 'READER'] })
      return call('user', 'upsert', {
        where: { id },
        create: { id, email: `${id}@x.org` },
        update,
        select: { name: true },
      })
    }
    case 3:
      return call('product', 'updateMany', { where: { id: d(space.products) }, data: { stock: { increment: 1 } } })
    case 4:
      return call('post', 'deleteMany', { where: { id: d(posts) } })
    case 5:
      return call('tag', 'createMany', { data: [{ id: d(tags), name: d(tagNames) }], skipDuplicates: true })
    case 6:
      return call('post', 'updateMany', { where: { id: d(posts) }, data: { categoryId: d([1, 2, 4, null]) } })
    default:
      return { method: '$executeRawUnsafe', text: d([texts[0], texts[4], texts[7], texts[8]] as string[]) }
  }
}

/** Mostly easy ones, sometimes any. */
function any(d: Dice): Statement {
  if (d.chance(65)) return easy(d)
  const [, ways] = d([...Object.entries(single), ...nestedKinds])
  const write = d(ways)(d)
  return write.how === 'alone' ? write.statement : easy(d)
}

const list = (d: Dice, of = any) => Array.from({ length: d([1, 2, 3]) }, () => of(d))

/** Two users change places. */
const swap = (d: Dice): Statement[] => {
  const [a, b] = d<[number, number]>([
    [1, 2],
    [2, 3],
    [1, 3],
  ])
  const updates = d.chance(50)
    ? [
        { where: { id: a }, data: { email: 'between' } },
        { where: { id: b }, data: { email: d(['ada@x.org', 'bob@x.org', 'zoë@x.org']) } },
        { where: { id: a }, data: { email: '*?[x]%2A' } },
      ]
    : [
        { where: { id: a }, data: { id: 99 } },
        { where: { id: b }, data: { id: a } },
        { where: { id: 99 }, data: { id: b }, select: { name: true } },
      ]
  return updates.map(args => call('user', 'update', args))
}

const ends = ['commits', 'rolls back'] as const
const interactive = (body: Body): Write => ({ how: 'interactive', body })

const togetherKinds: readonly [string, readonly Way[]][] = [
  ['batch transaction', [d => ({ how: 'batch', statements: list(d) })]],
  ['swap in a batch transaction', [d => ({ how: 'batch', statements: swap(d) })]],
  ['swap in a transaction', [d => interactive({ statements: swap(d), end: 'commits' })]],
  ...ends.map((end): [string, readonly Way[]] => [
    `transaction that ${end}`,
    [d => interactive({ statements: list(d), end })],
  ]),
  ...ends.flatMap(outer =>
    ends.map((inner): [string, readonly Way[]] => [
      `transaction that ${outer}, around one that ${inner}`,
      [d => interactive({ statements: list(d, easy), nested: { statements: list(d, easy), end: inner }, end: outer })],
    ]),
  ),
  [
    'two transactions at once',
    [
      d => ({
        how: 'interleaved',
        bodies: [
          { statements: list(d, easy), end: d(ends) },
          { statements: list(d, easy), end: d(ends) },
        ],
      }),
    ],
  ],
  ['two writes at once', [d => ({ how: 'at once', statements: [any(d), any(d)] })]],
]

const swallowed: Way = d =>
  interactive({
    statements: [...list(d, easy), call('user', 'create', { data: { email: 'bob@x.org' } }), ...list(d, easy)],
    swallows: true,
    end: 'commits',
  })

const kind = ([name, ways]: readonly [string, readonly Way[]]): Kind => ({ name, ways })

const failingBatch: Way = d => ({
  how: 'batch',
  statements: [...list(d, easy), call('user', 'create', { data: { email: 'bob@x.org' } })],
})

export const kinds: readonly Kind[] = [
  ...[...Object.entries(single), ...nestedKinds, ...rawKinds, ...togetherKinds].map(kind),
  { name: 'transaction that swallows an error', ways: [swallowed] },
  ...refusedKinds.map(each => ({ ...kind(each), refused: true })),
  { name: 'batch transaction that fails', ways: [failingBatch], refused: true },
]
