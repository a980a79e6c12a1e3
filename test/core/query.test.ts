import { Decimal } from '@prisma/client/runtime/client'
import { describe, expect, it } from 'vitest'
import { isRead, planRead, satisfies, throwsWhenAbsent } from '../../src/plan/query.js'
import type { ClientShape } from '../../src/plan/shape.js'
import { catalog, clientShape, modelNamed } from './catalog.js'

const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const P1 = 'b0000000-0000-4000-8000-000000000001'
const NOT_PINNED = 'where does not pin a unique key'
const NOT_CANONICAL = 'id is not spelled canonically'

interface Hidden {
  readonly omit?: Record<string, unknown>
  readonly needed?: readonly string[]
}

function shape({ omit, needed = [] }: Hidden = {}): ClientShape {
  return clientShape({
    globalOmit: () => omit,
    neededByComputed: (model, name) => needed.includes(`${model}.${name}`),
  })
}

/** The key and the fields of a row read, or why there is none. */
function plan(model: string, operation: string, args: unknown, hidden?: Hidden): string {
  const planned = planRead(modelNamed(model), operation, args, shape(hidden))
  if (planned.kind === 'bypass') return planned.why
  if (planned.kind === 'result') return planned.via
  const names = planned.places?.map(place => planned.model.model.scalars[place]?.name)
  const filters = planned.filters.map(({ field, text }) => ` + ${field.name}=${text}`).join('')
  return `${planned.key}${names === undefined ? '' : ` ${names.join()}`}${filters}`
}

type Table = readonly (readonly [what: string, args: unknown, plan: string])[]

function holds(model: string, operation: string, table: Table, hidden?: Hidden): void {
  it.each(table)('%s', (_, args, expected) => expect(plan(model, operation, args, hidden)).toBe(expected))
}

describe('operations', () => {
  const where = { id: 1 }
  it.each(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])('%s by id is a row', operation => {
    expect(plan('User', operation, { where })).toBe('User:1')
    expect(isRead(operation)).toBe(true)
    expect(throwsWhenAbsent(operation)).toBe(operation.endsWith('OrThrow'))
  })

  it.each(['findMany', 'count', 'aggregate', 'groupBy'])('%s is a read, and not cached', operation => {
    expect(plan('User', operation, { where })).toBe(`${operation} is not cached`)
    expect(isRead(operation)).toBe(true)
  })

  it.each([
    'create',
    'update',
    'upsert',
    'delete',
    'updateMany',
    'createManyAndReturn',
    'findEverything',
    '',
    '__proto__',
  ])('%j is no read that is known', operation => {
    expect(isRead(operation)).toBe(false)
    expect(plan('User', operation, { where })).toBe(`${operation} is not cached`)
  })
})

describe('models', () => {
  it('that are not configured are not cached', () => {
    expect(plan('AuditEntry', 'findUnique', { where: { id: 1n } })).toBe('the model is not configured')
    expect(planRead(undefined, 'findUnique', { where: { id: 1 } }, shape())).toEqual({
      kind: 'bypass',
      why: 'the model is not configured',
    })
  })

  it.each([
    'AliasCitext',
    'AliasFloat',
    'AliasReal',
    'AliasTimestamp6',
    'AliasDate',
    'AliasTime3',
    'AliasInet',
    'AliasBit',
  ])('%s has an id without an exact text', model => {
    for (const id of ['a', 1, new Date(0)]) {
      expect(plan(model, 'findUnique', { where: { id } })).toBe('the model has no primary key with an exact text')
    }
  })
})

describe('args that are none', () => {
  holds('User', 'findUnique', [
    ['undefined', undefined, 'args of an unknown form'],
    ['null', null, 'args of an unknown form'],
    ['a text', 'x', 'args of an unknown form'],
    ['a number', 1, 'args of an unknown form'],
    ['empty', {}, NOT_PINNED],
    ['a list', [], NOT_PINNED],
  ])
})

