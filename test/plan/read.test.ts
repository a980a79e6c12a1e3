import { Decimal } from '@prisma/client/runtime/client'
import { ArgsReader } from '../../src/plan/args.js'
import { describe, expect, it } from 'vitest'
import { matches } from '../../src/plan/pins.js'
import { isRead, planRead, throwsWhenAbsent } from '../../src/plan/read.js'
import type { ClientTraits } from '../../src/plan/selection.js'
import { catalog, catalogWith, clientShape, modelNamed, policy as defaults } from '../support/catalog.js'

const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const P1 = 'b0000000-0000-4000-8000-000000000001'
const NOT_PINNED = 'where names no unique key'
/** A first match is a result of its own. */
const RESULT = 'every write'
const TAGGED = 'relation tag'
const NOT_CANONICAL = 'id may be spelled in another way in the database'

interface Hidden {
  readonly omit?: Record<string, unknown>
  readonly needed?: readonly string[]
}

function shape({ omit, needed = [] }: Hidden = {}): ClientTraits {
  return clientShape({
    globalOmit: () => omit,
    computed: {
      isEmpty: true,
      has: () => false,
      needs: (model, name) => needed.includes(`${model}.${name}`),
      addThoseOf: () => false,
    },
  })
}

/** The key and the fields of a row read, or why there is none. */
function plan(model: string, operation: string, args: unknown, hidden?: Hidden): string {
  const planned = planRead(modelNamed(model), operation, args, shape(hidden))
  if (planned.kind === 'bypass') return planned.why
  if (planned.kind === 'result') return planned.list === undefined ? RESULT : TAGGED
  const names = planned.fieldIndexes?.map(place => planned.model.definition.scalars[place]?.name)
  const filters = planned.filters.map(({ field, text }) => ` + ${field.name}=${text}`).join('')
  const keys = planned.kind === 'rows' ? `[${planned.rows.map(({ key }) => key).join()}]` : planned.key
  return `${keys}${names === undefined ? '' : ` ${names.join()}`}${filters}`
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

  it.each(['findMany', 'count', 'aggregate', 'groupBy'])('%s is a read, and cached where queries are', operation => {
    expect(plan('User', operation, { where })).toBe(`${operation} is cached only for models with the option queries`)
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
    expect(plan('AuditEntry', 'findUnique', { where: { id: 1n } })).toBe('the model is not listed in the option models')
    expect(planRead(undefined, 'findUnique', { where: { id: 1 } }, shape())).toEqual({
      kind: 'bypass',
      why: 'the model is not listed in the option models',
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
      expect(plan(model, 'findUnique', { where: { id } })).toBe(
        'the model has no primary key whose values can be compared exactly',
      )
    }
  })
})

describe('args that are none', () => {
  holds('User', 'findUnique', [
    ['undefined', undefined, 'the args are of a form that this version does not know'],
    ['null', null, 'the args are of a form that this version does not know'],
    ['a text', 'x', 'the args are of a form that this version does not know'],
    ['a number', 1, 'the args are of a form that this version does not know'],
    ['empty', {}, NOT_PINNED],
    ['a list', [], 'the args are of a form that this version does not know'],
  ])
})

