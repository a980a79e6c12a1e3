/** Makes the selection of `select`, `include` and `omit`. Every part of them has to be of a form known here. */
import { Memo } from '../memo.js'
import { type Args, isPlain, listText, literalText, ModelsRead, OF_LIST } from './args.js'
import { bypass } from './bypass.js'
import { type Cached, type CatalogModel, isUndecoded } from './catalog.js'
import {
  type ClientTraits,
  COUNT,
  type Counted,
  type Related,
  type Selection,
  type Selections,
  textOfCounted,
  textOfRelated,
} from './selection.js'

/** An application has few queries and runs them often: their selections are remembered by how their args are written. */
export class SelectionCache implements Selections {
  #known = new WeakMap<CatalogModel, Memo<Selection>>()

  /** @throws Bypass */
  of(model: CatalogModel, args: Args, joined: boolean, client: ClientTraits): Selection {
    const text = selectionText(args)
    if (text === undefined) return selectionOf(model, args, joined, client)
    let known = this.#known.get(model)
    if (known === undefined) this.#known.set(model, (known = new Memo()))
    return known.of(joined ? `j${text}` : text, () => selectionOf(model, args, joined, client))
  }

  forget(): void {
    this.#known = new WeakMap()
  }
}

function selectionText({ select, include, omit }: Args): string | undefined {
  if (select === undefined && include === undefined && omit === undefined) return ''
  let text = ''
  for (const part of [select, include, omit]) {
    const literal = literalText(part)
    if (literal === undefined) return undefined
    text += literal
  }
  return text
}

const NOTHING_RELATED: readonly never[] = []

/**
 * @param joined - whether Prisma loads what is related by joins in SQL
 * @throws Bypass
 */
function selectionOf(model: CatalogModel, args: Args, joined: boolean, client: ClientTraits): Selection {
  const { cached } = model
  if (cached === undefined) bypass(`${model.name} is not listed in the option models`)
  // A load selects all fields of the row.
  if (cached.undecoded !== undefined)
    bypass(`Prisma does not decode rows of ${model.name} with its field ${cached.undecoded}`)
  // Prisma takes null for "not given" here.
  const [select, include, omit] = SELECTION.map(name =>
    client.reader.isGiven(args, name) ? (args[name] ?? undefined) : undefined,
  )
  if (omit !== undefined && !isPlain(omit)) bypass('omit is of a form that this version does not know')
  if (select === undefined) {
    const all = omit === undefined && cached.policy.exclude.size === 0 && client.globalOmit(model.name) === undefined
    if (all && include === undefined) return wholeRow(model, cached)
    const fieldIndexes = remaining(model, cached, { ...client.globalOmit(model.name), ...omit }, client)
    if (include === undefined) return scalarsOnly(model, cached, fieldIndexes)
    if (!isPlain(include)) bypass('include is of a form that this version does not know')
    const parts = relationsOf(model, 'include', include, joined, client, () => false)
    return withRelations(
      model,
      cached,
      fieldIndexes,
      parts,
      (fieldIndexes?.map(index => cached.fieldNames[index] as string) ?? cached.fieldNames).concat(parts.order),
    )
  }
  if (omit !== undefined) bypass('select and omit are both given')
  if (include !== undefined) bypass('select and include are both given')
  if (!isPlain(select)) bypass('select is of a form that this version does not know')
  const fieldIndexes: number[] = []
  const isScalar = (name: string, value: unknown) => {
    if (!cached.scalarNames.includes(name) && !client.computed.has(model.name, name)) return false
    const index = cached.fieldIndex.get(name)
    if (value === false) return true
    if (client.computed.has(model.name, name)) bypass(`select.${name} is a computed field`)
    if (index === undefined) bypass(`select.${name} is not a field that can be cached`)
    if (value !== true) bypass(`select.${name} must be true or false`)
    fieldIndexes.push(index)
    return true
  }
  const parts = relationsOf(model, 'select', select, joined, client, isScalar)
  if (parts.order.length === 0) bypass('select selects nothing')
  return parts.related.length + parts.counted.length === 0
    ? scalarsOnly(model, cached, fieldIndexes)
    : withRelations(model, cached, fieldIndexes, parts, parts.order)
}

const wholeRows = new WeakMap<Cached, Selection>()

function wholeRow(model: CatalogModel, cached: Cached): Selection {
  let selection = wholeRows.get(cached)
  if (selection === undefined) wholeRows.set(cached, (selection = scalarsOnly(model, cached, undefined)))
  return selection
}

function scalarsOnly(model: CatalogModel, cached: Cached, fieldIndexes: readonly number[] | undefined): Selection {
  const text = scalarsText(model, cached, fieldIndexes)
  return { model, cached, fieldIndexes, related: NOTHING_RELATED, counted: NOTHING_RELATED, order: undefined, text }
}

function scalarsText(
  { definition }: CatalogModel,
  { codec }: Cached,
  fieldIndexes: readonly number[] | undefined,
): string {
  // The fingerprint keeps processes with another schema apart.
  const fields = fieldIndexes === undefined ? '*' : fieldIndexes.toSorted((a, b) => a - b).join()
  return `${definition.name}#${codec.name}[${fields}]`
}

interface SelectedRelations {
  readonly related: readonly Related[]
  readonly counted: readonly Counted[]
  readonly order: readonly string[]
}

