/** Every shape of read that the cache knows, with arguments that the dice choose. */
import { type Dice, diceOf, numbersFrom } from './dice.js'
import { type Key, type KeyKind, space, type Subject, subjects, uniqueWhere } from './space.js'

/** One operation of a client. */
export interface Call {
  readonly delegate: string
  readonly operation: string
  readonly args: unknown
  /** Relations that a fluent call goes on to. */
  readonly fluent?: readonly (readonly [relation: string, args?: unknown])[]
}

export interface Read extends Call {
  readonly shape: string
  /** Rows come in no order: compared as a bag. */
  readonly unordered?: boolean
}

type Template = (dice: Dice) => Omit<Read, 'shape'>

const subjectOf = (delegate: string): Subject => subjects.find(subject => subject.delegate === delegate) as Subject
const orderOf = (delegate: string) => ({ orderBy: subjectOf(delegate).order })

const whereOf = (dice: Dice, key: Key) => uniqueWhere(key, dice.each(key.fields))
const byKey = (dice: Dice, delegate: string) => whereOf(dice, subjectOf(delegate).keys[0])
/** Mostly by the primary key, sometimes by another. */
const byAnyKey = (dice: Dice, delegate: string) => {
  const { keys } = subjectOf(delegate)
  return whereOf(dice, dice.chance(70) ? keys[0] : dice(keys))
}

const find = (delegate: string, operation: string, args: object): Omit<Read, 'shape'> => ({ delegate, operation, args })

/** A row with something included, or selected. */
const withRelated = (delegate: string, related: (dice: Dice) => object): Template => {
  const { scalars } = subjectOf(delegate)
  return dice => {
    const operation = dice.chance(80) ? 'findUnique' : 'findUniqueOrThrow'
    const where = byAnyKey(dice, delegate)
    const more = related(dice)
    if (dice.chance(70)) return find(delegate, operation, { where, include: more })
    return find(delegate, operation, { where, select: { [scalars[1] as string]: true, ...more } })
  }
}

/** Every list of the schema between cached models: whose, its field, and of what. */
const lists = [
  ['user', 'posts', 'post'],
  ['user', 'comments', 'comment'],
  ['user', 'bookmarks', 'bookmark'],
  ['user', 'memberships', 'membership'],
  ['user', 'orders', 'order'],
  ['post', 'comments', 'comment'],
  ['post', 'bookmarks', 'bookmark'],
  ['category', 'posts', 'post'],
  ['tenant', 'memberships', 'membership'],
  ['tenant', 'projects', 'project'],
  ['tenant', 'tasks', 'task'],
  ['brand', 'products', 'product'],
  ['order', 'lines', 'orderLine'],
] as const
const selfLists = [
  ['category', 'children', 'category'],
  ['comment', 'replies', 'comment'],
] as const
const otherKeyLists = [
  ['project', 'tasks', 'task'],
  ['product', 'lines', 'orderLine'],
] as const
const manyToMany = [
  ['post', 'tags', 'tag'],
  ['tag', 'posts', 'post'],
] as const
const selfManyToMany = [
  ['user', 'following', 'user'],
  ['user', 'followers', 'user'],
] as const
const everyList = [...lists, ...selfLists, ...otherKeyLists, ...manyToMany]

type List = readonly [parent: string, field: string, child: string]

/** One of the lists with args inside. */
const listed =
  (from: readonly List[], argsOf: (dice: Dice, child: string) => object | true): Template =>
  dice => {
    const [parent, field, child] = dice(from)
    return withRelated(parent, () => ({ [field]: argsOf(dice, child) }))(dice)
  }

const filterOf = (dice: Dice, delegate: string) => ({ where: dice.some(subjectOf(delegate).filters) })
const someScalars = (dice: Dice, delegate: string) => {
  const { scalars } = subjectOf(delegate)
  const [first, second] = [dice(scalars), dice(scalars)]
  return Object.fromEntries([first, second].map(name => [name, true]))
}

const byKind = (kinds: readonly KeyKind[]) =>
  subjects.flatMap(subject => subject.keys.filter(key => kinds.includes(key.kind)).map(key => ({ subject, key })))

