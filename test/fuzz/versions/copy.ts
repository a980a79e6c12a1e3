/** A blueprint of its own, to be changed. */
import type { Blueprint, Field, Key, Model } from '../schemas/blueprint.js'
import type { ColumnType, EnumType } from '../schemas/types.js'

export type Open<T> = { -readonly [Name in keyof T]: T[Name] }

/** Each as it was first met, copied once. */
class Copies<T> {
  readonly #copies = new Map<T, T>()
  readonly #make: (of: T) => T

  constructor(make: (of: T) => T) {
    this.#make = make
  }

  of(original: T): T {
    let copy = this.#copies.get(original)
    if (copy === undefined) this.#copies.set(original, (copy = this.#make(original)))
    return copy
  }
}

export function copyOf(base: Blueprint): Blueprint {
  const enums = new Copies<EnumType>(each => ({ ...each, members: [...each.members] }))
  const types = new Copies<ColumnType>(each =>
    each.enum === undefined ? each : { ...each, values: [...each.values], enum: enums.of(each.enum) },
  )
  const fields = new Copies<Field>(each => ({
    ...each,
    type: types.of(each.type),
    attributes: [...each.attributes],
    values: [...each.values],
  }))
  const keyOf = ({ fields: all, name }: Key): Key => ({ fields: all.map(each => fields.of(each)), name })
  const models: Copies<Model> = new Copies<Model>(each => ({
    ...each,
    fields: each.fields.map(field => fields.of(field)),
    id: each.id === undefined ? undefined : keyOf(each.id),
    uniques: each.uniques.map(keyOf),
    names: new Set(each.names),
    features: new Set(each.features),
    viewOf: each.viewOf === undefined ? undefined : models.of(each.viewOf),
  }))
  return {
    ...base,
    enums: base.enums.map(each => enums.of(each)),
    models: base.models.map(each => models.of(each)),
    relations: base.relations.map(each => ({
      ...each,
      from: models.of(each.from),
      to: models.of(each.to),
      fields: each.fields.map(field => fields.of(field)),
      references: each.references.map(field => fields.of(field)),
    })),
    links: base.links.map(each => ({ ...each, a: models.of(each.a), b: models.of(each.b) })),
  }
}
