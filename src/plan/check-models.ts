/** What is configured for models, checked against the schema. */
import { CacheAsideError, shown } from '../errors.js'
import type { Policy } from '../options.js'
import type { Model, Schema } from '../schema/schema.js'
import type { Catalog } from './catalog.js'
import { nearest } from './nearest.js'

export function checkPolicies({ models }: Schema, policies: ReadonlyMap<string, Policy>): void {
  for (const [name, { exclude, dependsOn }] of policies) {
    const model = models.get(name)
    if (model === undefined) throw unknownModel('models', name, [...models.keys()])
    if (model.scalars.length === 0)
      throw wrong(`models.${name} is a model that the client does not have. Remove it from models.`)
    if (model.view && dependsOn === undefined) {
      throw wrong(
        `models.${name} is a view, and no write says when it changes. Name what it reads: dependsOn: ['User'], or ` +
          `remove it from models.`,
      )
    }
    for (const field of exclude) checkExcluded(model, field)
  }
}

/** Not an error: its lists and results can be cached all the same. */
export function warnOfKeyless(catalog: Catalog): void {
  for (const { definition, identities, cached } of catalog.values()) {
    if (cached === undefined || definition.view || identities.length > 0) continue
    process.emitWarning(
      `models.${definition.name} has no key that rows can be cached by: each has a part without one exact text (Float, a date, ` +
        `a time, citext, inet). Its rows are read from the database; lists and results of it are cached.`,
      'CacheAsideWarning',
    )
  }
}

function checkExcluded({ name, scalars, primaryKey }: Model, field: string): void {
  if (!scalars.some(scalar => scalar.name === field)) {
    const fields = scalars.map(scalar => scalar.name).join(', ')
    throw wrong(`models.${name}.exclude names ${shown(field)}, which is no scalar field of it. There are: ${fields}.`)
  }
  if (primaryKey?.fields.some(key => key.name === field)) {
    throw wrong(
      `models.${name}.exclude names ${shown(field)}, which is part of its primary key. Remove it from exclude.`,
    )
  }
}

export function unknownModel(where: string, name: string, models: readonly string[]): CacheAsideError {
  const meant = nearest(name, models)
  const fix = meant === undefined ? `There are: ${models.join(', ')}.` : `Write ${meant}, as in the schema.`
  return wrong(`${where} names ${shown(name)}, and the schema has no such model. ${fix}`)
}

function wrong(message: string): CacheAsideError {
  return new CacheAsideError('INVALID_MODEL', message)
}