describe('where of findUnique', () => {
  holds('User', 'findUnique', [
    ['the id', { where: { id: 42 } }, 'User:42'],
    ['minus zero', { where: { id: -0 } }, 'User:0'],
    ['another unique', { where: { email: 'a@x.org' } }, 'User.email:a%40x.org'],
    ['the id and another unique', { where: { id: 1, email: 'a@x.org' } }, 'User:1 + email=a@x.org'],
    ['the id and undefined', { where: { id: 1, email: undefined } }, 'where.email is not a plain filter'],
    ['the id and AND', { where: { id: 1, AND: [] } }, 'where.AND is not a plain filter'],
    ['the id and OR', { where: { id: 1, OR: [{ id: 2 }] } }, 'where.OR is not a plain filter'],
    ['the id and NOT', { where: { id: 1, NOT: { name: 'x' } } }, 'where.NOT is not a plain filter'],
    ['the id and a relation', { where: { id: 1, posts: { some: {} } } }, 'where.posts is not a plain filter'],
    ['a filter object', { where: { id: { equals: 1 } } }, NOT_CANONICAL],
    ['in', { where: { id: { in: [1] } } }, NOT_CANONICAL],
    ['undefined', { where: { id: undefined } }, NOT_PINNED],
    ['null', { where: { id: null } }, NOT_CANONICAL],
    ['a text', { where: { id: '1' } }, NOT_CANONICAL],
    ['a fraction', { where: { id: 42.5 } }, NOT_CANONICAL],
    ['not a number', { where: { id: Number.NaN } }, NOT_CANONICAL],
    ['a bigint', { where: { id: 1n } }, NOT_CANONICAL],
    ['a list', { where: { id: [1] } }, NOT_CANONICAL],
    ['a function', { where: { id: () => 1 } }, NOT_CANONICAL],
    ['nothing', { where: {} }, NOT_PINNED],
    ['undefined as a whole', { where: undefined }, NOT_PINNED],
    ['null as a whole', { where: null }, NOT_PINNED],
    ['a text as a whole', { where: 'id' }, NOT_PINNED],
    ['a list as a whole', { where: [{ id: 1 }] }, NOT_PINNED],
    ['__proto__', { where: JSON.parse('{"__proto__": 1}') as object }, NOT_PINNED],
  ])
})

describe('where of findUnique with a compound id', () => {
  holds('Membership', 'findUnique', [
    ['in schema order', { where: { userId_tenantId: { userId: 1, tenantId: UUID } } }, `Membership:1:${UUID}`],
    ['in another order', { where: { userId_tenantId: { tenantId: UUID, userId: 1 } } }, `Membership:1:${UUID}`],
    ['without a part', { where: { userId_tenantId: { userId: 1 } } }, NOT_PINNED],
    ['with a part more', { where: { userId_tenantId: { userId: 1, tenantId: UUID, role: 'ADMIN' } } }, NOT_PINNED],
    [
      'a null part',
      { where: { userId_tenantId: { userId: 1, tenantId: null } } },
      'userId_tenantId is not spelled canonically',
    ],
    [
      'a part that is a filter',
      { where: { userId_tenantId: { userId: { equals: 1 }, tenantId: UUID } } },
      'userId_tenantId is not spelled canonically',
    ],
    [
      'a part in another spelling',
      { where: { userId_tenantId: { userId: 1, tenantId: UUID.toUpperCase() } } },
      'userId_tenantId is not spelled canonically',
    ],
    ['the fields alone', { where: { userId: 1, tenantId: UUID } }, NOT_PINNED],
    [
      'beside another filter',
      { where: { userId_tenantId: { userId: 1, tenantId: UUID }, role: 'ADMIN' } },
      `Membership:1:${UUID} + role=ADMIN`,
    ],
    ['null', { where: { userId_tenantId: null } }, NOT_PINNED],
  ])
})

