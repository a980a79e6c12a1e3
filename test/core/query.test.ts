import { Decimal } from '@prisma/client/runtime/client'
import { describe, expect, it } from 'vitest'
import { type ClientShape, isRead, planRead, throwsWhenAbsent } from '../../src/query.js'
import { catalog, modelNamed } from './catalog.js'

const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const NOT_PINNED = 'where does not pin the primary key, and nothing else'
const NOT_CANONICAL = 'the id is not spelled canonically'

interface Hidden {
  readonly omit?: Record<string, unknown>
  readonly needed?: readonly string[]
}

function shape({ omit, needed = [] }: Hidden = {}): ClientShape {
  return { globalOmit: () => omit, neededByComputed: (model, name) => needed.includes(`${model}.${name}`) }
}

/** The key and the fields of a row read, or why there is none. */
function plan(model: string, operation: string, args: unknown, hidden?: Hidden): string {
  const planned = planRead(modelNamed(model), operation, args, shape(hidden))
  if (planned.kind === 'bypass') return planned.why
  const names = planned.places?.map(place => planned.model.model.scalars[place]?.name)
  return `${planned.key}${names === undefined ? '' : ` ${names.join()}`}`
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
    ['another unique', { where: { email: 'a@x.org' } }, NOT_PINNED],
    ['the id and another unique', { where: { id: 1, email: 'a@x.org' } }, NOT_PINNED],
    ['the id and undefined', { where: { id: 1, email: undefined } }, NOT_PINNED],
    ['the id and AND', { where: { id: 1, AND: [] } }, NOT_PINNED],
    ['the id and OR', { where: { id: 1, OR: [{ id: 2 }] } }, NOT_PINNED],
    ['the id and NOT', { where: { id: 1, NOT: { name: 'x' } } }, NOT_PINNED],
    ['the id and a relation', { where: { id: 1, posts: { some: {} } } }, NOT_PINNED],
    ['a filter object', { where: { id: { equals: 1 } } }, NOT_CANONICAL],
    ['in', { where: { id: { in: [1] } } }, NOT_CANONICAL],
    ['undefined', { where: { id: undefined } }, NOT_CANONICAL],
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
    ['an id that is inherited', { where: Object.create({ id: 1 }) as object }, NOT_PINNED],
    ['__proto__', { where: JSON.parse('{"__proto__": 1}') as object }, NOT_PINNED],
  ])
})

describe('where of findUnique with a compound id', () => {
  holds('Membership', 'findUnique', [
    ['in schema order', { where: { userId_tenantId: { userId: 1, tenantId: UUID } } }, `Membership:1:${UUID}`],
    ['in another order', { where: { userId_tenantId: { tenantId: UUID, userId: 1 } } }, `Membership:1:${UUID}`],
    ['without a part', { where: { userId_tenantId: { userId: 1 } } }, NOT_PINNED],
    ['with a part more', { where: { userId_tenantId: { userId: 1, tenantId: UUID, role: 'ADMIN' } } }, NOT_PINNED],
    ['a null part', { where: { userId_tenantId: { userId: 1, tenantId: null } } }, NOT_CANONICAL],
    [
      'a part that is a filter',
      { where: { userId_tenantId: { userId: { equals: 1 }, tenantId: UUID } } },
      NOT_CANONICAL,
    ],
    [
      'a part in another spelling',
      { where: { userId_tenantId: { userId: 1, tenantId: UUID.toUpperCase() } } },
      NOT_CANONICAL,
    ],
    ['the fields alone', { where: { userId: 1, tenantId: UUID } }, NOT_PINNED],
    ['beside another filter', { where: { userId_tenantId: { userId: 1, tenantId: UUID }, role: 'ADMIN' } }, NOT_PINNED],
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
  holds('Post', 'findUnique', [['compound', { where: { authorId_slug: { authorId: 1, slug: 'a' } } }, NOT_PINNED]])
  holds('OrderLine', 'findUnique', [
    ['beside a compound id', { where: { orderId_sku: { orderId: 1n, sku: 'a' } } }, NOT_PINNED],
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
    ['undefined: any user', { where: { id: undefined } }, NOT_CANONICAL],
    ['null', { where: { id: null } }, NOT_CANONICAL],
    ['nothing', { where: {} }, NOT_PINNED],
    ['none', {}, NOT_PINNED],
    ['another field', { where: { name: 'Ada' } }, NOT_PINNED],
    ['another unique', { where: { email: 'a@x.org' } }, NOT_PINNED],
    ['the id and another field', { where: { id: 1, name: 'Ada' } }, NOT_PINNED],
    ['the id and undefined', { where: { id: 1, name: undefined } }, NOT_PINNED],
    ['AND', { where: { AND: [{ id: 1 }] } }, NOT_PINNED],
    ['the id and OR', { where: { id: 1, OR: [] } }, NOT_PINNED],
  ])
})

describe('where of findFirst with a compound id', () => {
  holds('Bookmark', 'findFirst', [
    ['all fields', { where: { userId: 1, postId: 2 } }, 'Bookmark:1:2'],
    ['all fields, in another order', { where: { postId: 2, userId: 1 } }, 'Bookmark:1:2'],
    ['one as equals', { where: { userId: { equals: 1 }, postId: 2 } }, 'Bookmark:1:2'],
    ['one field', { where: { userId: 1 } }, NOT_PINNED],
    ['one field twice', { where: { userId: 1, note: null } }, NOT_PINNED],
    ['a null field', { where: { userId: 1, postId: null } }, NOT_CANONICAL],
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
    ['AliasDecimal', 1.5, 'AliasDecimal:1.5'],
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
        ['undefined', { where, take: undefined, skip: undefined, orderBy: undefined, cache: undefined }, 'User:1'],
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
    ['a list', { where, select: ['id'] }, 'select.0 is not a scalar field'],
    ['true', { where, select: true }, 'select of an unknown form'],
    ['a text', { where, select: 'id' }, 'select of an unknown form'],
    ['undefined inside', { where, select: { id: true, name: undefined } }, 'select.name is neither true nor false'],
    ['null inside', { where, select: { id: null } }, 'select.id is neither true nor false'],
    ['a number inside', { where, select: { id: 1 } }, 'select.id is neither true nor false'],
    ['an object inside', { where, select: { id: {} } }, 'select.id is neither true nor false'],
    ['a relation', { where, select: { id: true, posts: true } }, 'select.posts is not a scalar field'],
    ['a relation with args', { where, select: { posts: { take: 1 } } }, 'select.posts is not a scalar field'],
    ['a relation that is false', { where, select: { id: true, posts: false } }, 'select.posts is not a scalar field'],
    ['_count', { where, select: { _count: true } }, 'select._count is not a scalar field'],
    ['a computed field', { where, select: { fullName: true } }, 'select.fullName is not a scalar field'],
    ['a name that every object has', { where, select: { toString: true } }, 'select.toString is not a scalar field'],
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
