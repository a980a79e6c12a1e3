/** Random programs: data that can be printed, repeated and made smaller. */
import * as fc from 'fast-check'
import { type Fields, type Key, type KeyKind, space, type Subject, subjects } from './subjects.js'

/** One operation of a client. */
export interface Call {
  /** What it counts as. */
  readonly label: string
  readonly delegate: string
  readonly operation: string
  readonly args: unknown
}

/** Who runs it: one of the two cached clients, or its `$uncached`. */
export interface Who {
  readonly client: 0 | 1
  readonly uncached: boolean
}

export type Write =
  | { readonly kind: 'one'; readonly call: Call }
  /** Started in the same tick, the second by the other client. */
  | { readonly kind: 'two'; readonly calls: readonly [Call, Call] }
  | { readonly kind: 'raw'; readonly label: string; readonly method: string; readonly text: string }
  | { readonly kind: 'batch'; readonly label: string; readonly calls: readonly Call[] }
  | { readonly kind: 'interactive'; readonly label: string; readonly body: Body }

export interface Body {
  readonly calls: readonly Call[]
  /** A transaction inside of this one, after its calls. */
  readonly nested?: Body
  readonly end: 'commits' | 'rolls back'
}

export interface Step {
  readonly who: Who
  readonly write: Write | undefined
  /** Done before the write (so that there is something to go stale), and again after it. */
  readonly reads: readonly Call[]
  /** Reads that were not done before the write. */
  readonly more: readonly Call[]
  /** Whether the reads before are started in the tick of the write instead, and not compared. */
  readonly together: boolean
  /** Whether the reads after are started in one tick, or one after the other. */
  readonly oneTick: boolean
}

const from = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

function record(fields: Fields, required: readonly string[] = Object.keys(fields)) {
  const arbitraries = Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, from(values)]))
  return fc.record(arbitraries, { requiredKeys: [...required] })
}

/** One of the fields, or all of them. */
const some = (fields: Fields): fc.Arbitrary<Record<string, unknown>> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: from(Object.entries(fields)).chain(([name, values]) => from(values).map(value => ({ [name]: value }))),
    },
    { weight: 1, arbitrary: record(fields) },
  )

// ---- which row

const named = (key: Key, values: Record<string, unknown>) =>
  Object.keys(key.fields).length === 1 ? values : { [key.name]: values }

const whereUnique = (key: Key) => record(key.fields).map(values => named(key, values))

/** For writes, which should find something more often than not: mostly rows that every program begins with. */
const whereLikely = (key: Key) => {
  const likely = Object.entries(key.fields).map(([name, values]) => [
    name,
    values.slice(0, Math.ceil(values.length / 2)),
  ])
  return fc.oneof(
    { weight: 3, arbitrary: record(Object.fromEntries(likely) as Fields).map(values => named(key, values)) },
    { weight: 1, arbitrary: whereUnique(key) },
  )
}

/** As `findFirst` takes it: each part plain or as `{ equals }`. */
const whereFirst = (key: Key) =>
  fc
    .tuple(record(key.fields), fc.boolean())
    .map(([values, spelled]) =>
      spelled ? Object.fromEntries(Object.entries(values).map(([name, equals]) => [name, { equals }])) : values,
    )

const withFilters = (where: fc.Arbitrary<Record<string, unknown>>, { filters }: Subject, percent: number) =>
  fc
    .tuple(where, fc.integer({ min: 1, max: 100 }), some(filters), fc.boolean())
    .map(([pinned, die, further, spelled]) => {
      if (die > percent) return pinned
      const rest = Object.entries(further).map(([name, value]) => [name, spelled ? { equals: value } : value])
      return { ...Object.fromEntries(rest), ...pinned }
    })

// ---- which shape

/** A few per model: Prisma has to compile each query of a new form. */
const shape = ({ scalars }: Subject): fc.Arbitrary<Record<string, unknown>> => {
  const [first = '', second = ''] = scalars
  const flags = (names: readonly string[], flag = true) => Object.fromEntries(names.map(name => [name, flag]))
  return from([
    {},
    {},
    {},
    { select: flags([second, first]) },
    { select: { ...flags(scalars.slice(2)), [first]: false, [second]: true } },
    { omit: flags([first]) },
    { omit: { ...flags(scalars.slice(2)), [first]: false } },
  ])
}

// ---- reads

