/** Random reads of a generated schema. */
import type { Read } from '../reads.js'
import { type End, keysOf, type Model } from './blueprint.js'
import {
  type Args,
  endsIn,
  type Ground,
  objectOf,
  orderOf,
  scalarWhere,
  uniqueWhere,
  visible,
  visibleModels,
  whereOf,
} from './values.js'

export interface SchemaRead extends Read {
  /** All that it looks at, the model that it is of first. */
  readonly models: readonly Model[]
}

/** Args are made together with what is known of them. */
interface Making {
  readonly g: Ground
  readonly models: Set<Model>
  unordered: boolean
}

/** @param near - models that are about to be written: most reads are of them, and of their views */
export function readOf(g: Ground, near: readonly Model[] = []): SchemaRead {
  const { d } = g
  const all = visibleModels(g.blueprint)
  const some = all.filter(model => near.includes(model.viewOf ?? model))
  const model = d(some.length > 0 && d.chance(60) ? some : all)
  if (d.chance(35)) {
    const lists = all.flatMap(parent => listsOf(g, parent, near))
    if (lists.length > 0) return listOfRow(g, d(lists))
  }
  const making: Making = { g, models: new Set([model]), unordered: false }
  const operation = operationOf(g, model)
  const args = argsOf(making, model, operation)
  if (
    g.blueprint.preview.includes('relationJoins') &&
    d.chance(40) &&
    ('include' in args || 'select' in args) &&
    operation.startsWith('find')
  ) {
    args['relationLoadStrategy'] = d(['join', 'query'])
  }
  const fluent =
    operation === 'findUnique' && !('include' in args) && !('select' in args) && !('omit' in args)
      ? fluentOf(making, model)
      : undefined
  const { delegate } = model
  return {
    shape: operation,
    delegate,
    operation,
    args,
    ...(fluent !== undefined && { fluent }),
    ...(making.unordered && { unordered: true }),
    models: [...making.models],
  }
}

interface ListAt {
  readonly parent: Model
  readonly end: End
}

/** Lists under rows of the parent, of models that are near. */
function listsOf(g: Ground, parent: Model, near: readonly Model[]): ListAt[] {
  if (keysOf(parent).length === 0) return []
  const lists = endsIn(g, parent).filter(({ list, target }) => list && near.includes(target))
  return lists.map(end => ({ parent, end }))
}

/** The plainest read of a list: one under its own tag. */
function listOfRow(g: Ground, { parent, end }: ListAt): SchemaRead {
  const orderBy = orderOf(g, end.target)
  return {
    shape: 'findUnique',
    delegate: parent.delegate,
    operation: 'findUnique',
    args: {
      where: uniqueWhere(g, parent),
      include: objectOf([[end.field, orderBy === undefined ? true : { orderBy }]]),
    },
    ...(orderBy === undefined && { unordered: true }),
    models: [parent, end.target],
  }
}

function operationOf({ d }: Ground, model: Model): string {
  const single = ['findUnique', 'findUnique', 'findUnique', 'findUnique', 'findUniqueOrThrow']
  const others = [
    'findFirst',
    'findFirst',
    'findFirstOrThrow',
    'findMany',
    'findMany',
    'findMany',
    'count',
    'aggregate',
    'groupBy',
  ]
  return d(keysOf(model).length === 0 ? others : [...single, ...others])
}

function argsOf(making: Making, model: Model, operation: string): Args {
  const { g } = making
  const { d } = g
  switch (operation) {
    case 'findUnique':
    case 'findUniqueOrThrow': {
      const where = uniqueWhere(g, model)
      const more = d.chance(10) ? scalarWhere(g, model) : {}
      return { where: objectOf([...Object.entries(more), ...Object.entries(where)]), ...shapeOf(making, model, 2) }
    }
    case 'findFirst':
    case 'findFirstOrThrow':
    case 'findMany': {
      const orderBy = orderOf(g, model)
      const paged = orderBy === undefined ? {} : pageOf(g, model, operation !== 'findMany')
      if (orderBy === undefined && operation !== 'findMany') return { where: uniqueOr(g, model) }
      if (orderBy === undefined) making.unordered = true
      const list = operation === 'findMany' && d.chance(35) ? keyListOf(g, model) : undefined
      if (list !== undefined) {
        making.unordered = true
        const more = d.chance(20) ? scalarWhere(g, model) : {}
        return { where: objectOf([...Object.entries(more), list]), ...shapeOf(making, model, 2) }
      }
      return {
        ...(d.chance(70) && { where: whereOf(g, model) }),
        ...(orderBy !== undefined && { orderBy }),
        ...paged,
        ...shapeOf(making, model, 2),
      }
    }
    case 'count':
      return { ...(d.chance(60) && { where: whereOf(g, model) }), ...(d.chance(20) && { select: { _all: true } }) }
    case 'aggregate':
      return { ...(d.chance(60) && { where: whereOf(g, model) }), _count: true, ...aggregatesOf(g, model) }
    default: {
      const by = visible(model).filter(({ list, type }) => !list && type.collation === undefined)
      const some = [...new Set([d(by.length > 0 ? by : visible(model)), d(by.length > 0 ? by : visible(model))])]
      making.unordered = true
      return {
        by: some.map(({ name }) => name),
        ...(d.chance(40) && { where: whereOf(g, model) }),
        _count: true,
        ...aggregatesOf(g, model),
      }
    }
  }
}

