/** A key space so small that programs meet themselves: a few rows per model, and every way to name one. */

export type Values = readonly unknown[]
export type Fields = Readonly<Record<string, Values>>

export type KeyKind =
  | 'primary key'
  | 'compound key'
  | 'named compound key'
  | 'unique'
  | 'nullable unique'
  | 'compound unique'
  | 'named compound unique'

export interface Key {
  readonly kind: KeyKind
  /** The name in a unique `where`. */
  readonly name: string
  /** The values that its fields may have here. */
  readonly fields: Fields
}

export interface Subject {
  readonly model: string
  readonly delegate: string
  /** The primary key first. */
  readonly keys: readonly [Key, ...Key[]]
  /** What a create needs, beside what it may have. */
  readonly required: Fields
  readonly optional: Fields
  /** What an update may change without touching a key. */
  readonly plain: Fields
  readonly filters: Fields
  readonly scalars: readonly string[]
  /** An order without ties. */
  readonly order: readonly Readonly<Record<string, 'asc'>>[]
}

const users = [1, 2, 3, 4]
const emails = ['ada@x.org', 'bob@x.org', 'Cy+d:e@x.org', 'zoë@x.org', '*?[x]%2A']
const profiles = [1, 2, 3]
const handles = ['h1', 'h2', 'h:3']
const assets = [1, 2, 3]
const posts = [1, 2, 3, 4]
const slugs = ['s1', 's2']
const categories = [1, 2, 3, 4, 5]
const categoryNames = ['c1', 'c2']
const tags = ['t1', 't2', 't:3']
const tagNames = ['n1', 'n2', 'n3']
const comments = ['k1', 'k2', 'k3']
const tenants = ['00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000a2']
const tenantSlugs = ['ten1', 'ten2', 'ten3']
const brands = ['b1', 'b2', 'b3']
const products = [
  '00000000-0000-4000-8000-0000000000b1',
  '00000000-0000-4000-8000-0000000000b2',
  '00000000-0000-4000-8000-0000000000b3',
]
const skus = ['SKU-1', 'SKU-2', 'SKU-3', 'SKU-4']
const models = ['m1', 'm2']
const orders = [1n, 2n]
const numbers = ['o-1', 'o-2', 'o-3']
const positions = [1, 2, 3]
const projectNumbers = [1, 2, 3]
const tasks = [1n, 2n, 3n, 4n]
const shipments = [1n, 2n]
const words = ['x', 'y', null]
const text = ['x', 'y', '']

export const space = {
  users,
  emails,
  profiles,
  handles,
  assets,
  posts,
  slugs,
  categories,
  tags,
  tagNames,
  comments,
  tenants,
  brands,
  products,
  skus,
  categoryNames,
  tenantSlugs,
  models,
  orders,
  numbers,
  positions,
  projectNumbers,
  tasks,
  shipments,
}

const primary = (fields: Fields): Key => ({ kind: 'primary key', name: Object.keys(fields)[0] as string, fields })
const unique = (fields: Fields): Key => ({ kind: 'unique', name: Object.keys(fields)[0] as string, fields })
const nullable = (fields: Fields): Key => ({ kind: 'nullable unique', name: Object.keys(fields)[0] as string, fields })
const joined = (kind: KeyKind, fields: Fields, name = Object.keys(fields).join('_')): Key => ({ kind, name, fields })

