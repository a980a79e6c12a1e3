/** Writes inside writes: every operation of every kind of relation, from either side. */
import type { Dice } from '../dice.js'
import { space } from '../space.js'
import { alone, subjectOf, type Ways } from './write.js'

type Nested = (dice: Dice) => readonly [delegate: string, operation: string, args: object]

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

const templates: Readonly<Record<string, readonly Nested[]>> = {
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
/** Sometimes the caller wants nothing of the result that names the row. */
export const nested: Ways = Object.fromEntries(
  Object.entries(templates).map(([name, ways]) => [
    name,
    ways.map(way => (d: Dice) => {
      const [delegate, operation, args] = way(d)
      const hiding = d.chance(25) ? { select: { [subjectOf(delegate).scalars.at(-1) as string]: true } } : {}
      return alone(delegate, operation, { ...args, ...hiding })
    }),
  ]),
)