const row =
  (...kinds: KeyKind[]): Template =>
  dice => {
    const { subject, key } = dice(byKind(kinds))
    return find(subject.delegate, dice.chance(80) ? 'findUnique' : 'findUniqueOrThrow', { where: whereOf(dice, key) })
  }

/** A `findMany` by some of the values of a unique of one field. */
const byListOf =
  (
    delegate: string,
    more: (dice: Dice, subject: Subject) => { readonly where?: object; readonly [arg: string]: unknown },
  ): Template =>
  dice => {
    const subject = subjectOf(delegate)
    const key = dice(subject.keys.filter(({ fields }) => Object.keys(fields).length === 1))
    const [name, values] = Object.entries(key.fields)[0] as [string, readonly unknown[]]
    const some = Array.from({ length: dice([3, 2, 1, 5]) }, () => dice(values)).filter(value => value !== null)
    const { where, ...rest } = more(dice, subject)
    return { ...find(delegate, 'findMany', { where: { ...where, [name]: { in: some } }, ...rest }), unordered: true }
  }
const byList =
  (more: Parameters<typeof byListOf>[1]): Template =>
  dice => {
    return byListOf(dice(subjects.filter(isListable)).delegate, more)(dice)
  }
/** Whether a unique of one field names its rows. */
const isListable = ({ keys }: Subject) => keys.some(({ fields }) => Object.keys(fields).length === 1)
const orderOfKey = (delegate: string) => subjectOf(delegate).order

const pinnedByForeignKey = [
  ['post', 'authorId', space.users],
  ['post', 'categoryId', space.categories],
  ['comment', 'postId', space.posts],
  ['comment', 'parentId', space.comments],
  ['bookmark', 'userId', space.users],
  ['bookmark', 'postId', space.posts],
  ['membership', 'tenantId', space.tenants],
  ['order', 'customerId', space.users],
  ['orderLine', 'sku', space.skus],
  ['orderLine', 'orderId', space.orders],
  ['product', 'brandSlug', space.brands],
  ['task', 'tenantId', space.tenants],
  ['category', 'parentId', space.categories],
] as const

const pinned = (dice: Dice) => {
  const [delegate, field, values] = dice(pinnedByForeignKey)
  const value: unknown = dice<unknown>(values)
  const equals = dice.chance(25) ? { equals: value } : value
  const more = dice.chance(30) ? dice.some(subjectOf(delegate).filters) : {}
  return { delegate, where: { ...more, [field]: equals } }
}

/**
 * Nullable uniques. Null for one of them is an error of Prisma's in a `findUnique` that is alone in its tick, and none beside
 * another one: there is no one right answer.
 */
const NULLABLE: ReadonlySet<string> = new Set(['handle', 'avatarId'])

const anyFilter = (dice: Dice): { delegate: string; where: object } => {
  const { delegate, filters } = dice(subjects)
  const where = dice.some(filters)
  if (dice.chance(15)) return { delegate, where: { OR: [where, dice.some(filters)] } }
  return { delegate, where: dice.chance(15) ? { NOT: where } : where }
}