describe('where of findUnique with a compound id that has a name', () => {
  holds('Bookmark', 'findUnique', [
    ['by that name', { where: { userPost: { userId: 1, postId: 2 } } }, 'Bookmark:1:2'],
    ['by the name that it would have had', { where: { userId_postId: { userId: 1, postId: 2 } } }, NOT_PINNED],
  ])
})

describe('where of findUnique by a unique that is not the id', () => {
  holds('Post', 'findUnique', [
    ['compound', { where: { authorId_slug: { authorId: 1, slug: 'a:b' } } }, 'Post.authorId_slug:1:a%3Ab'],
    [
      'compound with a null part',
      { where: { authorId_slug: { authorId: 1, slug: null } } },
      'authorId_slug is not spelled canonically',
    ],
    ['compound without a part', { where: { authorId_slug: { authorId: 1 } } }, NOT_PINNED],
  ])
  holds('OrderLine', 'findUnique', [
    ['beside a compound id', { where: { orderId_sku: { orderId: 1n, sku: 'a' } } }, 'OrderLine.orderId_sku:1:a'],
    [
      'both: the id goes first',
      { where: { orderId_sku: { orderId: 1n, sku: 'a' }, orderId_position: { orderId: 1n, position: 2 } } },
      'where.orderId_sku is not a plain filter',
    ],
    ['the compound id', { where: { orderId_position: { orderId: 1n, position: 2 } } }, 'OrderLine:1:2'],
    ['the compound id, as numbers', { where: { orderId_position: { orderId: 1, position: 2 } } }, 'OrderLine:1:2'],
  ])
})

describe('where of findFirst', () => {
  holds('User', 'findFirst', [
    ['the id', { where: { id: 42 } }, 'User:42'],
    ['equals', { where: { id: { equals: 42 } } }, 'User:42'],
    ['equals and more', { where: { id: { equals: 42, gt: 1 } } }, NOT_CANONICAL],
    ['equals null', { where: { id: { equals: null } } }, NOT_CANONICAL],
    ['equals undefined', { where: { id: { equals: undefined } } }, NOT_CANONICAL],
    ['not', { where: { id: { not: 42 } } }, NOT_CANONICAL],
    ['in', { where: { id: { in: [42] } } }, NOT_CANONICAL],
    ['undefined: any user', { where: { id: undefined } }, NOT_PINNED],
    ['null', { where: { id: null } }, NOT_PINNED],
    ['nothing', { where: {} }, NOT_PINNED],
    ['none', {}, NOT_PINNED],
    ['another field', { where: { name: 'Ada' } }, NOT_PINNED],
    ['another unique', { where: { email: 'a@x.org' } }, 'User.email:a%40x.org'],
    ['the id and another field', { where: { id: 1, name: 'Ada' } }, 'User:1 + name=Ada'],
    ['the id and undefined', { where: { id: 1, name: undefined } }, 'where.name is not a plain filter'],
    ['AND', { where: { AND: [{ id: 1 }] } }, NOT_PINNED],
    ['the id and OR', { where: { id: 1, OR: [] } }, 'where.OR is not a plain filter'],
  ])
})

describe('where of findFirst with a compound id', () => {
  holds('Bookmark', 'findFirst', [
    ['all fields', { where: { userId: 1, postId: 2 } }, 'Bookmark:1:2'],
    ['all fields, in another order', { where: { postId: 2, userId: 1 } }, 'Bookmark:1:2'],
    ['one as equals', { where: { userId: { equals: 1 }, postId: 2 } }, 'Bookmark:1:2'],
    ['one field', { where: { userId: 1 } }, NOT_PINNED],
    ['one field twice', { where: { userId: 1, note: null } }, NOT_PINNED],
    ['a null field', { where: { userId: 1, postId: null } }, NOT_PINNED],
    ['the name of the id, which only findUnique knows', { where: { userPost: { userId: 1, postId: 2 } } }, NOT_PINNED],
  ])
})