describe('where of findUnique', () => {
  holds('User', 'findUnique', [
    ['the id', { where: { id: 42 } }, 'User:42'],
    ['minus zero', { where: { id: -0 } }, 'User:0'],
    ['another unique', { where: { email: 'a@x.org' } }, 'User.email:a%40x.org'],
    ['the id and another unique', { where: { id: 1, email: 'a@x.org' } }, 'User:1 + email=a@x.org'],
    ['the id and undefined', { where: { id: 1, email: undefined } }, 'User:1'],
    ['the id and an optional filter that is not there', { where: { id: 1, AND: [{ name: undefined }, {}] } }, 'User:1'],
    ['the id and NOT of nothing', { where: { id: 1, NOT: [] } }, 'User:1'],
    ['the id and AND', { where: { id: 1, AND: [] } }, 'User:1'],
    [
      'the id and AND of something',
      { where: { id: 1, AND: [{ name: 'a' }] } },
      'where.AND is not an equality filter that can be checked on a row',
    ],
    [
      'the id and OR',
      { where: { id: 1, OR: [{ id: 2 }] } },
      'where.OR is not an equality filter that can be checked on a row',
    ],
    [
      'the id and NOT',
      { where: { id: 1, NOT: { name: 'x' } } },
      'where.NOT is not an equality filter that can be checked on a row',
    ],
    [
      'the id and a relation',
      { where: { id: 1, posts: { some: {} } } },
      'where.posts is not an equality filter that can be checked on a row',
    ],
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
      'userId_tenantId may be spelled in another way in the database',
    ],
    [
      'a part that is a filter',
      { where: { userId_tenantId: { userId: { equals: 1 }, tenantId: UUID } } },
      'userId_tenantId may be spelled in another way in the database',
    ],
    [
      'a part in another spelling',
      { where: { userId_tenantId: { userId: 1, tenantId: UUID.toUpperCase() } } },
      'userId_tenantId may be spelled in another way in the database',
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
    ['compound', { where: { authorId_slug: { authorId: 1, slug: 'a:b' } } }, 'Post.authorId,slug:1:a%3Ab'],
    [
      'compound with a null part',
      { where: { authorId_slug: { authorId: 1, slug: null } } },
      'authorId_slug may be spelled in another way in the database',
    ],
    ['compound without a part', { where: { authorId_slug: { authorId: 1 } } }, NOT_PINNED],
  ])
  holds('OrderLine', 'findUnique', [
    ['beside a compound id', { where: { orderId_sku: { orderId: 1n, sku: 'a' } } }, 'OrderLine.order_id,sku:1:a'],
    [
      'both: the id goes first',
      { where: { orderId_sku: { orderId: 1n, sku: 'a' }, orderId_position: { orderId: 1n, position: 2 } } },
      'where.orderId_sku is not an equality filter that can be checked on a row',
    ],
    ['the compound id', { where: { orderId_position: { orderId: 1n, position: 2 } } }, 'OrderLine:1:2'],
    ['the compound id, as numbers', { where: { orderId_position: { orderId: 1, position: 2 } } }, 'OrderLine:1:2'],
  ])
})

describe('where of findFirst', () => {
  holds('User', 'findFirst', [
    ['the id', { where: { id: 42 } }, 'User:42'],
    ['equals', { where: { id: { equals: 42 } } }, 'User:42'],
    ['equals and more', { where: { id: { equals: 42, gt: 1 } } }, RESULT],
    ['equals null', { where: { id: { equals: null } } }, RESULT],
    ['equals undefined', { where: { id: { equals: undefined } } }, RESULT],
    ['not', { where: { id: { not: 42 } } }, RESULT],
    ['in', { where: { id: { in: [42] } } }, RESULT],
    ['undefined: any user', { where: { id: undefined } }, RESULT],
    ['null', { where: { id: null } }, RESULT],
    ['nothing', { where: {} }, RESULT],
    ['none', {}, RESULT],
    ['another field', { where: { name: 'Ada' } }, RESULT],
    ['another unique', { where: { email: 'a@x.org' } }, 'User.email:a%40x.org'],
    ['the id and another field', { where: { id: 1, name: 'Ada' } }, 'User:1 + name=Ada'],
    ['the id and undefined', { where: { id: 1, name: undefined } }, 'User:1'],
    ['AND', { where: { AND: [{ id: 1 }] } }, RESULT],
    ['the id and OR', { where: { id: 1, OR: [] } }, RESULT],
  ])
})

