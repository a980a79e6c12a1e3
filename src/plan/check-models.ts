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
    if (!model.view && dependsOn !== undefined) {
      const [first = 'User'] = dependsOn
      throw wrong(
        `models.${name}.dependsOn is for views, and ${name} is a table. Remove it; if a trigger changes ${name} at writes to ` +
          `${first}, write the option triggers: { ${first}: ['${name}'] }.`,
      )
    }
    for (const field of exclude) checkExcluded(model, field)
  }
}

type Warning = readonly [code: 'NO_KEY' | 'OPTION_WITHOUT_EFFECT', message: string]

/** What is no error, and has not the effect that one would expect. */
export function warningsOf(catalog: Catalog, triggers: ReadonlyMap<string, readonly string[]>): readonly Warning[] {
  const warnings: Warning[] = []
  for (const { definition, identities, cached } of catalog.values()) {
    if (cached === undefined || definition.view || identities.length > 0) continue
    const message =
      `models.${definition.name} has no key that rows can be cached by: each has a part without one exact text (Float, a date, ` +
      `a time, citext, inet). Its rows are read from the database; lists and results of it are cached.`
    warnings.push(['NO_KEY', message])
  }
  for (const [name, touched] of triggers) {
    const unused = touched.filter(other => catalog.get(other)?.cached === undefined)
    if (unused.length < touched.length || unused.length === 0) continue
    const message =
      `triggers.${name} has no effect: it names ${unused.join(', ')}, and none of them is cached. Add them to models, or ` +
      `remove it.`
    warnings.push(['OPTION_WITHOUT_EFFECT', message])
  }
  return warnings
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
