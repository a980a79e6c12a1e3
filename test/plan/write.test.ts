import { beforeAll, describe, expect, it } from 'vitest'
import { addResult, anyWriteTo, outsideWrite, planRaw, planWrite } from '../../src/plan/write.js'
import type { Model } from '../../src/schema/schema.js'
import { withKeys } from '../../src/write/returning.js'
import { useWorld, type World } from '../support/world.js'
import { catalog, catalogWith, clientShape, modelNamed, NOT_KNOWN, policy } from '../support/catalog.js'

// Two things are held for each write below. The set of keys that it drops is exactly the one in the table. And the write
// is run on Postgres, in a transaction that is rolled back: every row that it changed, created or deleted, by itself or by
// a cascade, is covered by those keys.
//
// How the table spells keys: `User:1` is that row and `@any` of its model; `Post*` is an unnamed write, `@rows` and `@any`;
// `Tag+` is `@any` alone.

const T1 = 'a0000000-0000-4000-8000-000000000001'
const T2 = 'a0000000-0000-4000-8000-000000000002'
const P1 = 'b0000000-0000-4000-8000-000000000001'
const P2 = 'b0000000-0000-4000-8000-000000000002'

/** What goes when a user goes, through cascades and foreign keys that are set to null. */
const USER_CLOSURE = 'Profile* Post* Comment* Bookmark* Membership* User+'
const POST_CLOSURE = 'Comment* Bookmark*'
const TENANT_CLOSURE = 'Asset* Profile* TenantImport* Membership* Project* Task*'

interface Case {
  readonly model: string
  readonly operation: string
  readonly args: object
  readonly drops: string
  /** The database refuses it: then only the keys are held. */
  readonly refused?: true
}