const quantified = [
  (d: Dice) => ['user', { posts: { [d(['some', 'none', 'every'])]: { published: d([false, true]) } } }],
  (d: Dice) => ['user', { posts: { some: { comments: { [d(['some', 'none'])]: { text: d(['x', 'y']) } } } } }],
  (d: Dice) => ['user', { memberships: { some: { tenant: { name: d(['x', 'y']) } } } }],
  (d: Dice) => ['post', { tags: { [d(['some', 'none', 'every'])]: { name: d(space.tagNames) } } }],
  (d: Dice) => ['tag', { posts: { [d(['some', 'none'])]: { title: d(['x', 'y']) } } }],
  (d: Dice) => ['category', { children: { [d(['some', 'none'])]: {} } }],
  (d: Dice) => ['user', { followers: { some: { name: d(['x', 'y']) } } }],
  (d: Dice) => ['brand', { products: { [d(['some', 'every'])]: { stock: d([0, 1]) } } }],
  (d: Dice) => ['tenant', { projects: { some: { tasks: { [d(['some', 'none'])]: { done: d([false, true]) } } } } }],
] as const
const single = [
  (d: Dice) => ['post', { author: { is: { name: d(['x', 'y', null]) } } }],
  (d: Dice) => ['post', { category: d([{ isNot: null }, { is: null }, { name: 'c1' }]) }],
  (d: Dice) => ['profile', { user: { role: d(['READER', 'ADMIN']) } }],
  (d: Dice) => ['user', { profile: d([{ is: null }, { isNot: null }, { is: { handle: 'h1' } }]) }],
  (d: Dice) => ['orderLine', { product: { brand: { name: d(['x', 'y']) } } }],
  (d: Dice) => ['task', { project: d([{ is: null }, { name: 'x' }, { isNot: { name: 'x' } }]) }],
  (d: Dice) => ['comment', { parent: { isNot: { text: d(['x', 'y']) } } }],
] as const
const orderedByRelation = [
  (d: Dice) => ['post', [{ author: { name: d(['asc', 'desc']) } }]],
  (d: Dice) => ['post', [{ category: { name: d(['asc', 'desc']) } }]],
  (d: Dice) => ['orderLine', [{ product: { stock: d(['asc', 'desc']) } }]],
  (d: Dice) => ['profile', [{ user: { email: d(['asc', 'desc']) } }]],
  (d: Dice) => ['comment', [{ post: { author: { email: d(['asc', 'desc']) } } }]],
] as const
const orderedByCount = [
  (d: Dice) => ['user', [{ posts: { _count: d(['asc', 'desc']) } }]],
  (d: Dice) => ['post', [{ tags: { _count: d(['asc', 'desc']) } }]],
  (d: Dice) => ['category', [{ children: { _count: d(['asc', 'desc']) } }]],
  (d: Dice) => ['brand', [{ products: { _count: d(['asc', 'desc']) } }]],
  (d: Dice) => ['user', [{ following: { _count: d(['asc', 'desc']) } }]],
] as const

const total = (delegate: string, first: readonly object[]) => ({ orderBy: [...first, ...subjectOf(delegate).order] })