describe('ids of other types', () => {
  const rows: [string, unknown, string][] = [
    ['AliasBigInt', 7n, 'AliasBigInt:7'],
    ['AliasBigInt', 7, 'AliasBigInt:7'],
    ['AliasBigInt', '7', NOT_CANONICAL],
    ['AliasUuid', UUID, `AliasUuid:${UUID}`],
    ['AliasUuid', UUID.toUpperCase(), NOT_CANONICAL],
    ['AliasText', 'a b', 'AliasText:a%20b'],
    ['AliasText', '', 'AliasText:'],
    ['AliasText', '\ud800', NOT_CANONICAL],
    ['AliasChar', 'ab   ', 'AliasChar:ab%20%20%20'],
    ['AliasChar', 'ab', NOT_CANONICAL],
    ['AliasDecimal', '1.5', 'AliasDecimal:1.5'],
    ['AliasDecimal', 15, 'AliasDecimal:15'],
    ['AliasDecimal', 1.5, NOT_CANONICAL],
    ['AliasDecimal', new Decimal('1.50'), 'AliasDecimal:1.5'],
    ['AliasDecimal', '1.50', NOT_CANONICAL],
    ['AliasTimestamp3', new Date(5), 'AliasTimestamp3:5'],
    ['AliasTimestamp3', '1970-01-01T00:00:00.005Z', NOT_CANONICAL],
    ['AliasTimestamptz3', new Date(Number.NaN), NOT_CANONICAL],
    ['AliasBytes', new Uint8Array([1, 255]), 'AliasBytes:01ff'],
    ['AliasBytes', Buffer.from([1, 255]), 'AliasBytes:01ff'],
    ['AliasBytes', 'Af8=', NOT_CANONICAL],
    ['AliasEnum', 'DARK', 'AliasEnum:DARK'],
    ['AliasEnum', 'dark:shade', NOT_CANONICAL],
  ]
  it.each(rows)('%s %s', (model, id, expected) => {
    for (const operation of ['findUnique', 'findFirst'])
      expect(plan(model, operation, { where: { id } })).toBe(expected)
    // What equals takes as a value, it takes as a value.
    expect(plan(model, 'findFirst', { where: { id: { equals: id } } })).toBe(expected)
  })
})