function withRelations(
  model: CatalogModel,
  cached: Cached,
  fieldIndexes: readonly number[] | undefined,
  { related, counted }: SelectedRelations,
  order: readonly string[],
): Selection {
  const texts = [...related.map(textOfRelated), ...counted.map(textOfCounted)]
  return {
    model,
    cached,
    fieldIndexes,
    related,
    counted,
    order,
    text: scalarsText(model, cached, fieldIndexes) + texts.toSorted().join(''),
  }
}

/** Relations and counts of an `include` or a `select`. */
function relationsOf(
  model: CatalogModel,
  word: 'include' | 'select',
  selection: Args,
  joined: boolean,
  client: ClientTraits,
  isScalar: (name: string, value: unknown) => boolean,
): SelectedRelations {
  const related: Related[] = []
  const counted: Counted[] = []
  const order: string[] = []
  for (const name of Object.keys(selection)) {
    const value = selection[name]
    if (!client.reader.isGiven(selection, name)) {
      // Prisma refuses names that it does not know, whatever their value.
      const isField = word === 'select' && model.definition.scalars.some(field => field.name === name)
      if (!isField && name !== COUNT && !model.relations.has(name))
        bypass(`${word}.${name} is not a field that can be cached`)
      continue
    }
    if (isScalar(name, value)) {
      if (value === true) order.push(name)
      continue
    }
    if (value === false) {
      if (name === COUNT || model.relations.has(name)) continue
      bypass(`${word}.${name} is not a field that can be cached`)
    }
    if (client.computed.has(model.name, name)) bypass(`${word}.${name} is a computed field`)
    if (isUndecoded({ name, column: name })) bypass(`Prisma does not decode rows with ${word}.${name}`)
    if (name === COUNT) counted.push(...countedOf(model, value, client))
    else related.push(relatedOf(model, `${word}.${name}`, name, value, joined, client))
    order.push(name)
  }
  return { related, counted, order }
}

const OF_ONE = ['where']
const SELECTION = ['select', 'include', 'omit']

function relatedOf(
  model: CatalogModel,
  where: string,
  name: string,
  value: unknown,
  joined: boolean,
  client: ClientTraits,
): Related {
  const relation = model.relations.get(name)
  if (relation === undefined || relation.field.hidden) bypass(`${where} is not a field that can be cached`)
  const { target, field } = relation
  const args = value === true ? {} : value
  if (!isPlain(args)) bypass(`${where} is of a form that this version does not know`)
  const known = field.list ? OF_LIST : OF_ONE
  const unknown = Object.keys(args).find(key => !known.includes(key) && !SELECTION.includes(key))
  if (unknown !== undefined) bypass(`${where}.${unknown} is unknown`)
  const modelsRead = new ModelsRead()
  modelsRead.model(target)
  modelsRead.models.delete(target)
  return {
    name,
    relation,
    args: value === true ? true : args,
    text: listText(target, args, client.reader, modelsRead),
    modelsRead,
    hasCursor: client.reader.isGiven(args, 'cursor'),
    joined,
    selection: selectionOf(target, args, joined, client),
  }
}

function countedOf(model: CatalogModel, value: unknown, { reader }: ClientTraits): Counted[] {
  const select = isPlain(value) ? value.select : undefined
  if (value !== true && (!isPlain(select) || Object.keys(value as object).length > 1))
    bypass('_count is of a form that this version does not know')
  const lists = [...model.relations.values()].filter(({ field }) => field.list && !field.hidden)
  const counted: Counted[] = []
  const given = isPlain(select) ? select : Object.fromEntries(lists.map(({ field }) => [field.name, true]))
  for (const name of Object.keys(given)) {
    const of = given[name]
    if (of === false || !reader.isGiven(given, name)) continue
    const relation = lists.find(({ field }) => field.name === name)
    if (relation === undefined) bypass(`_count.${name} is not a list`)
    const modelsRead = new ModelsRead()
    modelsRead.model(relation.target)
    modelsRead.models.delete(relation.target)
    if (of !== true && (!isPlain(of) || Object.keys(of).some(key => key !== 'where'))) {
      bypass(`_count.${name} is of a form that this version does not know`)
    }
    const args = of
    counted.push({
      name,
      relation,
      args,
      text: args === true ? '' : listText(relation.target, args, reader, modelsRead),
      modelsRead,
    })
  }
  if (counted.length === 0) bypass('_count counts nothing')
  return counted
}

/** Indexes of what `omit` leaves; undefined for all. */
function remaining(
  { definition }: CatalogModel,
  { fieldIndex, scalarNames: names }: Cached,
  omit: Args,
  client: ClientTraits,
): readonly number[] | undefined {
  for (const name of Object.keys(omit)) {
    if (!names.includes(name)) bypass(`omit.${name} is not a scalar field`)
    const isOptional = !client.reader.isGiven(omit, name) && client.globalOmit(definition.name)?.[name] === undefined
    if (isOptional) continue
    if (omit[name] !== true && omit[name] !== false) bypass(`omit.${name} must be true or false`)
    if (omit[name] && client.computed.needs(definition.name, name)) bypass(`omit.${name}: a computed field needs it`)
  }
  const wanted: number[] = []
  for (const name of names) {
    if (omit[name] === true) continue
    const index = fieldIndex.get(name)
    if (index === undefined) bypass(`${name} is excluded from the cache`)
    wanted.push(index)
  }
  if (wanted.length === names.length) return undefined
  return wanted.length === 0 ? bypass('omit leaves nothing') : wanted
}