const templates: Readonly<Record<string, readonly Template[]>> = {
  'row by key': [row('primary key')],
  'row by compound key': [row('compound key', 'named compound key')],
  'row by unique': [row('unique')],
  'row by nullable unique': [row('nullable unique')],
  'row by compound unique': [row('compound unique', 'named compound unique')],
  'row by findFirst': [
    dice => {
      const { delegate, keys } = dice(subjects)
      const where = dice.each(dice(keys).fields)
      const spelled = Object.fromEntries(Object.entries(where).map(([name, equals]) => [name, { equals }]))
      return find(delegate, dice(['findFirst', 'findFirstOrThrow']), { where: dice.chance(40) ? spelled : where })
    },
  ],
  'row with filters': [
    dice => {
      const { delegate, filters, keys } = dice(subjects)
      const further = Object.entries(dice.some(filters)).filter(
        ([name, value]) => value !== null || !NULLABLE.has(name),
      )
      return find(delegate, 'findUnique', {
        where: { ...Object.fromEntries(further), ...whereOf(dice, dice(keys)) },
      })
    },
  ],
  'row with select or omit': [
    dice => {
      const { delegate, keys } = dice(subjects)
      const shape = dice.chance(50) ? { select: someScalars(dice, delegate) } : { omit: someScalars(dice, delegate) }
      return find(delegate, 'findUnique', { where: whereOf(dice, dice(keys)), ...shape })
    },
  ],

  'rows by a list of keys': [
    byList(() => ({})),
    byList((dice, { delegate, filters }) =>
      dice.chance(50) ? { where: dice.some(filters) } : { orderBy: orderOfKey(delegate) },
    ),
    byList((dice, { delegate }) => ({ select: someScalars(dice, delegate) })),
  ],
  'rows by a list of keys, with relations': [
    dice => {
      const [parent, field, child] = dice(everyList.filter(([delegate]) => isListable(subjectOf(delegate))))
      return byListOf(parent, () => ({ include: { [field]: orderOf(child) } }))(dice)
    },
    byListOf('post', d => ({ include: { author: d([true, { include: { profile: true } }]), category: true } })),
    byListOf('user', () => ({ select: { email: true, profile: true, _count: { select: { posts: true } } } })),
    byListOf('task', () => ({ include: { project: true } })),
  ],

  'to-one': [
    withRelated('post', () => ({ author: true })),
    withRelated('comment', () => ({ post: true })),
    withRelated('profile', d => ({ user: d([true, { select: { email: true } }]) })),
    withRelated('membership', () => ({ user: true, tenant: true })),
    withRelated('bookmark', () => ({ user: true, post: { omit: { body: true } } })),
    withRelated('product', () => ({ brand: true })),
    withRelated('order', () => ({ customer: true })),
    withRelated('task', () => ({ tenant: true })),
  ],
  'to-one, nullable': [
    withRelated('post', () => ({ category: true })),
    withRelated('profile', () => ({ avatar: true })),
    withRelated('comment', () => ({ author: true })),
  ],
  'to-one without the foreign key': [
    withRelated('user', () => ({ profile: true })),
    withRelated('asset', () => ({ profile: true })),
    withRelated('user', () => ({ profile: { select: { handle: true } } })),
  ],
  'to-one, chained': [
    withRelated('comment', () => ({ post: { include: { author: true } } })),
    withRelated('comment', () => ({ post: { include: { author: { include: { profile: true } } } } })),
    withRelated('user', () => ({ profile: { include: { avatar: true } } })),
    withRelated('asset', () => ({ profile: { include: { user: true } } })),
    withRelated('orderLine', () => ({ order: { include: { customer: { include: { profile: true } } } } })),
    withRelated('bookmark', () => ({ post: { include: { category: { include: { parent: true } } } } })),
  ],
  'to-one by another unique': [
    withRelated('orderLine', () => ({ product: true })),
    withRelated('orderLine', () => ({ product: { include: { brand: true } } })),
  ],
  'to-one, composite': [
    withRelated('task', () => ({ project: true })),
    withRelated('task', () => ({ project: { include: { tenant: true } } })),
  ],
  'to-one to itself': [
    withRelated('category', () => ({ parent: true })),
    withRelated('category', () => ({ parent: { include: { parent: true } } })),
    withRelated('comment', () => ({ parent: true })),
  ],
  'to-one with where': [
    withRelated('post', d => ({ category: { where: { name: d(space.categoryNames) } } })),
    withRelated('profile', d => ({ avatar: { where: { mimeType: d(['x', 'y']) } } })),
    withRelated('user', d => ({ profile: { where: { handle: d(space.handles) } } })),
  ],

  list: [
    listed(lists, (_, child) => orderOf(child)),
    dice => ({ ...listed(everyList, () => true)(dice), unordered: true }),
  ],
  'list with where': [listed(everyList, (d, child) => ({ ...orderOf(child), ...filterOf(d, child) }))],
  'list with take and skip': [
    listed(everyList, (d, child) => ({
      ...total(child, [{ [d(subjectOf(child).scalars)]: d(['asc', 'desc']) }]),
      take: d([1, 2, -1]),
      skip: d([0, 1]),
    })),
  ],
  'list with cursor': [
    listed(
      everyList.filter(([, , child]) => subjectOf(child).order.length === 1),
      (d, child) => ({ ...orderOf(child), cursor: byKey(d, child), take: d([1, 2, -2]), skip: d([0, 1]) }),
    ),
  ],
  'list with distinct': [
    listed(everyList, (d, child) => ({ ...orderOf(child), distinct: [d(subjectOf(child).scalars.slice(1))] })),
  ],
  'list with select': [
    listed(everyList, (d, child) =>
      d.chance(50)
        ? { ...orderOf(child), select: someScalars(d, child) }
        : { ...orderOf(child), omit: someScalars(d, child) },
    ),
  ],
  'list of itself': [listed(selfLists, (_, child) => orderOf(child))],
  'list by composite or unique': [listed(otherKeyLists, (_, child) => orderOf(child))],
  'many-to-many': [listed(manyToMany, (_, child) => orderOf(child))],
  'many-to-many with itself': [listed(selfManyToMany, (_, child) => orderOf(child))],
  'list of lists': [
    withRelated('user', () => ({ posts: { ...orderOf('post'), include: { comments: orderOf('comment') } } })),
    withRelated('post', () => ({ comments: { ...orderOf('comment'), include: { replies: orderOf('comment') } } })),
    withRelated('category', () => ({ posts: { ...orderOf('post'), include: { tags: orderOf('tag') } } })),
    withRelated('tenant', () => ({ projects: { ...orderOf('project'), include: { tasks: orderOf('task') } } })),
    withRelated('brand', () => ({ products: { ...orderOf('product'), include: { lines: orderOf('orderLine') } } })),
    withRelated('user', () => ({ following: { ...orderOf('user'), include: { posts: orderOf('post') } } })),
  ],
  'list with to-one': [
    withRelated('post', () => ({ comments: { ...orderOf('comment'), include: { author: true } } })),
    withRelated('user', () => ({ bookmarks: { ...orderOf('bookmark'), include: { post: true } } })),
    withRelated('order', () => ({ lines: { ...orderOf('orderLine'), include: { product: true } } })),
    withRelated('category', () => ({
      parent: true,
      posts: { ...orderOf('post'), select: { title: true, author: { select: { name: true } } } },
    })),
    withRelated('tenant', () => ({ tasks: { ...orderOf('task'), include: { project: true } } })),
  ],
  'list under to-one': [
    withRelated('comment', () => ({ post: { include: { comments: orderOf('comment') } } })),
    withRelated('profile', () => ({ user: { include: { posts: orderOf('post'), following: orderOf('user') } } })),
    withRelated('orderLine', () => ({ product: { include: { lines: orderOf('orderLine') } } })),
    withRelated('task', () => ({ project: { include: { tasks: orderOf('task') } } })),
  ],
  count: [
    withRelated('user', d => ({
      _count: d([true, { select: { posts: true } }, { select: { posts: true, bookmarks: true } }]),
    })),
    withRelated('post', d => ({ _count: { select: { [d(['comments', 'tags', 'bookmarks'])]: true } } })),
    withRelated('post', () => ({ _count: { select: { comments: true, tags: true, bookmarks: true } } })),
    withRelated('tenant', () => ({ _count: { select: { tasks: true, projects: true, memberships: true } } })),
    withRelated('category', d => ({ _count: { select: { [d(['children', 'posts'])]: true } } })),
    withRelated('user', d => ({ _count: { select: { [d(['followers', 'following', 'memberships'])]: true } } })),
    withRelated('project', () => ({ _count: { select: { tasks: true } } })),
    withRelated('product', () => ({ _count: { select: { lines: true } } })),
  ],
  'count with where': [
    withRelated('user', d => ({ _count: { select: { posts: { where: { title: d(['x', 'y']) } } } } })),
    withRelated('post', d => ({ _count: { select: { tags: { where: { name: d(space.tagNames) } } } } })),
    withRelated('post', d => ({ _count: { select: { comments: { where: { author: { name: d(['x', null]) } } } } } })),
    withRelated('tenant', d => ({ _count: { select: { tasks: { where: { done: d([true, false]) } } } } })),
  ],

  'filtered by some, every, none': quantified.map(of => dice => {
    const [delegate, where] = of(dice) as [string, object]
    return find(delegate, 'findMany', { where, ...orderOf(delegate) })
  }),
  'filtered by is, isNot': single.map(of => dice => {
    const [delegate, where] = of(dice) as [string, object]
    return find(delegate, dice(['findMany', 'findFirst']), { where, ...orderOf(delegate) })
  }),
  'ordered by relation': orderedByRelation.map(of => dice => {
    const [delegate, order] = of(dice) as [string, object[]]
    return find(delegate, dice(['findMany', 'findFirst']), total(delegate, order))
  }),
  'ordered by relation count': orderedByCount.map(of => dice => {
    const [delegate, order] = of(dice) as [string, object[]]
    return find(delegate, dice(['findMany', 'findFirst']), total(delegate, order))
  }),

  'fluent list': [
    dice => {
      const [parent, field, child] = dice([...everyList, ...selfManyToMany])
      const args = dice.chance(50) ? orderOf(child) : { ...orderOf(child), ...filterOf(dice, child), take: 2 }
      return { ...find(parent, 'findUnique', { where: byAnyKey(dice, parent) }), fluent: [[field, args]] }
    },
  ],
  'fluent chain': [
    d => fluent('post', byAnyKey(d, 'post'), ['author'], ['posts', orderOf('post')]),
    d => fluent('comment', byKey(d, 'comment'), ['post'], ['author'], ['profile']),
    d => fluent('orderLine', byAnyKey(d, 'orderLine'), ['product'], ['brand']),
    d => fluent('task', byKey(d, 'task'), ['project'], ['tasks', orderOf('task')]),
    d => fluent('profile', byAnyKey(d, 'profile'), ['user'], ['following', orderOf('user')]),
  ],
  'fluent to-one': [
    d => fluent('user', byAnyKey(d, 'user'), ['profile']),
    d => fluent('post', byAnyKey(d, 'post'), ['category']),
    d => fluent('asset', byKey(d, 'asset'), ['profile']),
    d => fluent('category', byAnyKey(d, 'category'), ['parent']),
    d => fluent('task', byKey(d, 'task'), ['project']),
    d => fluent('post', byAnyKey(d, 'post'), ['author', { select: { email: true } }]),
  ],

  'findFirst by anything': [
    dice => {
      const { delegate, where } = anyFilter(dice)
      return find(delegate, 'findFirst', { where, ...orderOf(delegate) })
    },
    dice => find('user', 'findFirst', { where: { email: { startsWith: dice(['a', 'b', 'z']) } }, ...orderOf('user') }),
    dice => {
      const { delegate, where } = pinned(dice)
      return find(delegate, 'findFirst', { where, ...orderOf(delegate) })
    },
  ],
  'findFirstOrThrow by anything': [
    dice => {
      const { delegate, where } = anyFilter(dice)
      return find(delegate, 'findFirstOrThrow', { where, ...orderOf(delegate) })
    },
  ],
  'findFirst with relations': [
    dice => {
      const [parent, field, child] = dice(everyList)
      return find(parent, 'findFirst', {
        where: dice.some(subjectOf(parent).filters),
        include: { [field]: orderOf(child) },
        ...orderOf(parent),
      })
    },
  ],
  'findMany under a foreign key': [
    dice => {
      const { delegate, where } = pinned(dice)
      const more = dice.chance(20) ? { take: 2, skip: dice([0, 1]) } : {}
      return find(delegate, 'findMany', { where, ...orderOf(delegate), ...more })
    },
  ],
  findMany: [
    dice => {
      const { delegate, where } = anyFilter(dice)
      return find(delegate, 'findMany', { where, ...orderOf(delegate) })
    },
    dice => {
      const { delegate, scalars } = dice(subjects)
      return find(delegate, 'findMany', {
        select: { ...someScalars(dice, delegate) },
        ...total(delegate, [{ [dice(scalars)]: dice(['asc', 'desc']) }]),
      })
    },
    dice => ({ ...find(dice(subjects).delegate, 'findMany', {}), unordered: true }),
  ],
  'findMany with cursor and take': [
    dice => {
      const { delegate } = dice(subjects)
      const cursor = byKey(dice, delegate)
      return find(delegate, 'findMany', { cursor, take: dice([1, 2, -2]), skip: dice([0, 1]), ...orderOf(delegate) })
    },
  ],
  'findMany with distinct': [
    dice => {
      const { delegate, scalars } = dice(subjects)
      return find(delegate, 'findMany', { distinct: [dice(scalars.slice(1))], ...orderOf(delegate) })
    },
  ],
  'findMany with relations': [
    dice => {
      const [parent, field, child] = dice(everyList)
      return find(parent, 'findMany', { include: { [field]: orderOf(child) }, ...orderOf(parent) })
    },
    d =>
      find('post', 'findMany', { include: { author: d([true, { include: { profile: true } }]) }, ...orderOf('post') }),
    () =>
      find('user', 'findMany', { select: { email: true, _count: { select: { posts: true } } }, ...orderOf('user') }),
    () => find('task', 'findMany', { include: { project: true }, ...orderOf('task') }),
  ],
  'count()': [
    dice => {
      const { delegate, where } = anyFilter(dice)
      return find(delegate, 'count', { where })
    },
    dice => {
      const { delegate, where } = pinned(dice)
      return find(delegate, 'count', { where })
    },
    dice => find(dice(subjects).delegate, 'count', {}),
  ],
  'count() with select': [
    dice => {
      const { delegate } = dice(subjects)
      return find(delegate, 'count', { select: { _all: true, ...someScalars(dice, delegate) } })
    },
  ],
  'aggregate()': [
    d =>
      find('post', 'aggregate', { _sum: { views: true }, _avg: { views: true }, where: { authorId: d(space.users) } }),
    d =>
      find('post', 'aggregate', {
        _count: true,
        _max: { updatedAt: true, title: true },
        where: { title: d(['x', 'y']) },
      }),
    () =>
      find('product', 'aggregate', {
        _sum: { price: true, unitsSold: true },
        _min: { name: true },
        _count: { _all: true },
      }),
    () => find('orderLine', 'aggregate', { _sum: { quantity: true, unitPrice: true }, _avg: { quantity: true } }),
    d => find('order', 'aggregate', { _max: { total: true, placedAt: true }, where: { customerId: d(space.users) } }),
    () => find('user', 'aggregate', { _count: { name: true }, _min: { createdAt: true } }),
    () => find('task', 'aggregate', { _count: { projectNumber: true }, _max: { id: true } }),
  ],
  'groupBy()': [
    () =>
      find('post', 'groupBy', { by: ['authorId'], _count: true, _sum: { views: true }, orderBy: { authorId: 'asc' } }),
    d =>
      find('post', 'groupBy', {
        by: ['title'],
        having: { views: { _sum: { gte: d([0, 1]) } } },
        _count: { _all: true },
        orderBy: { title: 'asc' },
      }),
    () =>
      find('comment', 'groupBy', {
        by: ['postId', 'authorId'],
        _count: true,
        orderBy: [{ postId: 'asc' }, { authorId: 'asc' }],
      }),
    () => find('membership', 'groupBy', { by: ['role'], _count: true, orderBy: { role: 'asc' } }),
    () => find('product', 'groupBy', { by: ['brandSlug'], _max: { price: true }, orderBy: { brandSlug: 'asc' } }),
    () =>
      find('user', 'groupBy', {
        by: ['role'],
        _count: { name: true },
        having: { role: { not: 'ADMIN' } },
        orderBy: { role: 'asc' },
      }),
    () =>
      find('task', 'groupBy', {
        by: ['done', 'tenantId'],
        _count: true,
        orderBy: [{ done: 'asc' }, { tenantId: 'asc' }],
      }),
    () =>
      find('orderLine', 'groupBy', {
        by: ['sku'],
        _sum: { quantity: true },
        orderBy: [{ _sum: { quantity: 'asc' } }, { sku: 'asc' }],
        take: 1,
      }),
  ],
}