describe('further filters', () => {
  const where = { id: P1 }
  holds('Product', 'findUnique', [
    ['Int', { where: { ...where, stock: 1 } }, `Product:${P1} + stock=1`],
    ['Int as equals', { where: { ...where, stock: { equals: 1 } } }, `Product:${P1} + stock=1`],
    ['a fraction', { where: { ...where, stock: 1.5 } }, 'where.stock is not a plain filter'],
    ['BigInt', { where: { ...where, unitsSold: 1 } }, `Product:${P1} + unitsSold=1`],
    ['Boolean', { where: { ...where, active: false } }, `Product:${P1} + active=false`],
    ['enum', { where: { ...where, condition: 'USED' } }, `Product:${P1} + condition=USED`],
    ['a member that there is not', { where: { ...where, condition: 'OLD' } }, 'where.condition is not a plain filter'],
    ['text', { where: { ...where, name: 'x' } }, `Product:${P1} + name=x`],
    ['another unique', { where: { ...where, sku: 's1' } }, `Product:${P1} + sku=s1`],
    ['several', { where: { ...where, name: 'x', stock: 1 } }, `Product:${P1} + name=x + stock=1`],
    ['null of an optional field', { where: { ...where, description: null } }, `Product:${P1} + description=null`],
    ['null of an optional Float', { where: { ...where, rating: null } }, `Product:${P1} + rating=null`],
    ['null of a required field', { where: { ...where, name: null } }, 'where.name is not a plain filter'],
    [
      'null of Json, of which there are two',
      { where: { ...where, datasheet: null } },
      'where.datasheet is not a plain filter',
    ],
    ['Float', { where: { ...where, vatRate: 0.5 } }, 'where.vatRate is not a plain filter'],
    ['Decimal', { where: { ...where, price: 1 } }, 'where.price is not a plain filter'],
    ['DateTime', { where: { ...where, createdAt: new Date(0) } }, 'where.createdAt is not a plain filter'],
    ['Bytes', { where: { ...where, thumbnail: new Uint8Array() } }, 'where.thumbnail is not a plain filter'],
    ['Json', { where: { ...where, attributes: {} } }, 'where.attributes is not a plain filter'],
    ['a list', { where: { ...where, sizes: [1] } }, 'where.sizes is not a plain filter'],
    ['a list as equals', { where: { ...where, sizes: { equals: [1] } } }, 'where.sizes is not a plain filter'],
    ['an operator', { where: { ...where, name: { contains: 'x' } } }, 'where.name is not a plain filter'],
    [
      'equals and a mode',
      { where: { ...where, name: { equals: 'x', mode: 'insensitive' } } },
      'where.name is not a plain filter',
    ],
    ['equals undefined', { where: { ...where, name: { equals: undefined } } }, 'where.name is not a plain filter'],
    ['a relation', { where: { ...where, brand: { slug: 'x' } } }, 'where.brand is not a plain filter'],
    ['a relation that is null', { where: { ...where, brand: null } }, 'where.brand is not a plain filter'],
    [
      'a field that the client does not know',
      { where: { ...where, legacyCode: 'x' } },
      'where.legacyCode is not a plain filter',
    ],
    ['the id twice', { where: { ...where, AND: { id: P1 } } }, 'where.AND is not a plain filter'],
  ])

  it('are met by a row that has just those values', () => {
    const planned = planRead(
      modelNamed('Product'),
      'findUnique',
      { where: { ...where, stock: 1, description: null } },
      shape(),
    )
    const filters = planned.kind === 'row' ? planned.filters : []
    expect(satisfies({ stock: 1, description: null }, filters)).toBe(true)
    expect(satisfies({ stock: 2, description: null }, filters)).toBe(false)
    expect(satisfies({ stock: 1, description: '' }, filters)).toBe(false)
  })

  it('are left out of the load: "absent" would be filled for a row that is there', () => {
    for (const [operation, args] of [
      ['findUnique', { where: { id: P1, stock: 1 } }],
      ['findFirst', { where: { id: { equals: P1 }, stock: 1 } }],
    ] as const) {
      expect(planRead(modelNamed('Product'), operation, args, shape())).toMatchObject({ where: { id: P1 } })
    }
    const first = { where: { orderId: 1n, sku: 'a', quantity: 3 } }
    expect(planRead(modelNamed('OrderLine'), 'findFirst', first, shape())).toMatchObject({
      where: { orderId: 1n, sku: 'a' },
    })
  })
})

describe('where of findFirst by a unique that is not the id', () => {
  holds('Post', 'findFirst', [
    ['all fields', { where: { authorId: 1, slug: 'a' } }, 'Post.authorId_slug:1:a'],
    ['a null part: many rows may have that', { where: { authorId: 1, slug: null } }, NOT_PINNED],
    ['one part', { where: { authorId: 1 } }, NOT_PINNED],
    ['beside another filter', { where: { authorId: 1, slug: 'a', views: 0 } }, 'Post.authorId_slug:1:a + views=0'],
    ['the id beside it', { where: { id: 1, authorId: 2, slug: 'a' } }, 'Post:1 + authorId=2 + slug=a'],
  ])
  holds('Profile', 'findFirst', [
    ['a nullable unique', { where: { handle: 'x' } }, 'Profile.handle:x'],
    ['a nullable unique that is null', { where: { handle: null } }, NOT_PINNED],
    ['two uniques', { where: { avatarId: 2, userId: 1 } }, 'Profile.userId:1 + avatarId=2'],
  ])
})