const byKind = new Map<KeyKind, { subject: Subject; key: Key }[]>()
for (const subject of subjects) {
  for (const key of subject.keys) byKind.set(key.kind, [...(byKind.get(key.kind) ?? []), { subject, key }])
}

const keyRead = fc
  .tuple(from(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow']), from([...byKind.keys()]))
  .chain(([operation, kind]) =>
    from(byKind.get(kind)!).chain(({ subject, key }) => {
      const where = operation.startsWith('findUnique') ? whereUnique(key) : whereFirst(key)
      return fc.tuple(withFilters(where, subject, 20), shape(subject)).map(([pinned, selection]) => ({
        label: `${operation} by ${kind}`,
        delegate: subject.delegate,
        operation,
        args: { where: pinned, ...selection },
      }))
    }),
  )

const otherRead = from(subjects).chain(subject => {
  const [key] = subject.keys
  const ordered = { orderBy: Object.keys(key.fields).map(name => ({ [name]: 'asc' })) }
  const call = (operation: string, args: fc.Arbitrary<unknown>, label = operation) =>
    args.map(value => ({ label, delegate: subject.delegate, operation, args: value }))
  return fc.oneof(
    call(
      'findMany',
      some(subject.filters).map(where => ({ where, ...ordered })),
    ),
    call('findMany', fc.constant(ordered)),
    call(
      'count',
      some(subject.filters).map(where => ({ where })),
    ),
    call(
      'findFirst',
      some(subject.filters).map(where => ({ where, ...ordered })),
      'findFirst by anything',
    ),
    call(
      'findUnique',
      whereUnique(key).map(where => ({ where, include: subject.include })),
      'findUnique with include',
    ),
  )
})

const read: fc.Arbitrary<Call> = fc.oneof({ weight: 12, arbitrary: keyRead }, { weight: 1, arbitrary: otherRead })

// ---- writes of one row or many

/** Models that a delete or a new key of which changes rows of others. */
const parents = new Set(['User', 'Post', 'Comment', 'Brand', 'Tenant', 'Asset', 'Order', 'Category'])
const created = ({ required, optional }: Subject) => record({ ...required, ...optional }, Object.keys(required))
const keyFields = (keys: readonly Key[]): Fields => Object.assign({}, ...keys.map(key => key.fields)) as Fields

type Change = 'of plain fields' | 'of a unique' | 'of the key'
function changed(subject: Subject, change: Change) {
  const [key, ...uniques] = subject.keys
  if (change === 'of the key') return some(key.fields)
  return some(change === 'of a unique' ? keyFields(uniques) : subject.plain)
}
const can = (change: Change) => (subject: Subject) =>
  change === 'of the key' ||
  Object.keys(change === 'of a unique' ? keyFields(subject.keys.slice(1)) : subject.plain).length > 0

const changes = fc
  .constantFrom<Change>('of plain fields', 'of a unique', 'of the key')
  .chain(change => from(subjects.filter(can(change))).map(subject => ({ change, subject })))

const kinds = [...byKind.keys()]
const onKey = fc
  .tuple(from(kinds), fc.constantFrom<Change>('of plain fields', 'of plain fields', 'of a unique', 'of the key'))
  .chain(([kind, change]) => {
    const able = byKind.get(kind)!.filter(({ subject }) => can(change)(subject))
    return from(able.length > 0 ? able : byKind.get(kind)!).map(found => ({
      ...found,
      change: able.length > 0 ? change : ('of the key' as const),
    }))
  })

const makes = fc
  .tuple(from(['create', 'createMany', 'createManyAndReturn']), from(subjects), fc.boolean())
  .chain(([operation, subject, skipDuplicates]) => {
    const data = created(subject)
    const args: fc.Arbitrary<unknown> =
      operation === 'create'
        ? fc.tuple(data, shape(subject)).map(([row, selection]) => ({ data: row, ...selection }))
        : fc.array(data, { minLength: 1, maxLength: 3 }).map(rows => ({ data: rows, skipDuplicates }))
    return args.map(value => ({ label: operation, delegate: subject.delegate, operation, args: value }))
  })

const updates = onKey.chain(({ subject, key, change }) =>
  fc
    .tuple(withFilters(whereLikely(key), subject, 10), changed(subject, change), shape(subject))
    .map(([where, data, selection]) => ({
      label: change === 'of plain fields' ? `update by ${key.kind}` : `update ${change}`,
      delegate: subject.delegate,
      operation: 'update',
      args: { where, data, ...selection },
    })),
)

const upserts = onKey.chain(({ subject, key, change }) =>
  fc
    .tuple(whereLikely(key), created(subject), changed(subject, change), shape(subject))
    .map(([where, create, update, selection]) => ({
      label: `upsert by ${key.kind}`,
      delegate: subject.delegate,
      operation: 'upsert',
      args: { where, create, update, ...selection },
    })),
)

const deletes = onKey.chain(({ subject, key }) =>
  fc.tuple(withFilters(whereLikely(key), subject, 10), shape(subject)).map(([where, selection]) => ({
    label: `delete by ${key.kind}`,
    delegate: subject.delegate,
    operation: 'delete',
    args: { where, ...selection },
  })),
)

const cascades = from(subjects.filter(({ model }) => parents.has(model))).chain(subject =>
  from([...subject.keys]).chain(key =>
    whereLikely(key).map(where => ({
      label: 'delete that cascades',
      delegate: subject.delegate,
      operation: 'delete',
      args: { where },
    })),
  ),
)

const cascadingUpdates = fc.oneof(
  fc.tuple(from(space.brands), from(space.brands)).map(([slug, next]) => ({
    label: 'update that cascades',
    delegate: 'brand',
    operation: 'update',
    args: { where: { slug }, data: { slug: next } },
  })),
  fc.tuple(from(space.skus), from(space.skus)).map(([sku, next]) => ({
    label: 'update that cascades',
    delegate: 'product',
    operation: 'update',
    args: { where: { sku }, data: { sku: next } },
  })),
  fc.tuple(from(space.users), from(space.users)).map(([id, next]) => ({
    label: 'update that cascades',
    delegate: 'user',
    operation: 'update',
    args: { where: { id }, data: { id: next }, select: { name: true } },
  })),
)

const bulk = fc.oneof(
  fc.tuple(from(['updateMany', 'updateManyAndReturn']), changes).chain(([operation, { change, subject }]) =>
    fc.tuple(some(subject.filters), changed(subject, change)).map(([where, data]) => ({
      label: operation,
      delegate: subject.delegate,
      operation,
      args: { where, data },
    })),
  ),
  from(subjects).chain(subject =>
    some(subject.filters).map(where => ({
      label: 'deleteMany',
      delegate: subject.delegate,
      operation: 'deleteMany',
      args: { where },
    })),
  ),
)

// ---- nested writes: templates with values from the key space

type Pick = <T>(values: readonly T[]) => T
type Template = (pick: Pick) => readonly [delegate: string, operation: string, args: object]

const on = (delegate: string, id: unknown, data: object): readonly [string, string, object] => [
  delegate,
  'update',
  { where: { [delegate === 'brand' ? 'slug' : 'id']: id }, data },
]
const { users, posts, profiles, assets, tags, tagNames, categories, comments, brands, skus, emails, tenants } = space

const nested: Readonly<Record<string, readonly Template[]>> = {
  create: [
    p =>
      on('user', p(users), { posts: { create: { title: 'n', tags: { create: { id: p(tags), name: p(tagNames) } } } } }),
    p => on('user', p(users), { profile: { create: { handle: p(space.handles) } } }),
    p => on('post', p(posts), { comments: { create: [{ id: p(comments), text: 'n' }] } }),
    p => on('asset', p(assets), { profile: { create: { userId: p(users), id: p(profiles) } } }),
    p => on('user', p(users), { bookmarks: { createMany: { data: [{ postId: p(posts) }], skipDuplicates: true } } }),
    p => on('comment', p(comments), { replies: { create: { id: p(comments), text: 'n', postId: p(posts) } } }),
    p => ['user', 'create', { data: { id: p(users), email: p(emails), profile: { create: { id: p(profiles) } } } }],
    p => [
      'post',
      'create',
      { data: { id: p(posts), title: 'n', author: { create: { id: p(users), email: p(emails) } } } },
    ],
  ],
  connect: [
    p => on('user', p(users), { posts: { connect: [{ id: p(posts) }, { id: p(posts) }] } }),
    p => on('post', p(posts), { author: { connect: { email: p(emails) } } }),
    p => on('post', p(posts), { tags: { connect: { name: p(tagNames) } } }),
    p => on('profile', p(profiles), { avatar: { connect: { id: p(assets) } } }),
    p => on('profile', p(profiles), { user: { connect: { email: p(emails) } } }),
    p => on('asset', p(assets), { profile: { connect: { userId: p(users) } } }),
    p => on('brand', p(brands), { products: { connect: { sku: p(skus) } } }),
    p => on('category', p(categories), { posts: { connect: { id: p(posts) } } }),
    p => on('comment', p(comments), { parent: { connect: { id: p(comments) } } }),
    p => on('user', p(users), { profile: { connect: { id: p(profiles) } } }),
    p => ['user', 'create', { data: { id: p(users), email: p(emails), posts: { connect: { id: p(posts) } } } }],
    p => [
      'profile',
      'create',
      { data: { id: p(profiles), user: { connect: { id: p(users) } }, avatar: { connect: { id: p(assets) } } } },
    ],
    p => [
      'bookmark',
      'update',
      { where: { userPost: { userId: p(users), postId: p(posts) } }, data: { post: { connect: { id: p(posts) } } } },
    ],
  ],
  connectOrCreate: [
    p =>
      on('user', p(users), {
        posts: { connectOrCreate: { where: { id: p(posts) }, create: { id: p(posts), title: 'n' } } },
      }),
    p =>
      on('post', p(posts), {
        tags: { connectOrCreate: { where: { id: p(tags) }, create: { id: p(tags), name: p(tagNames) } } },
      }),
    p =>
      on('profile', p(profiles), {
        avatar: {
          connectOrCreate: { where: { id: p(assets) }, create: { mimeType: 'n', content: new Uint8Array([9]) } },
        },
      }),
    p =>
      on('post', p(posts), {
        author: { connectOrCreate: { where: { email: p(emails) }, create: { id: p(users), email: p(emails) } } },
      }),
  ],
  disconnect: [
    p => on('category', p(categories), { posts: { disconnect: { id: p(posts) } } }),
    p => on('post', p(posts), { category: { disconnect: true } }),
    p => on('asset', p(assets), { profile: { disconnect: true } }),
    p => on('profile', p(profiles), { avatar: { disconnect: true } }),
    p => on('post', p(posts), { tags: { disconnect: { id: p(tags) } } }),
    p => on('comment', p(comments), { replies: { disconnect: { id: p(comments) } } }),
  ],
  set: [
    p => on('category', p(categories), { posts: { set: [{ id: p(posts) }] } }),
    p => on('category', p(categories), { children: { set: [] } }),
    p => on('post', p(posts), { tags: { set: [{ id: p(tags) }] } }),
    p => on('user', p(users), { followers: { set: [{ id: p(users) }] } }),
    p => on('user', p(users), { comments: { set: [{ id: p(comments) }] } }),
  ],
  update: [
    p =>
      on('user', p(users), {
        posts: { update: { where: { id: p(posts) }, data: { title: 'n', slug: p(space.slugs) } } },
      }),
    p => on('post', p(posts), { author: { update: { name: 'n', email: p(emails) } } }),
    p => on('user', p(users), { profile: { update: { bio: 'n', handle: p(space.handles) } } }),
    p => on('profile', p(profiles), { user: { update: { where: { role: 'READER' }, data: { name: 'n' } } } }),
    p =>
      on('brand', p(brands), { products: { update: { where: { sku: p(skus) }, data: { sku: p(skus), stock: 1 } } } }),
    p =>
      on('category', p(categories), {
        children: { update: { where: { id: p(categories) }, data: { id: p(categories) } } },
      }),
    p =>
      on('user', p(users), {
        posts: {
          update: { where: { id: p(posts) }, data: { comments: { updateMany: { where: {}, data: { text: 'n' } } } } },
        },
      }),
    p => on('post', p(posts), { tags: { update: { where: { id: p(tags) }, data: { name: p(tagNames) } } } }),
    p =>
      on('post', p(posts), { author: { update: { profile: { update: { avatar: { update: { mimeType: 'n' } } } } } } }),
    p =>
      on('tenant', p(tenants), {
        memberships: { updateMany: { where: { userId: p(users) }, data: { role: 'EDITOR' } } },
      }),
    p => on('comment', p(comments), { replies: { updateMany: { where: {}, data: { text: 'n' } } } }),
  ],
  upsert: [
    p =>
      on('user', p(users), {
        posts: { upsert: { where: { id: p(posts) }, create: { id: p(posts), title: 'n' }, update: { title: 'm' } } },
      }),
    p =>
      on('user', p(users), {
        profile: { upsert: { create: { id: p(profiles) }, update: { handle: p(space.handles) } } },
      }),
    p =>
      on('profile', p(profiles), {
        avatar: {
          upsert: { create: { mimeType: 'n', content: new Uint8Array([8]) }, update: { mimeType: 'm' } },
        },
      }),
    p => [
      'user',
      'upsert',
      {
        where: { email: p(emails) },
        create: { id: p(users), email: p(emails), posts: { connect: { id: p(posts) } } },
        update: { posts: { updateMany: { where: { title: 'x' }, data: { views: 2 } } } },
      },
    ],
  ],
  delete: [
    p => on('user', p(users), { posts: { delete: { id: p(posts) } } }),
    p => on('user', p(users), { profile: { delete: true } }),
    p => on('profile', p(profiles), { avatar: { delete: true } }),
    p => on('post', p(posts), { category: { delete: true } }),
    p => on('post', p(posts), { comments: { deleteMany: { text: 'x' } } }),
    p => on('comment', p(comments), { replies: { delete: { id: p(comments) } } }),
    p => on('user', p(users), { posts: { deleteMany: {} }, memberships: { deleteMany: { role: 'READER' } } }),
    p => on('post', p(posts), { tags: { delete: { id: p(tags) } } }),
  ],
}

/** What a template picks is a list of numbers to fast-check, so that it can be made smaller. */
const nestedWrite = from(Object.keys(nested)).chain(name =>
  fc
    .tuple(from(nested[name] as readonly Template[]), fc.array(fc.nat(59), { minLength: 6, maxLength: 6 }), fc.nat(3))
    .map(([template, dice, result]) => {
      let at = 0
      const pick: Pick = values => values[(dice[at++] as number) % values.length] as (typeof values)[number]
      const [delegate, operation, args] = template(pick)
      const hiding = result === 0 && delegate === 'user' ? { select: { name: true } } : {}
      return { label: `nested ${name}`, delegate, operation, args: { ...args, ...hiding } }
    }),
)

const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 3, arbitrary: makes },
  { weight: 6, arbitrary: updates },
  { weight: 5, arbitrary: upserts },
  { weight: 3, arbitrary: deletes },
  { weight: 2, arbitrary: cascades },
  { weight: 2, arbitrary: cascadingUpdates },
  { weight: 3, arbitrary: bulk },
  { weight: 8, arbitrary: nestedWrite },
)