const TABLES: Record<string, Record<string, Case>> = {
  'a single row': {
    create: write('User', 'create', { data: { email: 'new@x.org' } }, 'User+'),
    'create with an id': write('User', 'create', { data: { id: 99, email: 'new@x.org' } }, 'User+ User:99'),
    'update by id': write('User', 'update', { where: { id: 1 }, data: { name: 'Ada' } }, 'User:1'),
    'update by id and more': write(
      'User',
      'update',
      { where: { id: 1, email: 'u1@x.org', AND: [{ name: null }] }, data: { name: 'Ada' } },
      'User:1',
    ),
    'update by another unique: the result has the name': write(
      'User',
      'update',
      { where: { email: 'u1@x.org' }, data: { email: 'other@x.org' } },
      'User:1',
    ),
    'update with a select that leaves the id out': write(
      'User',
      'update',
      { where: { email: 'u1@x.org' }, data: { name: 'Ada' }, select: { name: true } },
      'User:1',
    ),
    'update with an omit that leaves the id out': write(
      'User',
      'update',
      { where: { email: 'u1@x.org' }, data: { name: 'Ada' }, omit: { id: true } },
      'User:1',
    ),
    'update by a compound id with a name': write(
      'Bookmark',
      'update',
      { where: { userPost: { userId: 1, postId: 3 } }, data: { note: 'x' } },
      'Bookmark:1:3',
    ),
    'update by a compound id': write(
      'Membership',
      'update',
      { where: { userId_tenantId: { userId: 1, tenantId: T1 } }, data: { role: 'ADMIN' } },
      `Membership:1:${T1}`,
    ),
    'update by a compound unique': write(
      'Post',
      'update',
      { where: { authorId_slug: { authorId: 1, slug: 'one' } }, data: { views: { increment: 1 } } },
      'Post:1',
    ),
    'update by an id that is not spelled canonically': write(
      'Tenant',
      'update',
      { where: { id: T1.toUpperCase() }, data: { name: 'x' } },
      `Tenant:${T1}`,
    ),
    'update of a text id': write('Tag', 'update', { where: { id: 't1' }, data: { name: 'x' } }, 'Tag:t1'),
    'update of a BigInt id, given as a number': write(
      'Order',
      'update',
      { where: { id: 1 }, data: { status: 'PAID' } },
      'Order:1',
    ),
    'update of a model that is not configured': write(
      'Shipment',
      'update',
      { where: { id: 1n }, data: { carrier: 'x' } },
      'Shipment:1',
    ),
    'upsert that updates': write(
      'User',
      'upsert',
      { where: { id: 1 }, create: { email: 'new@x.org' }, update: { name: 'Ada' } },
      'User:1',
    ),
    'upsert that creates': write(
      'User',
      'upsert',
      { where: { email: 'new@x.org' }, create: { id: 99, email: 'new@x.org' }, update: { name: 'Ada' } },
      'User:99',
    ),
    'upsert that creates another id than it looked for': write(
      'User',
      'upsert',
      { where: { id: 98 }, create: { id: 99, email: 'new@x.org' }, update: {} },
      'User:98 User:99',
    ),
    'delete of a leaf': write('Bookmark', 'delete', { where: { userPost: { userId: 1, postId: 3 } } }, 'Bookmark:1:3'),
  },

  'many rows': {
    createMany: write(
      'User',
      'createMany',
      { data: [{ email: 'a@x.org' }, { email: 'b@x.org' }], skipDuplicates: true },
      'User+',
    ),
    createManyAndReturn: write('User', 'createManyAndReturn', { data: [{ email: 'a@x.org' }] }, 'User+'),
    updateMany: write('User', 'updateMany', { where: { name: null }, data: { name: 'x' } }, 'User*'),
    'updateMany of all': write('User', 'updateMany', { data: { name: 'x' } }, 'User*'),
    updateManyAndReturn: write(
      'Post',
      'updateManyAndReturn',
      { where: { views: 0 }, data: { views: 1 } },
      'Post:1 Post:2 Post:3',
    ),
    'updateMany of a foreign key': write('Post', 'updateMany', { data: { categoryId: null } }, 'Post*'),
    'updateMany of a referenced column': write(
      'Product',
      'updateMany',
      { where: { sku: 's1' }, data: { sku: 's9' } },
      'Product* OrderLine*',
    ),
    deleteMany: write('Post', 'deleteMany', { where: { authorId: 1 } }, `Post* ${POST_CLOSURE}`),
    'deleteMany of all': write('Comment', 'deleteMany', {}, 'Comment*'),
  },

  'a new key': {
    'of a row pinned by its key: the old name is in the args': write(
      'User',
      'update',
      { where: { id: 4 }, data: { id: 44 } },
      'User:4 User:44 Profile* Post* Comment* Bookmark* Membership* Order*',
    ),
    'of a row found by another unique: the old name is nowhere': write(
      'User',
      'update',
      { where: { email: 'u4@x.org' }, data: { id: { increment: 40 } } },
      'User* User:44 Profile* Post* Comment* Bookmark* Membership* Order*',
    ),
    'of a row that others reference': write(
      'User',
      'update',
      { where: { id: 1 }, data: { id: { set: 11 } } },
      'User:1 User:11 Profile* Post* Comment* Bookmark* Membership* Order*',
    ),
    'by the foreign key that is part of it': write(
      'Bookmark',
      'update',
      { where: { userPost: { userId: 1, postId: 3 } }, data: { userId: 4 } },
      'Bookmark:1:3 Bookmark:4:3',
    ),
    'by connect, through the foreign key that is part of it': write(
      'Bookmark',
      'update',
      { where: { userPost: { userId: 1, postId: 3 } }, data: { user: { connect: { id: 4 } } } },
      'Bookmark:1:3 Bookmark:4:3',
    ),
    'of one part, which others reference': write(
      'Project',
      'update',
      { where: { tenantId_number: { tenantId: T1, number: 1 } }, data: { number: 7 } },
      `Project:${T1}:1 Project:${T1}:7 Task*`,
    ),
    'by connect, of one part, which others reference': write(
      'Project',
      'update',
      { where: { tenantId_number: { tenantId: T2, number: 5 } }, data: { tenant: { connect: { id: T1 } } } },
      `Project:${T2}:5 Project:${T1}:5 Task*`,
    ),
    'that cascades through two levels': write(
      'Tenant',
      'update',
      { where: { id: T1 }, data: { id: 'a0000000-0000-4000-8000-000000000009' } },
      `Tenant:${T1} Tenant:a0000000-0000-4000-8000-000000000009 Asset* TenantImport* Membership* Project* Task*`,
    ),
    'of a natural id': write(
      'Brand',
      'update',
      { where: { slug: 'acme' }, data: { slug: 'acme2' } },
      'Brand+ Brand:acme Brand:acme2 Product*',
    ),
    'of a text that the database finds under another spelling': write(
      'AliasCollated',
      'update',
      { where: { id: 'ABC' }, data: { id: 'xyz' } },
      'AliasCollated* AliasCollated:ABC AliasCollated:xyz',
    ),
    'of a tree': write(
      'Category',
      'update',
      { where: { id: 1 }, data: { id: 11 } },
      'Category:1 Category:11 Category* Post*',
    ),
    'of one end of many to many': write(
      'Post',
      'update',
      { where: { id: 1 }, data: { id: 11 } },
      'Post:1 Post:11 Comment* Bookmark*',
    ),
    'of a comment that has replies': write(
      'Comment',
      'update',
      { where: { id: 'c1' }, data: { id: 'c9' } },
      'Comment:c1 Comment:c9 Comment*',
    ),
    'of many rows': write(
      'User',
      'updateMany',
      { where: { id: 4 }, data: { id: 44 } },
      'User* Profile* Post* Comment* Bookmark* Membership* Order* User:4',
    ),
    'by upsert': write(
      'AliasInt',
      'upsert',
      { where: { id: 1 }, create: { id: 1, v: 1 }, update: { id: 2 } },
      'AliasInt:1 AliasInt:2',
    ),
  },

  'a referenced column that is not the key': {
    'of Product, followed by order lines': write(
      'Product',
      'update',
      { where: { id: P1 }, data: { sku: 's9' } },
      `Product:${P1} OrderLine*`,
    ),
    'of Product, by that column': write(
      'Product',
      'update',
      { where: { sku: 's1' }, data: { sku: 's9' } },
      `Product:${P1} OrderLine*`,
    ),
    'left as it is: nothing follows': write(
      'Product',
      'update',
      { where: { sku: 's1' }, data: { name: 'x', sku: undefined } },
      `Product:${P1}`,
    ),
  },

  'a delete': {
    'of a user: Post, Comment, replies, and many to many': write(
      'User',
      'delete',
      { where: { id: 1 } },
      `User:1 ${USER_CLOSURE}`,
    ),
    'of a user by e-mail': write('User', 'delete', { where: { email: 'u1@x.org' } }, `User:1 ${USER_CLOSURE}`),
    'of a user with orders is refused': write('User', 'delete', { where: { id: 3 } }, `User:3 ${USER_CLOSURE}`, true),
    'of a tenant: also what the client does not see': write(
      'Tenant',
      'delete',
      { where: { id: T1 } },
      `Tenant:${T1} ${TENANT_CLOSURE}`,
    ),
    'of a post': write('Post', 'delete', { where: { id: 1 } }, `Post:1 ${POST_CLOSURE}`),
    'of a comment with replies': write('Comment', 'delete', { where: { id: 'c1' } }, 'Comment:c1 Comment*'),
    'of an asset: the profile loses its picture': write('Asset', 'delete', { where: { id: 1 } }, 'Asset:1 Profile*'),
    'of a category: its posts have none': write('Category', 'delete', { where: { id: 3 } }, 'Category:3 Post*'),
    'of a category with children is refused': write(
      'Category',
      'delete',
      { where: { id: 1 } },
      'Category:1 Post*',
      true,
    ),
    'of a tag: its posts have one fewer': write('Tag', 'delete', { where: { id: 't1' } }, 'Tag:t1'),
    'of a brand: its products go to the default one': write(
      'Brand',
      'delete',
      { where: { slug: 'acme' } },
      'Brand:acme Product*',
    ),
    'of a product without lines': write('Product', 'delete', { where: { id: P2 } }, `Product:${P2}`),
    'of a product with lines is refused': write('Product', 'delete', { where: { id: P1 } }, `Product:${P1}`, true),
    'of an order: its lines go': write('Order', 'delete', { where: { id: 1n } }, 'Order:1 OrderLine*'),
    'of an order with shipments, which is refused at COMMIT only': write(
      'Order',
      'delete',
      { where: { number: 'o2' } },
      'Order:2 OrderLine*',
    ),
    'of a project with tasks is refused': write(
      'Project',
      'delete',
      { where: { tenantId_number: { tenantId: T1, number: 1 } } },
      `Project:${T1}:1`,
      true,
    ),
    'of a shipment': write('Shipment', 'delete', { where: { id: 1n } }, 'Shipment:1 Parcel*'),
    'of all users without orders': write(
      'User',
      'deleteMany',
      { where: { orders: { none: {} } } },
      `User* ${USER_CLOSURE}`,
    ),
    'of all tenants': write('Tenant', 'deleteMany', {}, `Tenant* ${TENANT_CLOSURE}`),
  },

  'nested under create': {
    'create of children': write(
      'User',
      'create',
      {
        data: {
          email: 'n@x.org',
          profile: { create: { handle: 'h', avatar: { create: { mimeType: 'x', content: new Uint8Array() } } } },
          posts: { create: [{ title: 'a', comments: { create: { text: 'x' } } }, { title: 'b' }] },
        },
      },
      'User+ Profile+ Asset+ Post+ Comment+',
    ),
    createMany: write(
      'User',
      'create',
      { data: { email: 'n@x.org', posts: { createMany: { data: [{ title: 'a' }] } } } },
      'User+ Post+',
    ),
    'connect of children: they had other parents': write(
      'User',
      'create',
      { data: { email: 'n@x.org', posts: { connect: [{ id: 1 }, { id: 3 }] } } },
      'User+ Post:1 Post:3',
    ),
    'connectOrCreate of children': write(
      'User',
      'create',
      {
        data: {
          email: 'n@x.org',
          posts: { connectOrCreate: { where: { id: 1 }, create: { title: 'x' } } },
        },
      },
      'User+ Post:1',
    ),
    'connect of a parent': write(
      'Post',
      'create',
      { data: { title: 'x', author: { connect: { id: 1 } }, category: { connect: { id: 1 } } } },
      'Post+',
    ),
    'create of a parent': write(
      'Post',
      'create',
      { data: { title: 'x', author: { create: { email: 'n@x.org' } } } },
      'Post+ User+',
    ),
    'connectOrCreate of a parent': write(
      'Post',
      'create',
      {
        data: {
          title: 'x',
          author: { connectOrCreate: { where: { id: 1 }, create: { email: 'n@x.org' } } },
        },
      },
      'Post+ User+',
    ),
    'connect of a 1-1 from the side with the key: who had it loses it': write(
      'Profile',
      'create',
      { data: { user: { connect: { id: 4 } }, avatar: { connect: { id: 1 } } } },
      'Profile*',
    ),
    'connect of a 1-1 from the side without the key': write(
      'Asset',
      'create',
      { data: { mimeType: 'x', content: new Uint8Array(), profile: { connect: { id: 1 } } } },
      'Asset+ Profile:1',
    ),
    'connect of many to many': write(
      'Post',
      'create',
      { data: { title: 'x', authorId: 1, tags: { connect: { id: 't1' } } } },
      'Post+',
    ),
    'create of many to many': write(
      'Tag',
      'create',
      { data: { id: 't9', name: 'n9', posts: { create: { title: 'x', authorId: 1 } } } },
      'Tag+ Tag:t9 Post+',
    ),
    'a tree': write(
      'Category',
      'create',
      { data: { name: 'x', parent: { connect: { id: 1 } }, children: { connect: { id: 3 } } } },
      'Category:3',
    ),
    'children with a compound id that move': write(
      'Tenant',
      'create',
      {
        data: {
          id: 'a0000000-0000-4000-8000-000000000009',
          slug: 's9',
          name: 'x',
          projects: { connect: { tenantId_number: { tenantId: T2, number: 5 } } },
        },
      },
      'Tenant:a0000000-0000-4000-8000-000000000009 Tenant+ Project* Task* Project:a0000000-0000-4000-8000-000000000002:5',
    ),
  },

  'nested under update, 1-n from the parent': {
    create: user({ posts: { create: { title: 'x' } } }, 'Post+'),
    createMany: user({ posts: { createMany: { data: [{ title: 'x' }] } } }, 'Post+'),
    connect: user({ posts: { connect: { id: 3 } } }, 'Post:3'),
    connectOrCreate: user({ posts: { connectOrCreate: { where: { id: 3 }, create: { title: 'x' } } } }, 'Post:3'),
    'set of an optional one': write(
      'Category',
      'update',
      { where: { id: 2 }, data: { posts: { set: [{ id: 2 }] } } },
      'Category:2 Post* Post:2',
    ),
    'set to nothing': write(
      'Category',
      'update',
      { where: { id: 2 }, data: { posts: { set: [] } } },
      'Category:2 Post*',
    ),
    disconnect: write(
      'Category',
      'update',
      { where: { id: 2 }, data: { posts: { disconnect: [{ id: 1 }] } } },
      'Category:2 Post:1',
    ),
    update: user({ posts: { update: { where: { id: 1 }, data: { title: 'x' } } } }, 'Post:1'),
    updateMany: user({ posts: { updateMany: { where: { views: 0 }, data: { title: 'x' } } } }, 'Post*'),
    upsert: user({ posts: { upsert: { where: { id: 1 }, create: { title: 'x' }, update: { title: 'y' } } } }, 'Post:1'),
    delete: user({ posts: { delete: { id: 1 } } }, `Post:1 ${POST_CLOSURE}`),
    deleteMany: user({ posts: { deleteMany: {} } }, `Post* ${POST_CLOSURE}`),
    'update of a key below': user(
      { posts: { update: { where: { id: 1 }, data: { id: 77 } } } },
      'Comment* Bookmark* Post:1',
    ),
    'three levels down': user(
      {
        posts: {
          update: {
            where: { id: 1 },
            data: { comments: { update: { where: { id: 'c1' }, data: { author: { update: { name: 'deep' } } } } } },
          },
        },
      },
      'User* Comment:c1 Post:1',
    ),
    'a delete three levels down': user(
      { posts: { update: { where: { id: 1 }, data: { category: { delete: true } } } } },
      'Post* Category* Post:1',
    ),
    'several operations at once': user(
      {
        posts: { create: { title: 'x' }, connect: { id: 3 } },
        comments: { updateMany: { where: {}, data: { text: 'x' } } },
        profile: { update: { bio: 'x' } },
      },
      'Comment* Profile* Post:3',
    ),
    'children with a referenced column': write(
      'Brand',
      'update',
      { where: { slug: 'acme' }, data: { products: { update: { where: { sku: 's1' }, data: { sku: 's9' } } } } },
      'Brand:acme Product* OrderLine*',
    ),
    'children whose key moves with them': write(
      'Tenant',
      'update',
      { where: { id: T1 }, data: { projects: { connect: { tenantId_number: { tenantId: T2, number: 5 } } } } },
      `Tenant:${T1} Project* Project:${T2}:5 Task*`,
    ),
    'composite foreign key': write(
      'Project',
      'update',
      { where: { tenantId_number: { tenantId: T1, number: 1 } }, data: { tasks: { connect: { id: 2n } } } },
      `Project:${T1}:1 Task:2`,
    ),
  },

  'nested under update, n-1 from the child': {
    connect: post({ category: { connect: { id: 3 } } }, ''),
    disconnect: post({ category: { disconnect: true } }, ''),
    create: post({ category: { create: { name: 'x' } } }, 'Category+'),
    connectOrCreate: post({ category: { connectOrCreate: { where: { id: 3 }, create: { name: 'x' } } } }, 'Category+'),
    update: post({ author: { update: { name: 'x' } } }, 'User*'),
    'update with a where': post({ author: { update: { where: { name: null }, data: { name: 'x' } } } }, 'User*'),
    'update of the key, which the child follows': post(
      { author: { update: { id: 11 } } },
      'User* Profile* Post* Comment* Bookmark* Membership* Order*',
    ),
    upsert: post({ author: { upsert: { create: { email: 'n@x.org' }, update: { name: 'x' } } } }, 'User*'),
    delete: post({ category: { delete: true } }, 'Category* Post*'),
    'update of a referenced column that is not the key': write(
      'OrderLine',
      'update',
      { where: { orderId_position: { orderId: 1n, position: 1 } }, data: { product: { update: { sku: 's9' } } } },
      'OrderLine:1:1 OrderLine* Product*',
    ),
    'tree, update of the parent': write(
      'Category',
      'update',
      { where: { id: 2 }, data: { parent: { update: { name: 'x' } } } },
      'Category:2 Category*',
    ),
  },

  'nested under update, 1-1': {
    'create from the side without the key: the old one is pushed out': write(
      'Asset',
      'update',
      { where: { id: 1 }, data: { profile: { create: { userId: 4 } } } },
      'Asset:1 Profile*',
    ),
    'connect from the side without the key': write(
      'Asset',
      'update',
      { where: { id: 1 }, data: { profile: { connect: { id: 2 } } } },
      'Asset:1 Profile* Profile:2',
    ),
    'connectOrCreate from the side without the key': write(
      'Asset',
      'update',
      { where: { id: 1 }, data: { profile: { connectOrCreate: { where: { id: 2 }, create: { userId: 4 } } } } },
      'Asset:1 Profile* Profile:2',
    ),
    'disconnect from the side without the key': write(
      'Asset',
      'update',
      { where: { id: 1 }, data: { profile: { disconnect: true } } },
      'Asset:1 Profile*',
    ),
    'update from the side without the key': user({ profile: { update: { bio: 'x' } } }, 'Profile*'),
    'upsert from the side without the key': user(
      { profile: { upsert: { create: { bio: 'x' }, update: { bio: 'y' } } } },
      'Profile*',
    ),
    'delete from the side without the key': user({ profile: { delete: true } }, 'Profile*'),
    'connect from the side with the key: who had it loses it': profile(
      2,
      { avatar: { connect: { id: 1 } } },
      'Profile*',
    ),
    'connectOrCreate from the side with the key': profile(
      2,
      { avatar: { connectOrCreate: { where: { id: 1 }, create: { mimeType: 'x', content: new Uint8Array() } } } },
      'Profile* Asset+',
    ),
    'create from the side with the key': profile(
      1,
      { avatar: { create: { mimeType: 'x', content: new Uint8Array() } } },
      'Asset+',
    ),
    'disconnect from the side with the key': profile(1, { avatar: { disconnect: true } }, 'Profile*'),
    'update from the side with the key': profile(1, { avatar: { update: { mimeType: 'x' } } }, 'Asset*'),
    'upsert from the side with the key': profile(
      1,
      { avatar: { upsert: { create: { mimeType: 'x', content: new Uint8Array() }, update: { mimeType: 'y' } } } },
      'Asset* Profile*',
    ),
    'delete from the side with the key': profile(1, { avatar: { delete: true } }, 'Asset* Profile*'),
    'a new key of the other side, which this one follows': profile(
      1,
      { avatar: { update: { id: 11 } } },
      'Asset* Profile*',
    ),
  },

  'nested under update, many to many': {
    connect: post({ tags: { connect: { id: 't3' } } }, ''),
    disconnect: post({ tags: { disconnect: { id: 't1' } } }, ''),
    set: post({ tags: { set: [{ id: 't3' }] } }, ''),
    create: post({ tags: { create: { name: 'x' } } }, 'Tag+'),
    connectOrCreate: post({ tags: { connectOrCreate: { where: { id: 't9' }, create: { name: 'x' } } } }, 'Tag+'),
    update: post({ tags: { update: { where: { id: 't1' }, data: { name: 'x' } } } }, 'Tag:t1'),
    updateMany: post({ tags: { updateMany: { where: { id: 't1' }, data: { name: 'x' } } } }, 'Tag:t1'),
    upsert: post({ tags: { upsert: { where: { id: 't1' }, create: { name: 'x' }, update: { name: 'y' } } } }, 'Tag:t1'),
    delete: post({ tags: { delete: { id: 't1' } } }, 'Tag:t1'),
    deleteMany: post({ tags: { deleteMany: {} } }, 'Tag*'),
    'of a model with itself': user({ following: { set: [{ id: 3 }] } }, ''),
    'of a model with itself, update': user(
      { followers: { update: { where: { id: 2 }, data: { name: 'x' } } } },
      'User:2',
    ),
    'of a model with itself, delete': user({ following: { delete: { id: 2 } } }, `User:2 ${USER_CLOSURE}`),
    'explicit, create': user({ bookmarks: { create: { postId: 2 } } }, 'Bookmark:1:2'),
    'explicit, connect: the key of the row moves': user(
      { bookmarks: { connect: { userPost: { userId: 2, postId: 1 } } } },
      'Bookmark* Bookmark:2:1',
    ),
    'explicit, delete': user({ bookmarks: { deleteMany: {} } }, 'Bookmark*'),
  },

  'nested under upsert': {
    'both branches count': write(
      'User',
      'upsert',
      {
        where: { id: 1 },
        create: { email: 'n@x.org', comments: { connect: { id: 'c1' } } },
        update: { posts: { deleteMany: {} } },
      },
      `User:1 Comment:c1 Post* ${POST_CLOSURE}`,
    ),
  },
}