describe('other args', () => {
  const where = { id: 1 }
  for (const operation of ['findUnique', 'findFirst']) {
    describe(operation, () => {
      holds('User', operation, [
        ['skip', { where, skip: 1 }, 'skip is not cached'],
        ['skip of nothing', { where, skip: 0 }, 'skip is not cached'],
        ['take', { where, take: 1 }, 'take is not cached'],
        ['cursor', { where, cursor: { id: 1 } }, 'cursor is not cached'],
        ['distinct', { where, distinct: ['id'] }, 'distinct is not cached'],
        ['orderBy', { where, orderBy: { id: 'asc' } }, 'orderBy is not cached'],
        ['orderBy of nothing', { where, orderBy: [] }, 'orderBy is not cached'],
        ['include', { where, include: { posts: true } }, 'include is not cached'],
        ['include of nothing', { where, include: {} }, 'include is not cached'],
        ['include false', { where, include: false }, 'include is not cached'],
        ['an unknown one', { where, cache: false }, 'cache is not cached'],
        ['null where Prisma takes none', { where, take: null }, 'take is not cached'],
        ['relationLoadStrategy', { where, relationLoadStrategy: 'join' }, 'relationLoadStrategy is not cached'],
        [
          'undefined, which may be an error with strictUndefinedChecks',
          { where, take: undefined },
          'take is not cached',
        ],
        ['include null', { where, include: null }, 'User:1'],
        ['include undefined', { where, include: undefined }, 'User:1'],
      ])
    })
  }
})

describe('select', () => {
  const where = { id: 1 }
  holds('User', 'findUnique', [
    ['one field', { where, select: { email: true } }, 'User:1 email'],
    ['in the order of the select', { where, select: { name: true, id: true } }, 'User:1 name,id'],
    ['false', { where, select: { id: true, name: false } }, 'User:1 id'],
    ['only false', { where, select: { id: false } }, 'select selects nothing'],
    ['nothing', { where, select: {} }, 'select selects nothing'],
    ['null', { where, select: null }, 'User:1'],
    ['undefined', { where, select: undefined }, 'User:1'],
    ['a list', { where, select: ['id'] }, 'select.0 is not a cached field'],
    ['true', { where, select: true }, 'select of an unknown form'],
    ['a text', { where, select: 'id' }, 'select of an unknown form'],
    ['undefined inside', { where, select: { id: true, name: undefined } }, 'select.name is neither true nor false'],
    ['null inside', { where, select: { id: null } }, 'select.id is neither true nor false'],
    ['a number inside', { where, select: { id: 1 } }, 'select.id is neither true nor false'],
    ['an object inside', { where, select: { id: {} } }, 'select.id is neither true nor false'],
    ['a relation', { where, select: { id: true, posts: true } }, 'select.posts is not a cached field'],
    ['a relation with args', { where, select: { posts: { take: 1 } } }, 'select.posts is not a cached field'],
    ['a relation that is false', { where, select: { id: true, posts: false } }, 'select.posts is not a cached field'],
    ['_count', { where, select: { _count: true } }, 'select._count is not a cached field'],
    ['a computed field', { where, select: { fullName: true } }, 'select.fullName is not a cached field'],
    ['a name that every object has', { where, select: { toString: true } }, 'select.toString is not a cached field'],
    ['beside omit', { where, select: { id: true }, omit: { name: true } }, 'select beside omit'],
    ['beside an empty omit', { where, select: { id: true }, omit: {} }, 'select beside omit'],
    ['beside omit: null', { where, select: { id: true }, omit: null }, 'User:1 id'],
    ['beside include: null', { where, select: { id: true }, include: null }, 'User:1 id'],
    ['beside include', { where, select: { id: true }, include: { posts: true } }, 'include is not cached'],
  ])
})