// ---- several at once

/** Calls that are seldom refused, so that transactions come to their end. */
const easy: fc.Arbitrary<Call> = fc.oneof(
  from(subjects.filter(can('of plain fields'))).chain(subject =>
    fc.tuple(some(subject.filters), changed(subject, 'of plain fields')).map(([where, data]) => ({
      label: 'updateMany',
      delegate: subject.delegate,
      operation: 'updateMany',
      args: { where, data },
    })),
  ),
  fc.tuple(from(users), some({ name: ['p', 'q', null], role: ['EDITOR', 'READER'] })).map(([id, update]) => ({
    label: 'upsert',
    delegate: 'user',
    operation: 'upsert',
    args: { where: { id }, create: { id, email: `${id}@x.org` }, update, select: { name: true } },
  })),
  from(space.products).map(id => ({
    label: 'updateMany',
    delegate: 'product',
    operation: 'updateMany',
    args: { where: { id }, data: { stock: { increment: 1 } } },
  })),
  from([...posts, ...posts]).map(id => ({
    label: 'deleteMany',
    delegate: 'post',
    operation: 'deleteMany',
    args: { where: { id } },
  })),
  fc.tuple(from(tags), from(tagNames)).map(([id, name]) => ({
    label: 'createMany',
    delegate: 'tag',
    operation: 'createMany',
    args: { data: [{ id, name }], skipDuplicates: true },
  })),
)