export const subjects: readonly Subject[] = [
  {
    model: 'User',
    delegate: 'user',
    keys: [primary({ id: users }), unique({ email: emails })],
    required: { email: emails },
    optional: { id: users, name: words, role: ['AUTHOR', 'ADMIN'] },
    plain: { name: words, role: ['READER', 'AUTHOR', 'ADMIN'] },
    filters: { name: words, role: ['READER', 'ADMIN'], email: emails },
    scalars: ['id', 'email', 'name', 'role', 'createdAt', 'updatedAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Profile',
    delegate: 'profile',
    keys: [
      primary({ id: profiles }),
      unique({ userId: users }),
      nullable({ handle: handles }),
      nullable({ avatarId: assets }),
    ],
    required: { userId: users },
    optional: { id: profiles, handle: [...handles, null], avatarId: [...assets, null], bio: words },
    plain: { bio: words },
    filters: { bio: words, handle: [...handles, null], userId: users },
    scalars: ['id', 'userId', 'avatarId', 'handle', 'bio'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Asset',
    delegate: 'asset',
    keys: [primary({ id: assets })],
    required: { mimeType: text, content: [new Uint8Array([1, 2]), new Uint8Array([])] },
    optional: { id: assets },
    plain: { mimeType: text, content: [new Uint8Array([3])] },
    filters: { mimeType: text },
    scalars: ['id', 'mimeType', 'content', 'createdAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Post',
    delegate: 'post',
    keys: [primary({ id: posts }), joined('compound unique', { authorId: users, slug: slugs })],
    required: { title: text, authorId: users },
    optional: { id: posts, slug: [...slugs, null], categoryId: [...categories, null], published: [true, false] },
    plain: { title: text, views: [0, 1, 2], published: [true, false], categoryId: [...categories, null] },
    filters: { title: text, views: [0, 1], published: [true, false], categoryId: [...categories, null] },
    scalars: ['id', 'title', 'slug', 'body', 'published', 'views', 'authorId', 'categoryId', 'publishedAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Category',
    delegate: 'category',
    keys: [primary({ id: categories }), joined('compound unique', { parentId: categories, name: categoryNames })],
    required: { name: categoryNames },
    optional: { id: categories, parentId: [...categories, null] },
    plain: {},
    filters: { name: categoryNames, parentId: [...categories, null] },
    scalars: ['id', 'parentId', 'name'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Tag',
    delegate: 'tag',
    keys: [primary({ id: tags }), unique({ name: tagNames })],
    required: { name: tagNames },
    optional: { id: tags },
    plain: {},
    filters: { name: tagNames },
    scalars: ['id', 'name'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Comment',
    delegate: 'comment',
    keys: [primary({ id: comments })],
    required: { id: comments, postId: posts, text },
    optional: { authorId: [...users, null], parentId: [...comments, null] },
    plain: { text, authorId: [...users, null], parentId: [...comments, null] },
    filters: { text, postId: posts, authorId: [...users, null] },
    scalars: ['id', 'postId', 'authorId', 'parentId', 'text', 'createdAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Bookmark',
    delegate: 'bookmark',
    keys: [joined('named compound key', { userId: users, postId: posts }, 'userPost')],
    required: { userId: users, postId: posts },
    optional: { note: words },
    plain: { note: words },
    filters: { note: words },
    scalars: ['userId', 'postId', 'note', 'createdAt'],
    order: [{ userId: 'asc' }, { postId: 'asc' }],
  },
  {
    model: 'Tenant',
    delegate: 'tenant',
    keys: [primary({ id: tenants }), unique({ slug: tenantSlugs })],
    required: { slug: tenantSlugs, name: text },
    optional: { id: tenants },
    plain: { name: text },
    filters: { name: text },
    scalars: ['id', 'slug', 'name', 'createdAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Membership',
    delegate: 'membership',
    keys: [joined('compound key', { userId: users, tenantId: tenants })],
    required: { userId: users, tenantId: tenants },
    optional: { role: ['AUTHOR', 'ADMIN'] },
    plain: { role: ['READER', 'AUTHOR', 'ADMIN'] },
    filters: { role: ['READER', 'ADMIN'] },
    scalars: ['userId', 'tenantId', 'role', 'joinedAt'],
    order: [{ userId: 'asc' }, { tenantId: 'asc' }],
  },
  {
    model: 'Project',
    delegate: 'project',
    keys: [joined('compound key', { tenantId: tenants, number: projectNumbers })],
    required: { tenantId: tenants, number: projectNumbers, name: text },
    optional: {},
    plain: { name: text },
    filters: { name: text, tenantId: tenants },
    scalars: ['tenantId', 'number', 'name'],
    order: [{ tenantId: 'asc' }, { number: 'asc' }],
  },
  {
    model: 'Task',
    delegate: 'task',
    keys: [primary({ id: tasks })],
    required: { tenantId: tenants, title: text },
    optional: { id: tasks, projectNumber: [...projectNumbers, null], done: [true, false] },
    plain: { title: text, done: [true, false] },
    filters: { done: [true, false], title: text, tenantId: tenants },
    scalars: ['id', 'tenantId', 'projectNumber', 'title', 'done'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Brand',
    delegate: 'brand',
    keys: [primary({ slug: brands })],
    required: { slug: brands, name: text },
    optional: {},
    plain: { name: text },
    filters: { name: text },
    scalars: ['slug', 'name'],
    order: [{ slug: 'asc' }],
  },
  {
    model: 'Product',
    delegate: 'product',
    keys: [
      primary({ id: products }),
      unique({ sku: skus }),
      joined('named compound unique', { brandSlug: [...brands, 'unbranded'], model: models }, 'brandModel'),
    ],
    required: { sku: skus, model: models, name: text, price: ['9.90', '0.00'] },
    optional: { id: products, brandSlug: brands, weight: ['0.1', null], unitsSold: [2n ** 60n, 3n], rating: [0.5, -0] },
    plain: { stock: [0, 1], active: [true, false], price: ['1.25'], attributes: [{ a: [1, null] }], sizes: [[], [1]] },
    filters: { stock: [0, 1], active: [true, false], name: text, condition: ['NEW', 'USED'], unitsSold: [3n, 0n] },
    scalars: [
      'id',
      'sku',
      'brandSlug',
      'model',
      'name',
      'price',
      'weight',
      'rating',
      'stock',
      'unitsSold',
      'attributes',
    ],
    order: [{ id: 'asc' }],
  },
  {
    model: 'Order',
    delegate: 'order',
    keys: [primary({ id: orders }), unique({ number: numbers })],
    required: { number: numbers, customerId: users },
    optional: { id: orders, status: ['PAID', 'SHIPPED'] },
    plain: { status: ['PENDING', 'PAID'], total: ['1.50', '2'] },
    filters: { status: ['PENDING', 'PAID'], customerId: users },
    scalars: ['id', 'number', 'status', 'total', 'customerId', 'placedAt'],
    order: [{ id: 'asc' }],
  },
  {
    model: 'OrderLine',
    delegate: 'orderLine',
    keys: [
      joined('compound key', { orderId: orders, position: positions }),
      joined('compound unique', { orderId: orders, sku: skus }),
    ],
    required: { orderId: orders, position: positions, sku: skus, quantity: [1, 2], unitPrice: ['1', '2.50'] },
    optional: {},
    plain: { quantity: [1, 2, 3], unitPrice: ['3'] },
    filters: { quantity: [1, 2], sku: skus },
    scalars: ['orderId', 'position', 'sku', 'quantity', 'unitPrice'],
    order: [{ orderId: 'asc' }, { position: 'asc' }],
  },
]

/** All combinations of the values of some fields. */
export function combinations(fields: Fields): Record<string, unknown>[] {
  return Object.entries(fields).reduce<Record<string, unknown>[]>(
    (rows, [name, values]) => rows.flatMap(row => values.map(value => ({ ...row, [name]: value }))),
    [{}],
  )
}

/** Values of a key as a unique `where`. */
export function uniqueWhere(key: Key, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.keys(key.fields).length === 1 ? { ...values } : { [key.name]: values }
}

const at = `'2026-01-01'`

/** One statement that brings a database to where every program begins, the same to the millisecond each time. */
export const reset = `DO $$ BEGIN
  DELETE FROM "Parcel"; DELETE FROM "Shipment"; SET CONSTRAINTS ALL IMMEDIATE;
  DELETE FROM "order_lines"; DELETE FROM "orders"; DELETE FROM "Product"; DELETE FROM "Brand";
  DELETE FROM "Task"; DELETE FROM "Project"; DELETE FROM "Membership"; DELETE FROM "Bookmark"; DELETE FROM "Comment";
  DELETE FROM "_PostToTag"; DELETE FROM "Tag"; DELETE FROM "Post"; UPDATE "Category" SET "parentId" = NULL;
  DELETE FROM "Category"; DELETE FROM "Profile"; DELETE FROM "Asset"; DELETE FROM "Tenant";
  DELETE FROM "_Follows"; DELETE FROM "User"; DELETE FROM "audit_log";
  INSERT INTO "User" ("id", "email", "name", "createdAt", "updatedAt") VALUES
    (1, 'ada@x.org', 'x', ${at}, ${at}), (2, 'bob@x.org', NULL, ${at}, ${at}), (3, 'Cy+d:e@x.org', 'y', ${at}, ${at});
  INSERT INTO "_Follows" ("A", "B") VALUES (1, 2), (2, 1), (3, 1);
  INSERT INTO "Tenant" ("id", "slug", "name", "createdAt") VALUES
    ('${tenants[0]}', 'ten1', 'x', ${at}), ('${tenants[1]}', 'ten2', 'y', ${at});
  INSERT INTO "Asset" ("id", "mimeType", "content", "createdAt", "tenantId") VALUES
    (1, 'x', '\\x0102', ${at}, NULL), (2, 'y', '', ${at}, '${tenants[1]}');
  INSERT INTO "Profile" ("id", "userId", "avatarId", "handle") VALUES (1, 1, 1, 'h1'), (2, 2, 2, NULL);
  INSERT INTO "Category" ("id", "parentId", "name") VALUES (1, NULL, 'c1'), (2, 1, 'c1'), (3, 2, 'c1'), (4, NULL, 'c2');
  INSERT INTO "Post" ("id", "title", "slug", "authorId", "categoryId", "createdAt", "updatedAt") VALUES
    (1, 'x', 's1', 1, 1, ${at}, ${at}), (2, 'y', NULL, 1, 4, ${at}, ${at}), (3, 'x', 's1', 2, NULL, ${at}, ${at});
  INSERT INTO "Tag" ("id", "name") VALUES ('t1', 'n1'), ('t2', 'n2');
  INSERT INTO "_PostToTag" ("A", "B") VALUES (1, 't1'), (2, 't1'), (2, 't2');
  INSERT INTO "Comment" ("id", "postId", "authorId", "parentId", "text", "createdAt") VALUES
    ('k1', 1, 2, NULL, 'x', ${at}), ('k2', 1, NULL, 'k1', 'y', ${at});
  INSERT INTO "Bookmark" ("userId", "postId", "createdAt") VALUES (1, 1, ${at}), (2, 1, ${at}), (1, 2, ${at});
  INSERT INTO "Membership" ("userId", "tenantId", "joinedAt") VALUES
    (1, '${tenants[0]}', ${at}), (2, '${tenants[0]}', ${at}), (2, '${tenants[1]}', ${at});
  INSERT INTO "Project" ("tenantId", "number", "name") VALUES
    ('${tenants[0]}', 1, 'x'), ('${tenants[0]}', 2, 'y'), ('${tenants[1]}', 1, 'x');
  INSERT INTO "Task" ("id", "tenantId", "projectNumber", "title") VALUES
    (1, '${tenants[0]}', 1, 'x'), (2, '${tenants[0]}', NULL, 'y'), (3, '${tenants[1]}', 1, 'x');
  INSERT INTO "Brand" ("slug", "name") VALUES ('unbranded', ''), ('b1', 'x'), ('b2', 'y');
  INSERT INTO "Product" ("id", "sku", "brandSlug", "model", "name", "price", "createdAt", "updatedAt") VALUES
    ('${products[0]}', 'SKU-1', 'b1', 'm1', 'x', 1.50, ${at}, ${at}),
    ('${products[1]}', 'SKU-2', 'b2', 'm1', 'y', 2, ${at}, ${at}),
    ('${products[2]}', 'SKU-3', 'b1', 'm2', 'y', 3, ${at}, ${at});
  INSERT INTO "orders" ("id", "number", "customer_id", "placed_at") VALUES (1, 'o-1', 3, ${at});
  INSERT INTO "order_lines" ("order_id", "position", "sku", "quantity", "unit_price") VALUES
    (1, 1, 'SKU-2', 1, 2), (1, 2, 'SKU-3', 1, 3);
  PERFORM setval('"User_id_seq"', 3); PERFORM setval('"Profile_id_seq"', 2); PERFORM setval('"Asset_id_seq"', 2);
  PERFORM setval('"Post_id_seq"', 3); PERFORM setval('"Category_id_seq"', 4); PERFORM setval('"orders_id_seq"', 1);
  PERFORM setval('"Task_id_seq"', 3); PERFORM setval('"Shipment_id_seq"', 1);
END $$`

/** What `triggers` is for: a shipment makes its order a shipped one, behind the client's back. */
export const trigger = `
  CREATE FUNCTION "ship"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE "orders" SET "status" = 'shipped' WHERE "id" = NEW."orderId"; RETURN NEW;
  END $$;
  CREATE TRIGGER "ship" AFTER INSERT OR UPDATE ON "Shipment" FOR EACH ROW EXECUTE FUNCTION "ship"()`

/** Every table that a read may look at, under the model's name. */
export const tables: Readonly<Record<string, string>> = {
  ...Object.fromEntries(subjects.map(({ model }) => [model, model])),
  Order: 'orders',
  OrderLine: 'order_lines',
  Shipment: 'Shipment',
  links: '_PostToTag',
  follows: '_Follows',
}