describe('where of findFirst with a compound id', () => {
  holds('Bookmark', 'findFirst', [
    ['all fields', { where: { userId: 1, postId: 2 } }, 'Bookmark:1:2'],
    ['all fields, in another order', { where: { postId: 2, userId: 1 } }, 'Bookmark:1:2'],
    ['one as equals', { where: { userId: { equals: 1 }, postId: 2 } }, 'Bookmark:1:2'],
    ['one field', { where: { userId: 1 } }, TAGGED],
    ['one field twice', { where: { userId: 1, note: null } }, TAGGED],
    ['a null field', { where: { userId: 1, postId: null } }, TAGGED],
    ['the name of the id, which only findUnique knows', { where: { userPost: { userId: 1, postId: 2 } } }, RESULT],
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
    [
      'a fraction',
      { where: { ...where, stock: 1.5 } },
      'where.stock is not an equality filter that can be checked on a row',
    ],
    ['BigInt', { where: { ...where, unitsSold: 1 } }, `Product:${P1} + unitsSold=1`],
    ['Boolean', { where: { ...where, active: false } }, `Product:${P1} + active=false`],
    ['enum', { where: { ...where, condition: 'USED' } }, `Product:${P1} + condition=USED`],
    [
      'a member that there is not',
      { where: { ...where, condition: 'OLD' } },
      'where.condition is not an equality filter that can be checked on a row',
    ],
    ['text', { where: { ...where, name: 'x' } }, `Product:${P1} + name=x`],
    ['another unique', { where: { ...where, sku: 's1' } }, `Product:${P1} + sku=s1`],
    ['several', { where: { ...where, name: 'x', stock: 1 } }, `Product:${P1} + name=x + stock=1`],
    ['null of an optional field', { where: { ...where, description: null } }, `Product:${P1} + description=null`],
    ['null of an optional Float', { where: { ...where, rating: null } }, `Product:${P1} + rating=null`],
    [
      'null of a required field',
      { where: { ...where, name: null } },
      'where.name is not an equality filter that can be checked on a row',
    ],
    [
      'null of Json, of which there are two',
      { where: { ...where, datasheet: null } },
      'where.datasheet is not an equality filter that can be checked on a row',
    ],
    [
      'Float',
      { where: { ...where, vatRate: 0.5 } },
      'where.vatRate is not an equality filter that can be checked on a row',
    ],
    [
      'Decimal',
      { where: { ...where, price: 1 } },
      'where.price is not an equality filter that can be checked on a row',
    ],
    [
      'DateTime',
      { where: { ...where, createdAt: new Date(0) } },
      'where.createdAt is not an equality filter that can be checked on a row',
    ],
    [
      'Bytes',
      { where: { ...where, thumbnail: new Uint8Array() } },
      'where.thumbnail is not an equality filter that can be checked on a row',
    ],
    [
      'Json',
      { where: { ...where, attributes: {} } },
      'where.attributes is not an equality filter that can be checked on a row',
    ],
    [
      'a list',
      { where: { ...where, sizes: [1] } },
      'where.sizes is not an equality filter that can be checked on a row',
    ],
    [
      'a list as equals',
      { where: { ...where, sizes: { equals: [1] } } },
      'where.sizes is not an equality filter that can be checked on a row',
    ],
    [
      'an operator',
      { where: { ...where, name: { contains: 'x' } } },
      'where.name is not an equality filter that can be checked on a row',
    ],
    [
      'equals and a mode',
      { where: { ...where, name: { equals: 'x', mode: 'insensitive' } } },
      'where.name is not an equality filter that can be checked on a row',
    ],
    [
      'equals undefined',
      { where: { ...where, name: { equals: undefined } } },
      'where.name is not an equality filter that can be checked on a row',
    ],
    [
      'a relation',
      { where: { ...where, brand: { slug: 'x' } } },
      'where.brand is not an equality filter that can be checked on a row',
    ],
    [
      'a relation that is null',
      { where: { ...where, brand: null } },
      'where.brand is not an equality filter that can be checked on a row',
    ],
    [
      'a field that the client does not know',
      { where: { ...where, legacyCode: 'x' } },
      'where.legacyCode is not an equality filter that can be checked on a row',
    ],
    [
      'the id twice',
      { where: { ...where, AND: { id: P1 } } },
      'where.AND is not an equality filter that can be checked on a row',
    ],
  ])

  it('are met by a row that has just those values', () => {
    const planned = planRead(
      modelNamed('Product'),
      'findUnique',
      { where: { ...where, stock: 1, description: null } },
      shape(),
    )
    const filters = planned.kind === 'row' ? planned.filters : []
    expect(matches({ stock: 1, description: null }, filters)).toBe(true)
    expect(matches({ stock: 2, description: null }, filters)).toBe(false)
    expect(matches({ stock: 1, description: '' }, filters)).toBe(false)
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
    ['all fields', { where: { authorId: 1, slug: 'a' } }, 'Post.authorId,slug:1:a'],
    ['a null part: many rows may have that', { where: { authorId: 1, slug: null } }, TAGGED],
    ['one part', { where: { authorId: 1 } }, TAGGED],
    ['beside another filter', { where: { authorId: 1, slug: 'a', views: 0 } }, 'Post.authorId,slug:1:a + views=0'],
    ['the id beside it', { where: { id: 1, authorId: 2, slug: 'a' } }, 'Post:1 + authorId=2 + slug=a'],
  ])
  holds('Profile', 'findFirst', [
    ['a nullable unique', { where: { handle: 'x' } }, 'Profile.handle:x'],
    ['a nullable unique that is null', { where: { handle: null } }, RESULT],
    ['two uniques', { where: { avatarId: 2, userId: 1 } }, 'Profile.userId:1 + avatarId=2'],
  ])
})