const world = useWorld()

beforeAll(async () => {
  await fill()
})

for (const [group, cases] of Object.entries(TABLES)) {
  describe(group, () => {
    it.each(Object.entries(cases))('%s', async (_, { model, operation, args, drops, refused }) => {
      const plan = planWrite(catalog, modelNamed(model), operation, args)
      const wide = withKeys(plan.expected, args, clientShape())
      const run = await tryOut(tx => call(tx, model, operation, wide.args))
      expect('error' in run, 'error' in run ? String(run.error) : 'was not refused').toBe(refused === true)
      addResult(plan, 'error' in run ? undefined : run.result)
      const { holds, keys } = plan.effects.invalidation()

      expect(new Set(keys).size).toBe(keys.length)
      expect(holds).toEqual([])
      if (!('error' in run)) expect(uncovered(run.before, run.after, new Set(keys))).toEqual([])
      expect(spelled(keys.filter(isRowOrEpoch))).toEqual(spelled(keysOf(drops)))
    })
  })
}

describe('what is not known', () => {
  it.each(['aggregate2', 'destroy', ''])('an operation named %j may do anything', operation => {
    const { effects } = planWrite(catalog, modelNamed('User'), operation, {})
    const keys = [...catalog.values()]
      .flatMap(({ keys: k }) => [k.everyWrite, k.unnamedWrites])
      .concat(Object.values(JOINS))
    expect(effects.invalidation().keys.toSorted()).toEqual(keys.toSorted())
  })

  it('args of no known form plan no less than the model itself', () => {
    for (const operation of ['create', 'update', 'upsert', 'delete', 'updateMany', 'deleteMany', 'createMany']) {
      for (const args of [undefined, null, 1, 'x', [], { where: null, data: null }, { data: [null, 1, undefined] }]) {
        const plan = planWrite(catalog, modelNamed('AuditEntry'), operation, args)
        addResult(plan, undefined)
        expect(plan.effects.invalidation().keys).toContain('{audit_log}@any')
      }
    }
  })

  it('a single write without a result is unnamed, unless its args name it for certain', () => {
    const notKnown = catalogWith(policy, new Map(), NOT_KNOWN)
    const without = (model: string, operation: string, args: object, by = catalog) => {
      const plan = planWrite(by, by.get(model)!, operation, args)
      addResult(plan, undefined)
      return plan.effects.invalidation().keys
    }
    expect(without('User', 'update', { where: { id: 1 }, data: {} })).toEqual(['User:1', '{User}@any'])
    expect(without('User', 'update', { where: { email: 'x' }, data: {} })).toEqual(['{User}@any', '{User}@rows'])
    const text = { where: { id: 't1' }, data: {} }
    expect(without('Tag', 'update', text)).toEqual(['Tag:t1', '{Tag}@any'])
    // Under a collation that equates more, the row may be kept under another spelling.
    expect(without('Tag', 'update', text, notKnown)).toEqual(['Tag:t1', '{Tag}@any', '{Tag}@rows'])
    expect(without('Brand', 'update', { where: { slug: 'a' }, data: { slug: 'b' } }, notKnown)).toContain(
      '{Brand}@rows',
    )
    expect(without('User', 'update', { where: { id: 1 }, data: { id: 2 } })).toContain('{User}@rows')
    expect(without('AliasCitext', 'delete', { where: { id: 'x' } })).toEqual([
      '{alias_citext}@any',
      '{alias_citext}@rows',
    ])
  })
})