function fluent(delegate: string, where: object, ...path: [string, unknown?][]): Omit<Read, 'shape'> {
  return { ...find(delegate, 'findUnique', { where }), fluent: path }
}

export const readShapes: readonly string[] = Object.keys(templates)

/** So many reads of each shape; every other one is the one before it, written in another order. */
export function readsFrom(seed: number, ofEach: number): readonly Read[] {
  const seen = new Set<string>()
  return Object.entries(templates).flatMap(([shape, ways], s) =>
    Array.from({ length: ofEach }, (_, n): Read => {
      const pair = n >> 1
      const template = ways[(pair + seed) % ways.length] as Template
      const read = template(diceOf(numbersFrom(seed * 7919 + s * 613 + pair, 24)))
      // Prisma puts both into one statement, where a cursor in a list means something else, and `omit` of everything is no error.
      const isAlone = n % 2 === 0 || /"(?:cursor|omit)"/.test(printed(read))
      return { shape, ...(isAlone ? read : (turned(read) as typeof read)) }
    }).filter(read => {
      const text = printed(read)
      return !seen.has(text) && seen.add(text)
    }),
  )
}

/** The same with the names in each object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, inner]) => [name, turned(inner)]),
  )
}

export function printed(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}

export function printedCall({ delegate, operation, args, fluent: path = [] }: Call): string {
  const further = path.map(([relation, more]) => `.${relation}(${more === undefined ? '' : printed(more)})`)
  return `${delegate}.${operation}(${printed(args)})${further.join('')}`
}