describe('other args', () => {
  const where = { id: 1 }
  for (const operation of ['findUnique', 'findFirst']) {
    describe(operation, () => {
      const result = (name: string) => (operation === 'findFirst' ? RESULT : `${name} is not cached`)
      holds('User', operation, [
        ['skip', { where, skip: 1 }, result('skip')],
        ['skip of nothing', { where, skip: 0 }, result('skip')],
        ['take', { where, take: 1 }, result('take')],
        ['cursor', { where, cursor: { id: 1 } }, result('cursor')],
        ['distinct', { where, distinct: ['id'] }, result('distinct')],
        ['orderBy', { where, orderBy: { id: 'asc' } }, result('orderBy')],
        ['orderBy of nothing', { where, orderBy: [] }, result('orderBy')],
        ['include', { where, include: { posts: true } }, 'User:1'],
        ['include of nothing', { where, include: {} }, 'User:1'],
        ['include false', { where, include: false }, 'include is of a form that this version does not know'],
        ['an unknown one', { where, cache: false }, 'cache is not cached'],
        ['null where Prisma takes none', { where, take: null }, result('take')],
        ['relationLoadStrategy', { where, relationLoadStrategy: 'join' }, 'relationLoadStrategy is not cached'],
        ['undefined, which may be an error with strictUndefinedChecks', { where, take: undefined }, 'User:1'],
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
    ['a list', { where, select: ['id'] }, 'select is of a form that this version does not know'],
    ['true', { where, select: true }, 'select is of a form that this version does not know'],
    ['a text', { where, select: 'id' }, 'select is of a form that this version does not know'],
    ['undefined inside', { where, select: { id: true, name: undefined } }, 'User:1 id'],
    ['null inside', { where, select: { id: null } }, 'select.id must be true or false'],
    ['a number inside', { where, select: { id: 1 } }, 'select.id must be true or false'],
    ['an object inside', { where, select: { id: {} } }, 'select.id must be true or false'],
    ['a relation', { where, select: { id: true, posts: true } }, 'User:1 id'],
    ['a relation with args', { where, select: { posts: { take: 1 } } }, 'User:1 '],
    ['a relation that is false', { where, select: { id: true, posts: false } }, 'User:1 id'],
    ['_count', { where, select: { _count: true } }, 'User:1 '],
    ['a computed field', { where, select: { fullName: true } }, 'select.fullName is not a field that can be cached'],
    [
      'a name that every object has',
      { where, select: { toString: true } },
      'select.toString is not a field that can be cached',
    ],
    ['beside omit', { where, select: { id: true }, omit: { name: true } }, 'select and omit are both given'],
    ['beside an empty omit', { where, select: { id: true }, omit: {} }, 'select and omit are both given'],
    ['beside omit: null', { where, select: { id: true }, omit: null }, 'User:1 id'],
    ['beside include: null', { where, select: { id: true }, include: null }, 'User:1 id'],
    ['beside include', { where, select: { id: true }, include: { posts: true } }, 'select and include are both given'],
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
    ['undefined inside', { where, omit: { name: undefined } }, 'User:1'],
    ['null inside', { where, omit: { name: null } }, 'omit.name must be true or false'],
    ['a number inside', { where, omit: { name: 1 } }, 'omit.name must be true or false'],
    ['an object inside', { where, omit: { name: {} } }, 'omit.name must be true or false'],
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
        'omit.email must be true or false',
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

describe('results', () => {
  const client = clientShape()
  const keyOf = (model: string, operation: string, args: unknown) => {
    const planned = planRead(withQueries(model), operation, args, client)
    if (planned.kind !== 'result') throw new Error(planned.kind === 'bypass' ? planned.why : 'is a row')
    return `${planned.key} ${planned.dependsOn.epochs.join()} ${planned.dependsOn.holds.join()}`
  }
  const queried = catalogWith({ ...defaults, queriesTtlMs: 1000 })
  const withQueries = (name: string) => queried.get(name)

  const same: [string, object, object][] = [
    ['fields of a where in another order', { where: { views: 1, title: 'x' } }, { where: { title: 'x', views: 1 } }],
    ['undefined', { where: { views: 1 }, take: undefined }, { where: { views: 1, title: undefined } }],
    [
      'select in another order',
      { select: { id: true, title: true } },
      { select: { title: true, id: true, slug: false } },
    ],
    ['what include does not include', { include: { author: false } }, {}],
    ['a Buffer and a Uint8Array', { where: { title: 'x' }, skip: 0 }, { skip: 0, where: { title: 'x' } }],
  ]
  it.each(same)('%s: the same entry', (_, a, b) =>
    expect(keyOf('Post', 'findMany', a)).toBe(keyOf('Post', 'findMany', b)),
  )

  it('whatever may change the result changes the key', () => {
    const args = [
      {},
      { where: { views: 1 } },
      { where: { views: 1n } },
      { where: { views: { not: 1 } } },
      { where: { title: '1' } },
      { where: { slug: '1' } },
      { where: { slug: null } },
      { where: { slug: 'null' } },
      { where: { OR: [{ views: 1 }, { title: 'x' }] } },
      { where: { AND: [{ views: 1 }, { title: 'x' }] } },
      { where: { NOT: { views: 1 } } },
      { where: { author: { name: 'x' } } },
      { where: { author: { isNot: { name: 'x' } } } },
      { where: { category: null } },
      { where: { tags: { some: { name: 'x' } } } },
      { where: { tags: { every: { name: 'x' } } } },
      { where: { createdAt: new Date(0) } },
      { where: { createdAt: { gt: new Date(0) } } },
      { where: { createdAt: { gt: new Date(1) } } },
      { orderBy: { id: 'asc' } },
      { orderBy: { id: 'desc' } },
      { orderBy: [{ id: 'asc' }, { title: 'asc' }] },
      { orderBy: [{ title: 'asc' }, { id: 'asc' }] },
      { orderBy: { comments: { _count: 'asc' } } },
      { orderBy: { author: { name: 'asc' } } },
      { take: 1 },
      { take: -1 },
      { skip: 1 },
      { cursor: { id: 1 } },
      { cursor: { authorId_slug: { authorId: 1, slug: 'x' } } },
      { distinct: ['title'] },
      { distinct: ['title', 'views'] },
      { select: { id: true } },
      { omit: { id: true } },
      { include: { author: true } },
      { include: { author: { select: { id: true } } } },
      { include: { comments: true } },
      { include: { comments: { take: 1 } } },
      { include: { comments: { include: { author: true } } } },
      { include: { _count: true } },
      { include: { _count: { select: { comments: true } } } },
      { include: { _count: { select: { comments: { where: { text: 'x' } } } } } },
    ]
    const keys = args.flatMap(one => ['findMany', 'findFirst'].map(operation => keyOf('Post', operation, one)))
    expect(new Set(keys.map(key => key.split(' ')[0])).size).toBe(keys.length)
    const numbers = ['count', 'aggregate'].map(operation => keyOf('Post', operation, { where: { views: 1 } }))
    expect(new Set([...keys, ...numbers]).size).toBe(keys.length + 2)
  })

  it('depend on every model that the args mention, wherever they do', () => {
    const on = (args: object) => keyOf('Post', 'findMany', args).split(' ')[1]
    expect(on({})).toBe('{Post}@any')
    expect(on({ where: { OR: [{ author: { profile: { bio: 'x' } } }] } })).toBe('{Post}@any,{Profile}@any,{User}@any')
    expect(on({ orderBy: { category: { parent: { name: 'asc' } } } })).toBe('{Category}@any,{Post}@any')
    expect(on({ include: { comments: { where: { author: { name: 'x' } } } } })).toBe(
      '{Comment}@any,{Post}@any,{User}@any',
    )
    expect(on({ include: { _count: { select: { tags: true } } } })).toBe('{Post}._PostToTag@links,{Post}@any,{Tag}@any')
    expect(on({ where: { tags: { none: { posts: { some: {} } } } } })).toBe(
      '{Post}._PostToTag@links,{Post}@any,{Tag}@any',
    )
  })

  it('that pin a foreign key hang on its tag, unless a relation or a cursor is mentioned', () => {
    const on = (args: object) => keyOf('Post', 'findMany', args).split(' ')[1]
    expect(on({ where: { authorId: 1 } })).toBe('User:1:Post.authorId,{Post}@rows,{Post}@lists')
    expect(on({ where: { authorId: { equals: 1 }, OR: [{ views: 1 }] } })).toBe(
      'User:1:Post.authorId,{Post}@rows,{Post}@lists',
    )
    expect(on({ where: { authorId: null, categoryId: 2 } })).toBe('Category:2:Post.categoryId,{Post}@rows,{Post}@lists')
    for (const args of [
      { where: { authorId: { in: [1] } } },
      { where: { authorId: { not: 1 } } },
      { where: { OR: [{ authorId: 1 }] } },
      { where: { authorId: 1.5 } },
      { where: { categoryId: null } },
      { where: { authorId: 1 }, cursor: { id: 7 } },
    ]) {
      expect(on(args), JSON.stringify(args)).toBe('{Post}@any')
    }
    expect(on({ where: { authorId: 1 }, include: { author: true } })).toBe('{Post}@any,{User}@any')
  })

  it.each([
    ['an unknown field', { where: { nope: 1 } }],
    ['an unknown argument', { nope: 1 }],
    ['an instance of a class', { where: { number: new URL('http://x') } }],
    ['a function', { where: { number: () => 'x' } }],
    ['not a number', { where: { id: Number.NaN } }],
    ['an invalid date', { where: { placedAt: new Date(Number.NaN) } }],
    ['a lone surrogate', { where: { number: '\ud800' } }],
    ['select and include are both given', { select: { id: true }, include: { lines: true } }],
    ['a computed field', { select: { nope: true } }],
    ['where is a list', { where: [] }],
  ])('%s is Prisma’s', (_, args) => {
    expect(planRead(withQueries('Order'), 'findMany', args, client).kind).toBe('bypass')
  })
})

describe('strictUndefinedChecks, with which an undefined is an error of Prisma’s', () => {
  const SKIP = Object.create({}) as object
  const reader = new ArgsReader({ nameOf: () => undefined, isSkip: value => value === SKIP }, true)
  it.each([
    ['in where', { where: { id: 1, email: undefined } }, 'email is undefined'],
    ['in AND', { where: { id: 1, AND: [{ name: undefined }] } }, 'name is undefined'],
    ['as select', { where: { id: 1 }, select: undefined }, 'select is undefined'],
    ['in select', { where: { id: 1 }, select: { id: true, name: undefined } }, 'name is undefined'],
    ['as another arg', { where: { id: 1 }, take: undefined }, 'take is undefined'],
    ['Prisma.skip in where', { where: { id: 1, email: SKIP } }, undefined],
    ['Prisma.skip as select', { where: { id: 1 }, select: SKIP }, undefined],
    ['Prisma.skip in select', { where: { id: 1 }, select: { id: true, name: SKIP } }, undefined],
  ])('%s', (_, args, why) => {
    const planned = planRead(modelNamed('User'), 'findUnique', args, { ...shape(), reader })
    expect(planned.kind === 'bypass' ? planned.why : undefined).toBe(why)
  })
})