describe('what triggers change', () => {
  it('is any row of the models that they touch, and what references those', () => {
    const touching = catalogWith(policy, new Map([['Tag', ['User']]]))
    const { effects } = planWrite(touching, touching.get('Tag')!, 'create', { data: { name: 'x' } })
    const anything = anyWriteTo(touching, [touching.get('User')!])
    expect(effects.invalidation().keys).toEqual(expect.arrayContaining([...anything.invalidation().keys, '{Tag}@any']))
    expect(anything.unnamedModels).toContain('Post')
    const byHand = outsideWrite(touching, touching.get('Tag')!, { id: 't1' })
    expect(byHand.invalidation().keys).toEqual(expect.arrayContaining([...anything.invalidation().keys, 'Tag:t1']))
  })
})

describe('a write of unknown outcome', () => {
  it('holds each model of its plan, and drops rows and both epochs of each', () => {
    const plan = planWrite(catalog, modelNamed('Order'), 'delete', { where: { id: 1n } })
    const { holds, keys } = plan.effects.invalidationOfUnknownOutcome()
    expect(holds.toSorted()).toEqual(['{order_lines}@hold', '{orders}@hold'].toSorted())
    expect(keys.toSorted()).toEqual(
      ['Order:1', '{orders}@any', '{orders}@rows', '{order_lines}@any', '{order_lines}@rows'].toSorted(),
    )
  })
})