const swap = fc.oneof(
  fc.tuple(from(users), from(users), from(emails), from(emails)).map(([a, b, first, second]) => [
    { where: { id: a }, data: { email: 'between' } },
    { where: { id: b }, data: { email: first } },
    { where: { id: a }, data: { email: second } },
  ]),
  fc.tuple(from(users), from(users)).map(([a, b]) => [
    { where: { id: a }, data: { id: 99 } },
    { where: { id: b }, data: { id: a } },
    { where: { id: 99 }, data: { id: b }, select: { name: true } },
  ]),
)
const swapCalls = swap.map(all => all.map(args => ({ label: 'swap', delegate: 'user', operation: 'update', args })))

const texts: readonly (readonly [method: string, text: string])[] = [
  ['$executeRawUnsafe', `UPDATE "User" SET "name" = "name" || '!' WHERE "id" IN (1, 3)`],
  ['$executeRawUnsafe', `DELETE FROM "Post" WHERE "id" = 2`],
  ['$executeRawUnsafe', `UPDATE "Brand" SET "slug" = 'b3' WHERE "slug" = 'b1'`],
  ['$queryRawUnsafe', `UPDATE "Profile" SET "handle" = NULL WHERE "id" = 1 RETURNING "id"`],
  ['$queryRawUnsafe', `WITH w AS (UPDATE "Product" SET "stock" = 7 RETURNING "id") SELECT count(*)::int FROM w`],
  ['$executeRawUnsafe', `INSERT INTO "Tag" ("id", "name") VALUES ('t2', 'n2') ON CONFLICT DO NOTHING`],
]