/** `id: { in: […] }`, of a unique of one field. */
function keyListOf(g: Ground, model: Model): [string, object] | undefined {
  if (keysOf(model).length === 0) return undefined
  const named = Array.from({ length: g.d([1, 2, 3, 4]) }, () => Object.entries(uniqueWhere(g, model)))
  const [name] = named[0]?.[0] ?? []
  const values = named.flatMap(([entry]) => (entry?.[0] === name && entry !== undefined ? [entry[1]] : []))
  const isField = name !== undefined && visible(model).some(field => field.name === name)
  return isField ? [name, { in: values }] : undefined
}

/** A first match of which there is only one. */
function uniqueOr(g: Ground, model: Model): Args {
  const key = keysOf(model)[0]
  return key === undefined ? objectOf(visible(model).map(({ name }) => [name, { in: [] }])) : uniqueWhere(g, model)
}

function aggregatesOf({ d }: Ground, model: Model): Args {
  const numbers = visible(model).filter(({ type, list }) => type.numeric === true && !list)
  if (numbers.length === 0) return {}
  return { [d(['_sum', '_avg', '_min', '_max'])]: objectOf([[d(numbers).name, true]]) }
}

function pageOf(g: Ground, model: Model, first: boolean): Args {
  const { d } = g
  const distinct = visible(model).filter(
    ({ list, type }) => !list && type.prisma !== 'Json' && type.collation === undefined,
  )
  return {
    ...(!first && d.chance(25) && { take: d([1, 2, -1]) }),
    ...(d.chance(10) && { skip: 1 }),
    ...(keysOf(model).length > 0 && d.chance(8) && { cursor: uniqueWhere(g, model) }),
    ...(distinct.length > 0 && d.chance(8) && { distinct: [d(distinct).name] }),
  }
}

// ---- what of the rows

function shapeOf(making: Making, model: Model, depth: number): Args {
  const { d } = making.g
  const roll = d([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3])
  const related = depth === 0 ? [] : relatedOf(making, model, depth)
  if (roll === 0 || (roll === 1 && related.length === 0)) return {}
  const scalars = visible(model)
  if (roll === 1) return { include: objectOf(related) }
  if (roll === 2) {
    const some = [d(scalars), d(scalars)].map(({ name }) => [name, true] as const)
    return { select: objectOf([...some, ...related]) }
  }
  return scalars.length < 2 ? {} : { omit: objectOf([[d(scalars).name, true]]) }
}

function relatedOf(making: Making, model: Model, depth: number): [string, unknown][] {
  const { g } = making
  const { d } = g
  const ends = endsIn(g, model)
  const some = ends.filter(() => d.chance(45))
  const entries = some.map(({ field, target, list }): [string, unknown] => {
    making.models.add(target)
    const inner = shapeOf(making, target, depth - 1)
    return [field, list ? listOf(making, target, inner) : Object.keys(inner).length > 0 ? inner : true]
  })
  const lists = ends.filter(({ list }) => list)
  if (lists.length > 0 && d.chance(15)) {
    const { field, target } = d(lists)
    making.models.add(target)
    entries.push(['_count', { select: objectOf([[field, d.chance(30) ? { where: scalarWhere(g, target) } : true]]) }])
  }
  return entries
}

function listOf(making: Making, target: Model, inner: Args): unknown {
  const { g } = making
  const orderBy = orderOf(g, target)
  if (orderBy === undefined || g.d.chance(25)) {
    making.unordered = true
    return Object.keys(inner).length > 0 ? inner : true
  }
  return {
    ...inner,
    orderBy,
    ...(g.d.chance(25) && { where: whereOf(g, target, 1) }),
    ...(g.d.chance(15) && { take: g.d([1, 2]) }),
  }
}

function fluentOf(making: Making, model: Model): [string, unknown?][] | undefined {
  const { g } = making
  const ends = endsIn(g, model)
  if (ends.length === 0 || !g.d.chance(15)) return undefined
  const { field, target, list } = g.d(ends)
  // Names of a delegate's own promise.
  if (['then', 'catch', 'finally', 'constructor'].includes(field)) return undefined
  making.models.add(target)
  if (!list) return [[field]]
  const orderBy = orderOf(g, target)
  if (orderBy === undefined) {
    making.unordered = true
    return [[field]]
  }
  return [[field, { orderBy }]]
}