// ---- the table

function write(model: string, operation: string, args: object, drops: string, refused?: true): Case {
  return { model, operation, args, drops, ...(refused && { refused }) }
}

function user(data: object, drops: string, refused?: true): Case {
  return write('User', 'update', { where: { id: 1 }, data }, `User:1 ${drops}`, refused)
}

function post(data: object, drops: string, refused?: true): Case {
  return write('Post', 'update', { where: { id: 1 }, data }, `Post:1 ${drops}`, refused)
}

function profile(id: number, data: object, drops: string): Case {
  return write('Profile', 'update', { where: { id }, data }, `Profile:${id} ${drops}`)
}

function keysOf(drops: string): Set<string> {
  const keys = new Set<string>()
  for (const word of drops.split(' ').filter(Boolean)) {
    const [, name = '', mark, id] = /^(\w+)([*+:])(.*)$/.exec(word) ?? []
    const { unnamedWrites, everyWrite } = modelNamed(name).keys
    keys.add(everyWrite)
    if (mark === '*') keys.add(unnamedWrites)
    if (mark === ':') keys.add(`${name}:${id}`)
  }
  return keys
}

/** Not a relation tag, a list epoch or a link epoch: those are only held to cover enough. */
function isRowOrEpoch(key: string): boolean {
  const isTag = [...catalog.values()].some(({ lists }) =>
    lists.some(list => key.endsWith(list.tagAt('').replace(/^[^:]*:/, ''))),
  )
  return !isTag && !/@(?:lists|links)$/.test(key)
}

