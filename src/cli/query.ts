/** What the caller of the command line means: a row, a query, or a key of Redis. */
import type { Catalog, CatalogModel } from '../plan/catalog.js'
import { isPlain, ArgsReader } from '../plan/args.js'
import { SelectionCache } from '../plan/make-selection.js'
import { type CachedPlan, planRead } from '../plan/read.js'
import { nearest } from '../plan/nearest.js'
import type { ClientTraits } from '../plan/selection.js'
import type { Schema, ScalarField } from '../schema/schema.js'
import { encodeId } from '../wire/keys.js'
import { Failure } from './failure.js'

export type Target =
  | { readonly kind: 'query'; readonly model: CatalogModel; readonly plan: CachedPlan }
  | { readonly kind: 'key'; readonly key: string }

interface Known {
  readonly catalog: Catalog
  readonly schema: Schema
  readonly prefix: string
}

/**
 * `User:42`, `User '{"email":"…"}'`, `Post.findMany '{"where":{…}}'`, or a key of Redis as it is.
 *
 * @throws Failure when the model, the JSON or the query is none that is cached
 */
export function targetOf(known: Known, what: string, json: string | undefined): Target {
  const { catalog, prefix } = known
  const [, name = '', operation] = /^(\w+)(?:\.(\w+))?$/.exec(what) ?? []
  if (name === '' || (operation === undefined && json === undefined && !catalog.has(name))) {
    return { kind: 'key', key: keyOf(catalog, prefix, what) }
  }
  const model = modelNamed(catalog, name)
  if (json === undefined && operation === undefined) {
    throw new Failure(`Which row of ${name}? Write ${name}:42, or ${name} '{"email":"…"}'`)
  }
  const given = jsonOf(json ?? '{}')
  const args = argsOf(model, operation === undefined ? { where: given } : given)
  const plan = planRead(model, operation ?? 'findUnique', args, traitsOf(known.schema))
  if (plan.kind === 'bypass') throw new Failure(`Such a query is not cached: ${plan.why}`)
  return { kind: 'query', model, plan }
}

/** @throws Failure */
export function modelNamed(catalog: Catalog, name: string): CatalogModel {
  const model = catalog.get(name)
  if (model !== undefined) return model
  const meant = nearest(name, [...catalog.keys()])
  const hint = meant === undefined ? `It has: ${[...catalog.keys()].join(', ')}` : `Did you mean ${meant}?`
  throw new Failure(`The schema has no model named ${name}. ${hint}`)
}

/** An id as people write it: `User:ada@x.org` is stored at `User:ada%40x.org`. */
function keyOf(catalog: Catalog, prefix: string, what: string): string {
  const name = what.startsWith(prefix) ? what.slice(prefix.length) : what
  const [, modelName = '', id = ''] = /^(\w+):(.+)$/s.exec(name) ?? []
  if (/^[A-Za-z]/.test(modelName)) modelNamed(catalog, modelName)
  const model = catalog.get(modelName)
  const isOneColumn = model?.identity?.names.length === 1
  if (model === undefined || !isOneColumn || /[%:*]/.test(id)) return prefix + name
  return model.keys.row(encodeId([id]))
}

/** @throws Failure */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure(`That is no JSON: ${(error as Error).message}. Write it as '{"email":"ada@example.com"}'`)
  }
}

/** The args of a query from JSON, which has no dates, bigints or bytes: texts become what the schema says. */
export function argsOf(model: CatalogModel, json: unknown): unknown {
  if (Array.isArray(json)) return json.map(each => argsOf(model, each))
  if (!isPlain(json)) return json
  const fields = new Map(model.definition.scalars.map(field => [field.name, field]))
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const field = fields.get(name)
      const relation = model.relations.get(name)
      if (field !== undefined) return [name, valueOf(field, value)]
      return [name, argsOf(relation?.target ?? model, value)]
    }),
  )
}

function valueOf(field: ScalarField, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(each => valueOf(field, each))
  if (isPlain(value) && field.type !== 'Json') {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, valueOf(field, each)]))
  }
  if (typeof value !== 'string' && typeof value !== 'number') return value
  if (field.type === 'DateTime') return new Date(value)
  if (field.type === 'BigInt') return bigIntOf(field, value)
  if (field.type === 'Bytes' && typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'))
  return value
}

function bigIntOf({ name }: ScalarField, value: string | number): bigint {
  try {
    return BigInt(value)
  } catch {
    throw new Failure(`${name} is a whole number, got ${JSON.stringify(value)}`)
  }
}

/** Of a client without extensions and without a global `omit`. */
function traitsOf({ previewFeatures }: Schema): ClientTraits {
  return {
    globalOmit: () => undefined,
    computed: { isEmpty: true, has: () => false, needs: () => false, addThoseOf: () => false },
    reader: new ArgsReader(
      { nameOf: () => undefined, isSkip: () => false },
      previewFeatures.has('strictUndefinedChecks'),
    ),
    joins: previewFeatures.has('relationJoins'),
    unseen: undefined,
    selections: new SelectionCache(),
  }
}