const mixed = fc.oneof({ weight: 3, arbitrary: easy }, { weight: 2, arbitrary: call })
const calls = fc.array(mixed, { minLength: 1, maxLength: 3 })
const end = fc.constantFrom<Body['end']>('commits', 'rolls back')

const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 40, arbitrary: call.map(one => ({ kind: 'one' as const, call: one })) },
  { weight: 3, arbitrary: fc.tuple(call, call).map(both => ({ kind: 'two' as const, calls: both })) },
  {
    weight: 3,
    arbitrary: from(texts).map(([method, text]) => ({ kind: 'raw' as const, label: method, method, text })),
  },
  {
    weight: 3,
    arbitrary: calls.map(list => ({ kind: 'batch' as const, label: 'batch transaction', calls: list })),
  },
  {
    weight: 2,
    arbitrary: swapCalls.map(list => ({ kind: 'batch' as const, label: 'swap in a batch transaction', calls: list })),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(calls, end).map(([list, how]) => ({
      kind: 'interactive' as const,
      label: `interactive transaction that ${how}`,
      body: { calls: list, end: how },
    })),
  },
  {
    weight: 2,
    arbitrary: swapCalls.map(list => ({
      kind: 'interactive' as const,
      label: 'swap in an interactive transaction',
      body: { calls: list, end: 'commits' as const },
    })),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(calls, end, calls, end).map(([outer, outerEnd, inner, innerEnd]) => ({
      kind: 'interactive' as const,
      label: `transaction that ${outerEnd}, around one that ${innerEnd}`,
      body: { calls: outer, end: outerEnd, nested: { calls: inner, end: innerEnd } },
    })),
  },
)

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.record({
    client: fc.constantFrom<0 | 1>(0, 1),
    uncached: fc.integer({ min: 1, max: 10 }).map(die => die === 10),
  }),
  write: fc.option(write, { freq: 8, nil: undefined }),
  reads: fc.array(read, { minLength: 1, maxLength: 4 }),
  more: fc.array(read, { maxLength: 2 }),
  together: fc.integer({ min: 1, max: 6 }).map(die => die === 6),
  oneTick: fc.boolean(),
})