/** For messages: back to the words of the table. */
function spelled(keys: Iterable<string>): string {
  const tables = new Map(
    [...catalog.values()].map(({ definition, keys: { tableName } }) => [tableName, definition.name]),
  )
  const all = new Set(
    [...keys].map(key => key.replace(/^\{(\w+)\}/, (_, name: string) => `{${tables.get(name) ?? name}}`)),
  )
  return [...all]
    .map(key => {
      const epoch = /^\{(\w+)\}@(rows|any)$/.exec(key)
      if (epoch === null) return key
      if (epoch[2] === 'rows') return `${epoch[1]}*`
      return all.has(`{${epoch[1]}}@rows`) ? '' : `${epoch[1]}+`
    })
    .filter(Boolean)
    .toSorted()
    .join(' ')
}

// ---- Postgres

type Plain = World['plain']
type Transaction = Parameters<Parameters<Plain['$transaction']>[0]>[0]
/** Rows by id, by model or table. */
type Snapshot = Map<string, Map<string, string>>

const MODELS = [...catalog.values()].filter(
  ({ definition }) => !definition.name.startsWith('Alias') || ['AliasInt', 'AliasCollated'].includes(definition.name),
)
const JOINS = { _PostToTag: '{Post}._PostToTag@links', _Follows: '{User}._Follows@links' }

type Rows = Map<string, string>

class RollBack extends Error {}