describe('omit', () => {
  const where = { id: 1 }
  const all = { id: true, email: true, name: true, role: true, createdAt: true, updatedAt: true }
  holds('User', 'findUnique', [
    ['one field', { where, omit: { name: true } }, 'User:1 id,email,role,createdAt,updatedAt'],
    ['false', { where, omit: { name: false } }, 'User:1'],
    ['nothing', { where, omit: {} }, 'User:1'],
    ['null', { where, omit: null }, 'User:1'],
    ['undefined', { where, omit: undefined }, 'User:1'],
    ['everything', { where, omit: all }, 'omit leaves nothing'],
    ['undefined inside', { where, omit: { name: undefined } }, 'omit.name is neither true nor false'],
    ['null inside', { where, omit: { name: null } }, 'omit.name is neither true nor false'],
    ['a number inside', { where, omit: { name: 1 } }, 'omit.name is neither true nor false'],
    ['an object inside', { where, omit: { name: {} } }, 'omit.name is neither true nor false'],
    ['a relation', { where, omit: { posts: true } }, 'omit.posts is not a scalar field'],
    ['an unknown field', { where, omit: { nickname: true } }, 'omit.nickname is not a scalar field'],
    ['select: null beside', { where, select: null, omit: { id: true } }, 'User:1 email,name,role,createdAt,updatedAt'],
  ])
})

describe('omit of the client', () => {
  const where = { id: 1 }
  holds(
    'User',
    'findUnique',
    [
      ['is taken off', { where }, 'User:1 id,name,role,createdAt,updatedAt'],
      ['adds up with omit', { where, omit: { name: true } }, 'User:1 id,role,createdAt,updatedAt'],
      ['gives way to omit: false', { where, omit: { email: false } }, 'User:1'],
      ['stays with omit: undefined', { where, omit: undefined }, 'User:1 id,name,role,createdAt,updatedAt'],
      ['stays with omit: null', { where, omit: null }, 'User:1 id,name,role,createdAt,updatedAt'],
      ['gives way to select', { where, select: { email: true } }, 'User:1 email'],
      [
        'is not certain with undefined inside',
        { where, omit: { email: undefined } },
        'omit.email is neither true nor false',
      ],
    ],
    { omit: { email: true } },
  )

  it('that is false is none', () => {
    expect(plan('User', 'findUnique', { where }, { omit: { email: false } })).toBe('User:1')
    expect(plan('User', 'findUnique', { where }, { omit: {} })).toBe('User:1')
  })
})

describe('a field that a computed one needs', () => {
  const needed = { needed: ['User.email'] }
  it('is not left out here: Prisma loads it although it is omitted', () => {
    const why = 'omit.email: a computed field needs it'
    expect(plan('User', 'findUnique', { where: { id: 1 }, omit: { email: true } }, needed)).toBe(why)
    expect(plan('User', 'findUnique', { where: { id: 1 } }, { ...needed, omit: { email: true } })).toBe(why)
  })

  it('changes nothing where it is not omitted, or in another model', () => {
    expect(plan('User', 'findUnique', { where: { id: 1 } }, needed)).toBe('User:1')
    expect(plan('User', 'findUnique', { where: { id: 1 }, omit: { email: false } }, needed)).toBe('User:1')
    expect(plan('Tag', 'findUnique', { where: { id: 'a' }, omit: { name: true } }, needed)).toBe('Tag:a id')
  })
})

describe('a plan', () => {
  it('changes nothing of the args, and loads by the where alone', () => {
    const args = Object.freeze({ where: Object.freeze({ id: 1 }), select: Object.freeze({ id: true }) })
    const planned = planRead(modelNamed('User'), 'findUnique', args, shape())
    expect(planned).toMatchObject({ kind: 'row', id: '1', key: 'User:1', where: { id: 1 } })
  })

  it('is the same for all shapes of one row but for the fields: they share the entry', () => {
    const keys = [{}, { select: { id: true } }, { omit: { name: true } }].map(more => {
      const planned = planRead(modelNamed('User'), 'findUnique', { where: { id: 1 }, ...more }, shape())
      return planned.kind === 'row' ? planned.key : undefined
    })
    expect(new Set(keys)).toEqual(new Set(['User:1']))
  })

  it('exists for each model with an exact id', () => {
    const cached = [...catalog.values()].filter(({ identity, cached: policy }) => identity && policy)
    expect(cached).toHaveLength(35)
  })
})