export const program: fc.Arbitrary<Step[]> = fc.noBias(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }))

/** Everything that a run has to have done at least once, and for writes with success. */
export const expected: readonly string[] = [
  ['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'].flatMap(operation =>
    kinds.map(kind => `${operation} by ${kind}`),
  ),
  ['findMany', 'count', 'findFirst by anything', 'findUnique with include'],
  ['create', 'createMany', 'createManyAndReturn', 'updateMany', 'updateManyAndReturn', 'deleteMany'],
  ['update', 'upsert', 'delete'].flatMap(operation => kinds.map(kind => `${operation} by ${kind}`)),
  ['update of a unique', 'update of the key', 'delete that cascades', 'update that cascades'],
  Object.keys(nested).map(name => `nested ${name}`),
  ['$executeRawUnsafe', '$queryRawUnsafe', 'batch transaction', 'swap in a batch transaction'],
  ['swap in an interactive transaction', 'interactive transaction that commits'],
  'interactive transaction that rolls back',
  ['commits', 'rolls back'].flatMap(outer =>
    ['commits', 'rolls back'].map(inner => `transaction that ${outer}, around one that ${inner}`),
  ),
  ['two writes at once', 'write by $uncached', 'reads and a write at once', 'reads in one tick'],
  ['reads beside an open transaction', 'negative hit', 'shared load'],
].flat()