/** Runs a write in a transaction, takes pictures before and after, and rolls back. */
async function tryOut(
  run: (tx: Transaction) => Promise<unknown>,
): Promise<{ result: unknown; before: Snapshot; after: Snapshot } | { error: unknown }> {
  let done: { result: unknown; before: Snapshot; after: Snapshot } | undefined
  try {
    await world.plain.$transaction(async tx => {
      const before = await snapshot(tx)
      const result = await run(tx)
      done = { result, before, after: await snapshot(tx) }
      throw new RollBack()
    })
  } catch (error) {
    if (!(error instanceof RollBack)) return { error }
  }
  if (done === undefined) throw new Error('the transaction did nothing')
  return done
}

async function call(tx: Transaction, model: string, operation: string, args: unknown): Promise<unknown> {
  const delegates = tx as unknown as Record<string, Record<string, (args: unknown) => Promise<unknown>>>
  const delegate = delegates[model.charAt(0).toLowerCase() + model.slice(1)]
  return await delegate?.[operation]?.(args)
}

async function snapshot(tx: Transaction): Promise<Snapshot> {
  const tables = [...MODELS.map(({ definition }) => definition.table), ...Object.keys(JOINS)]
  const rows = await tx.$queryRawUnsafe<{ name: string; row: Record<string, unknown> }[]>(
    tables.map(table => `SELECT '${table}' AS name, to_jsonb(t) AS row FROM "${table}" t`).join(' UNION ALL '),
  )
  const taken: Snapshot = new Map(tables.map(table => [table, new Map()]))
  const models = new Map(MODELS.map(entry => [entry.definition.table, entry]))
  for (const { name, row } of rows) {
    const entry = models.get(name)
    const visible = entry === undefined ? row : fieldsOf(entry, row)
    const id = entry?.identity?.idOf(visible) ?? JSON.stringify(row)
    taken.get(name)?.set(
      id,
      JSON.stringify(visible, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    )
  }
  return taken
}

/** What the client can see of a row. */
function fieldsOf({ definition }: (typeof MODELS)[number], row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    definition.scalars.map(({ name, column, type }) => [
      name,
      type === 'BigInt' && row[column] !== null ? BigInt(row[column] as number) : row[column],
    ]),
  )
}

/** What the write did, and the keys do not cover. */
function uncovered(before: Snapshot, after: Snapshot, keys: ReadonlySet<string>): string[] {
  const missing: string[] = []
  const need = (key: string, why: string) => {
    if (!keys.has(key)) missing.push(`${key}: ${why}`)
  }
  for (const { definition, keys: names } of MODELS) {
    const old = before.get(definition.table) ?? new Map<string, string>()
    const current = after.get(definition.table) ?? new Map<string, string>()
    for (const [id, row] of old) {
      if (current.get(id) === row) continue
      const what = current.has(id) ? 'changed' : 'deleted'
      need(names.everyWrite, `${id} was ${what}`)
      if (!keys.has(names.unnamedWrites)) need(names.row(id), what)
    }
    for (const id of current.keys()) if (!old.has(id)) need(names.everyWrite, `${id} was created`)
  }
  for (const { definition, keys: names, lists } of MODELS) {
    const rows = [before, after].map(of => of.get(definition.table) ?? new Map<string, string>()) as [Rows, Rows]
    // Lists of a parent die by their tag, or with all lists, or with all rows.
    for (const [own, other] of [rows, rows.toReversed()] as [Rows, Rows][]) {
      for (const [id, row] of own) {
        if (other.get(id) === row || keys.has(names.unnamedWrites) || keys.has(names.lists)) continue
        for (const list of lists) {
          const tag = list.tagOf(valuesIn(definition, row))
          if (tag !== null) need(tag ?? 'a tag', `${definition.name} ${id} is or was in the list`)
        }
      }
    }
  }
  for (const [table, link] of Object.entries(JOINS)) {
    const links = (of: Snapshot) => JSON.stringify([...(of.get(table)?.keys() ?? [])].toSorted())
    if (links(before) !== links(after)) need(link, `${table} changed`)
  }
  return missing
}

function valuesIn(model: Model, row: string): Record<string, unknown> {
  return JSON.parse(row, (name, value: unknown) => {
    const isBigInt = model.scalars.some(field => field.name === name && field.type === 'BigInt')
    return isBigInt && typeof value === 'string' ? BigInt(value) : value
  }) as Record<string, unknown>
}

