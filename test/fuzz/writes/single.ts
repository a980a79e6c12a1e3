/** Writes of one model at a time. */
import type { Dice } from '../dice.js'
import { type Key, space, type Subject, subjects, uniqueWhere } from '../space.js'
import { alone, subjectOf, type Ways } from './write.js'

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
const rows = (dice: Dice, subject: Subject) => Array.from({ length: dice([1, 1, 2]) }, () => row(dice, subject))

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

const unusedUuid = 'f0000000-0000-4000-8000-00000000000f'

export const single: Ways = {
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
    d => {
      const many = [1, 2].map(() => ({ title: 'n', authorId: d([1, 2, 3]), categoryId: d([null, 1, 2, 4]) }))
      return alone('post', 'createMany', { data: many })
    },
    d => {
      const many = [1, 2].map(() => ({ text: 'n', postId: d([1, 2, 3]), parentId: d([null, 'k1', 'k2']) }))
      return alone('comment', 'createMany', { data: many })
    },
    d => {
      const many = [1, 2].map(() => ({ title: 'n', tenantId: d(space.tenants), projectNumber: d([null, 1]) }))
      return alone('task', 'createMany', { data: many })
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
    d => alone('product', 'update', { where: { sku: d(['SKU-1', 'SKU-3']) }, data: { id: unusedUuid } }),
    d => alone('profile', 'updateMany', { where: { userId: d([1, 2]) }, data: { id: 78 } }),
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
