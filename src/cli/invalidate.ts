/** `invalidate`: what `$cache.invalidate…` does, from outside. */
import { anyWrite, type Effects } from '../plan/effects.js'
import { anyWriteTo, outsideWrite } from '../plan/write.js'
import { staleByOthers } from '../fleet/versions.js'
import { tagKey, valuesEpoch } from '../wire/keys.js'
import type { Cache } from './cache.js'
import { Failure } from './failure.js'
import { argsOf, jsonOf, modelNamed } from './query.js'
import type { Printer } from './print.js'

export interface Invalidated {
  /** What was invalidated, in words. */
  readonly what: string
  readonly keys: readonly string[]
  /** How many of the keys were there. */
  readonly deleted: number
}

/** @throws Failure when it is not said what */
export async function invalidate(
  cache: Cache,
  {
    what,
    json,
    tags,
    all,
  }: { what: string | undefined; json: string | undefined; tags: readonly string[]; all: boolean },
): Promise<Invalidated> {
  const { catalog, prefix, redis } = cache
  if (all) return del(cache, 'everything', anyWrite(catalog), [valuesEpoch(prefix)])
  if (tags.length > 0) {
    const keys = tags.map(tag => tagKey(prefix, tag))
    const deleted = await countDeleted(redis, keys)
    return { what: `what has the tag ${tags.join(' or ')}`, keys, deleted }
  }
  const [, name, id] = /^(\w+)(?::(.+))?$/s.exec(what ?? '') ?? []
  if (name === undefined) {
    throw new Failure(`Invalidate what? Write invalidate User:42, User '{"email":"…"}', User, --tag finance, or --all`)
  }
  const model = modelNamed(catalog, name)
  if (id === undefined && json === undefined) return del(cache, `all of ${name}`, anyWriteTo(catalog, [model]))
  const where = json === undefined ? whereOf(id as string) : argsOf(model, jsonOf(json))
  const effects = outsideWrite(catalog, model, where)
  const isAll = effects.unnamedModels.includes(name)
  return del(
    cache,
    isAll ? `all rows of ${name}, as the key may be spelled in several ways` : `one row of ${name}`,
    effects,
  )

  function whereOf(text: string): unknown {
    const fields = model.definition.primaryKey?.fields ?? []
    const parts = text.split(':').map(decoded)
    if (fields.length !== parts.length) {
      throw new Failure(
        `The key of ${name} is ${fields.map(field => field.name).join(', ')}. Write it as JSON: ${name} '{…}'`,
      )
    }
    const values = fields.map((field, i) => {
      const isNumber = field.type === 'Int' || field.type === 'Float'
      return [field.name, isNumber ? Number(parts[i]) : parts[i]] as const
    })
    const given = argsOf(model, Object.fromEntries(values)) as Record<string, unknown>
    return fields.length === 1 ? given : { [model.definition.primaryKey?.name ?? '']: given }
  }
}

/** @throws Failure when a `%` in it stands for nothing */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Failure(`${part} is no part of a key: write % as %25`)
  }
}

/** Also what other versions of the schema that are in use believe to be stale. */
async function del(cache: Cache, what: string, effects: Effects, more: readonly string[] = []): Promise<Invalidated> {
  const { prefix, buckets, version, fleet } = cache
  const { keys } = effects.invalidation()
  const others = fleet?.versions.flatMap(({ digest, isAlive, knowledge }) => {
    if (!isAlive || digest === version.digest) return []
    return knowledge === undefined
      ? version.epochs.map(epoch => prefix + epoch)
      : staleByOthers(effects, version, knowledge, prefix)
  })
  const names = [...keys, ...more, ...(others ?? [])]
  const stale = [...new Set(names.flatMap(name => buckets.prefixes.map((_, bucket) => buckets.nameIn(bucket, name))))]
  return { what, keys: stale, deleted: await countDeleted(cache.redis, stale) }
}

async function countDeleted(redis: Cache['redis'], keys: readonly string[]): Promise<number> {
  // One by one: on a Cluster they are on several nodes.
  const deleted = await Promise.all(keys.map(key => redis.del(key)))
  return deleted.reduce((sum, count) => sum + count, 0)
}

export function printInvalidated(printer: Printer, { what, keys, deleted }: Invalidated): void {
  if (printer.isJson) return printer.json({ what, keys, deleted })
  printer.line(`Invalidated ${what}: ${keys.length} keys, ${deleted} of them were stored.`)
}