/** A small world with known ids. */
async function fill(): Promise<void> {
  const db = world.plain
  await db.user.createMany({ data: [1, 2, 3, 4].map(id => ({ id, email: `u${id}@x.org` })) })
  await db.tenant.createMany({
    data: [
      { id: T1, slug: 'one', name: 'One' },
      { id: T2, slug: 'two', name: 'Two' },
    ],
  })
  await db.asset.createMany({ data: [1, 2, 3].map(id => ({ id, mimeType: 'a', content: new Uint8Array([id]) })) })
  await db.$executeRawUnsafe(`UPDATE "Asset" SET "tenantId" = '${T1}' WHERE "id" = 1`)
  await db.profile.createMany({
    data: [
      { id: 1, userId: 1, avatarId: 1 },
      { id: 2, userId: 2, avatarId: 2 },
    ],
  })
  await db.category.createMany({
    data: [
      { id: 1, name: 'root' },
      { id: 2, name: 'branch', parentId: 1 },
      { id: 3, name: 'other' },
    ],
  })
  await db.tag.createMany({ data: ['t1', 't2', 't3'].map(id => ({ id, name: `name of ${id}` })) })
  await db.post.createMany({
    data: [
      { id: 1, title: 'One', slug: 'one', authorId: 1, categoryId: 2 },
      { id: 2, title: 'Two', authorId: 1, categoryId: 3 },
      { id: 3, title: 'Three', authorId: 2, categoryId: 2 },
    ],
  })
  await db.post.update({ where: { id: 1 }, data: { tags: { connect: [{ id: 't1' }, { id: 't2' }] } } })
  await db.post.update({ where: { id: 3 }, data: { tags: { connect: [{ id: 't1' }] } } })
  await db.user.update({
    where: { id: 1 },
    data: { following: { connect: { id: 2 } }, followers: { connect: { id: 2 } } },
  })
  await db.comment.createMany({
    data: [
      { id: 'c1', postId: 1, authorId: 2, text: 'first' },
      { id: 'c3', postId: 3, authorId: 1, text: 'elsewhere' },
    ],
  })
  await db.comment.create({ data: { id: 'c2', postId: 1, authorId: 1, parentId: 'c1', text: 'reply' } })
  await db.bookmark.createMany({
    data: [
      { userId: 1, postId: 3 },
      { userId: 2, postId: 1 },
    ],
  })
  await db.membership.createMany({ data: [1, 2].map(userId => ({ userId, tenantId: T1 })) })
  await db.project.createMany({
    data: [
      { tenantId: T1, number: 1, name: 'one' },
      { tenantId: T2, number: 5, name: 'five' },
    ],
  })
  await db.task.createMany({
    data: [
      { id: 1n, tenantId: T1, projectNumber: 1, title: 'a' },
      { id: 2n, tenantId: T1, title: 'b' },
      { id: 3n, tenantId: T2, projectNumber: 5, title: 'c' },
    ],
  })
  await db.$executeRawUnsafe(`INSERT INTO "TenantImport" ("tenantId", "line") VALUES ('${T1}', 'x')`)
  await db.brand.create({ data: { slug: 'acme', name: 'Acme' } })
  await db.product.createMany({
    data: [
      { id: P1, sku: 's1', brandSlug: 'acme', model: 'm1', name: 'n1', price: 1 },
      { id: P2, sku: 's2', brandSlug: 'acme', model: 'm2', name: 'n2', price: 2 },
    ],
  })
  await db.order.createMany({
    data: [
      { id: 1n, number: 'o1', customerId: 3 },
      { id: 2n, number: 'o2', customerId: 3 },
    ],
  })
  await db.orderLine.create({ data: { orderId: 1n, position: 1, sku: 's1', quantity: 1, unitPrice: 1 } })
  await db.shipment.create({ data: { id: 1n, orderId: 2n, carrier: 'post' } })
  await db.parcel.create({ data: { shipmentId: 1n, weight: 1 } })
  await db.aliasInt.create({ data: { id: 1, v: 1 } })
  await db.aliasCollated.create({ data: { id: 'abc', v: 1 } })
  for (const table of ['User', 'Post', 'Profile', 'Asset', 'Category', 'orders', 'Task']) {
    await db.$executeRawUnsafe(`SELECT setval(pg_get_serial_sequence('"${table}"', 'id'), 1000)`)
  }
}

describe('raw SQL', () => {
  const drops = (text: string) => planRaw(catalog, text).effects.invalidation().keys

  it('that updates or deletes invalidates all rows of the model whose table it names', () => {
    for (const text of [`UPDATE "Comment" SET "text" = 'x' WHERE "id" = 'c1'`, `DELETE FROM "Comment"`]) {
      expect(drops(text), text).toEqual(expect.arrayContaining(['{Comment}@rows', '{Comment}@any', '{Comment}@lists']))
      expect(drops(text), text).not.toContain('{User}@any')
    }
  })

  it('that inserts drops no rows, only what may have been without them', () => {
    const keys = drops(`INSERT INTO "Tag" ("id", "name") VALUES ('t9', 'x')`)
    expect(keys).toContain('{Tag}@any')
    expect(keys).not.toContain('{Tag}@rows')
  })
})

describe('values that the database has the last word on', () => {
  const notKnown = catalogWith(policy, new Map(), NOT_KNOWN)
  const drops = (by: typeof catalog, model: string, operation: string, args: object) =>
    planWrite(by, by.get(model)!, operation, args).effects.invalidation().keys

  it('bulk writes take ids by text only where the collation is known to be deterministic', () => {
    for (const where of [{ id: 't1' }, { id: { equals: 't1' } }, { id: { in: ['t1'] } }]) {
      for (const operation of ['updateMany', 'deleteMany']) {
        expect(drops(catalog, 'Tag', operation, { where, data: {} })).not.toContain('{Tag}@rows')
        expect(drops(notKnown, 'Tag', operation, { where, data: {} })).toContain('{Tag}@rows')
      }
    }
    const anyCase = { where: { id: { in: ['t1'], mode: 'insensitive' } }, data: {} }
    expect(drops(catalog, 'Tag', 'updateMany', anyCase)).toContain('{Tag}@rows')
  })

  it('a tag by text is always named, and where that is not certain the list epoch is bumped too', () => {
    const create = { data: { orderId: 1n, position: 1, sku: 'S', quantity: 1, unitPrice: 1 } }
    const tag = 'Product.sku:S:order_lines.sku'
    expect(drops(catalog, 'OrderLine', 'create', create)).toContain(tag)
    expect(drops(catalog, 'OrderLine', 'create', create)).not.toContain('{order_lines}@lists')
    expect(drops(notKnown, 'OrderLine', 'create', create)).toEqual(expect.arrayContaining([tag, '{order_lines}@lists']))
  })

  it('a text that is cut to its column names nothing', () => {
    const sku = `${'x'.repeat(32)}   `
    const create = { data: { orderId: 1n, position: 1, sku, quantity: 1, unitPrice: 1 } }
    expect(drops(catalog, 'OrderLine', 'createMany', create)).toContain('{order_lines}@lists')
  })
})
