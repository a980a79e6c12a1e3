/** Random schemas that Prisma accepts. Everything follows from the seed. */
import { diceOf, numbersFrom } from '../dice.js'
import {
  type Action,
  type Blueprint,
  featuresOf,
  type Field,
  type Key,
  type Links,
  type Model,
  type Relation,
} from './blueprint.js'
import { allows, FEATURES, NEEDED } from './features.js'
import { ModelMaker } from './models.js'
import { type ColumnType, literal, literalDefault, TYPES } from './types.js'

export function blueprintOf(seed: number, without: readonly string[] = []): Blueprint {
  return new Generator(diceOf(numbersFrom(seed * 7919 + 17, 30_011)), seed, allows(without)).blueprint()
}

/** Seeds whose schemas have between them each feature so often, few of them. */
export function coveringSeeds(often: number, without: readonly string[] = [], among = 400): number[] {
  const candidates = Array.from({ length: among }, (_, n) => n + 1).map(seed => ({
    seed,
    features: [...featuresOf(blueprintOf(seed, without))],
  }))
  const wanted = new Map(FEATURES.filter(allows(without)).map(feature => [feature, often]))
  const chosen: number[] = []
  for (;;) {
    const gain = ({ seed, features }: (typeof candidates)[number]) =>
      chosen.includes(seed) ? 0 : features.filter(feature => (wanted.get(feature) ?? 0) > 0).length
    const best = candidates.reduce((a, b) => (gain(b) > gain(a) ? b : a))
    if (gain(best) === 0) return chosen
    chosen.push(best.seed)
    for (const feature of best.features) wanted.set(feature, (wanted.get(feature) ?? 0) - 1)
  }
}

/** The next seeds of schemas that can show that a rule of writes is left out. */
export function seedsFor(rule: string, from: number, count: number, without: readonly string[] = []): number[] {
  const needed = NEEDED[rule]
  const seeds: number[] = []
  for (let seed = from; seeds.length < count; seed++) {
    const features = [...featuresOf(blueprintOf(seed, without))]
    if (needed === undefined || features.some(name => needed.some(each => name.startsWith(each)))) seeds.push(seed)
  }
  return seeds
}

/** … and what is between them. */
class Generator extends ModelMaker {
  blueprint(): Blueprint {
    const d = this.d
    const count = d([3, 4, 4, 5, 5, 6])
    for (let n = 0; n < count; n++) this.model()
    for (let n = d([2, 3, 4, 5, 6]); n > 0; n--) {
      const { relations, models } = this.result
      const again = relations.length > 0 && d.chance(20) ? d(relations) : undefined
      this.#relation(again?.from ?? d(models), again?.to ?? d(models))
    }
    if (this.may(35, 'relation: explicit many to many')) this.#explicitLinks()
    if (this.may(25, 'relation: one to one by its id')) this.#partOf()
    for (let n = d([0, 1, 1, 2]); n > 0; n--) this.#links(d(this.result.models), d(this.result.models))
    if (this.may(30, '@@ignore')) this.#ignoredModel()
    if (this.may(30, 'view')) this.#view()
    return this.result
  }

  // ---- relations

  #keysToReference(model: Model): Key[] {
    const visible = (key: Key) => key.fields.every(({ hidden }) => !hidden)
    const uniques = model.uniques.filter(key => key.fields.every(({ optional }) => !optional))
    return [...(model.id === undefined ? [] : [model.id, model.id]), ...uniques].filter(visible)
  }

  /** Fields of `from` that reference a key. */
  #relation(from: Model, to: Model, options: { inId?: 'part' | 'whole' } = {}): Relation | undefined {
    const d = this.d
    const keys = this.#keysToReference(to)
    if (keys.length === 0) return undefined
    const key = d(keys)
    const features: string[] = []
    if (key.fields.length > 1) features.push('relation: composite')
    if (key !== to.id) features.push('relation: to a unique')
    const { inId } = options
    const one = inId === 'whole' || (inId === undefined && d.chance(30))
    const required = inId !== undefined || (from !== to && d.chance(45))
    if (from === to) features.push(one ? 'relation: self, one to one' : 'relation: self, one to many')
    else features.push(one ? 'relation: one to one' : 'relation: one to many')
    const partly = !required && key.fields.length > 1 && d.chance(40)
    features.push(required ? 'relation: required' : partly ? 'relation: partly optional' : 'relation: optional')
    const shared = from === to || one || inId !== undefined ? undefined : this.#sharable(from, key)
    if (shared !== undefined) features.push('relation: column shared by two')
    const twice =
      this.result.relations.some(
        each => (each.from === from && each.to === to) || (each.from === to && each.to === from),
      ) || this.result.links.some(({ a, b }) => (a === from && b === to) || (a === to && b === from))
    if (twice) features.push('relation: two between the same models')
    if (!features.every(this.allows)) return undefined

    const onDelete = this.#action(required || partly, features, 'onDelete', key, shared !== undefined)
    const onUpdate = this.#action(required || partly, features, 'onUpdate', key, shared !== undefined)
    if (!features.every(this.allows)) return undefined
    const base = to.delegate
    const fields = key.fields.map((referenced, n) => {
      if (shared?.references === referenced) return shared.field
      const optional = !required && !(partly && n === 0)
      const wantsDefault = onDelete === 'SetDefault' || onUpdate === 'SetDefault'
      const spelled = wantsDefault ? literalDefault(referenced.type, referenced.values[0]) : undefined
      const field = this.field(
        from,
        referenced.type,
        {
          optional,
          values: referenced.values,
          ...(spelled !== undefined && {
            attributes: [`@default(${spelled})`],
            default: literal(referenced.type, referenced.values[0]),
          }),
        },
        [`${base}${referenced.name.charAt(0).toUpperCase()}${referenced.name.slice(1)}`, `${base}Ref`],
      )
      field.foreign = true
      field.generated = referenced.generated
      return field
    })
    if (one && inId === undefined) from.uniques.push({ fields, name: undefined })
    const relation: Relation = {
      name: twice || from === to ? `r${this.result.relations.length}${d(['', '_x'])}` : undefined,
      from,
      field: this.#relationName(from, [base, `the${to.name}`]),
      fields,
      to,
      references: key.fields,
      back: this.#relationName(to, one ? [`${from.delegate}One`] : [`${from.delegate}s`, `${from.delegate}List`]),
      one,
      optional: fields.some(each => each.optional),
      onDelete,
      onUpdate,
    }
    this.result.relations.push(relation)
    for (const feature of features) {
      from.features.add(feature)
      to.features.add(feature)
    }
    return relation
  }

  #relationName(model: Model, pool: readonly string[]): string {
    const words = ['some', 'every', 'none', 'is', 'isNot', 'data', 'where', 'select', 'set', 'connect', 'create']
    const word = this.d(words)
    const feature = words.indexOf(word) < 5 ? 'names: words of filters' : 'names: words of args'
    if (!this.may(12, feature) || model.names.has(word)) return this.name(model, pool)
    model.features.add(feature)
    return this.name(model, [word])
  }

  /** A column that already references something of the same type. */
  #sharable(from: Model, key: Key): { field: Field; references: Field } | undefined {
    if (!this.may(60, 'relation: column shared by two')) return undefined
    for (const references of key.fields) {
      const field = from.fields.find(each => each.foreign && each.type === references.type)
      if (field !== undefined && (!field.optional || key.fields.length === 1)) return { field, references }
    }
    return undefined
  }

  #action(
    keepsNulls: boolean,
    features: string[],
    when: 'onDelete' | 'onUpdate',
    key: Key,
    shared: boolean,
  ): Action | undefined {
    const d = this.d
    if (d.chance(25) && !shared) {
      features.push(`${when}: by default`)
      return undefined
    }
    const hasDefault =
      key.fields.length === 1 &&
      literalDefault(key.fields[0]?.type as ColumnType, key.fields[0]?.values[0]) !== undefined
    const all: Action[] = ['Cascade', 'Cascade', 'Restrict', 'NoAction']
    if (!keepsNulls && !shared) all.push('SetNull', 'SetNull')
    if (hasDefault && !shared) all.push('SetDefault', 'SetDefault')
    const action = d(all)
    features.push(`${when}: ${action}`)
    return action
  }

  #explicitLinks(): void {
    const { models } = this.result
    const ends = models.filter(model => this.#keysToReference(model).length > 0)
    if (ends.length < 2) return
    const [a, b] = [this.d(ends), this.d(ends)]
    if (a === b) return
    const model = this.emptyModel()
    const relations = [this.#relation(model, a, { inId: 'part' }), this.#relation(model, b, { inId: 'part' })]
    const fields = [...new Set(relations.flatMap(relation => relation?.fields ?? []))]
    if (fields.length === 0) fields.push(this.field(model, TYPES[0] as ColumnType, {}))
    model.id = { fields, name: undefined }
    this.scalar(model)
    if (relations.some(relation => relation === undefined)) return
    for (const each of [model, a, b]) {
      each.features.add('relation: explicit many to many')
      each.features.add('relation: in an id')
    }
  }

  /** A model whose id is the foreign key. */
  #partOf(): void {
    const ends = this.result.models.filter(model => this.#keysToReference(model).length > 0)
    if (ends.length === 0) return
    const whole = this.d(ends)
    const model = this.emptyModel()
    const fields = this.#relation(model, whole, { inId: 'whole' })?.fields ?? [
      this.field(model, TYPES[0] as ColumnType, {}),
    ]
    model.id = { fields, name: undefined }
    this.scalar(model)
    if (model.fields.some(({ foreign }) => foreign))
      for (const each of [model, whole]) each.features.add('relation: one to one by its id')
  }

  #links(a: Model, b: Model): void {
    const single = (model: Model) => model.id?.fields.length === 1 && model.id.name === undefined
    const feature = a === b ? 'relation: self, implicit many to many' : 'relation: implicit many to many'
    if (!single(a) || !single(b) || !this.allows(feature)) return
    const { relations, links } = this.result
    const between = (x: Model, y: Model) => (x === a && y === b) || (x === b && y === a)
    const twice = relations.some(({ from, to }) => between(from, to)) || links.some(each => between(each.a, each.b))
    const link: Links = {
      name: twice || a === b || this.d.chance(30) ? `L${links.length}` : undefined,
      a,
      aField: this.#relationName(a, [`${b.delegate}Links`]),
      b,
      bField: this.#relationName(b, [`${a.delegate}Linked`]),
    }
    links.push(link)
    for (const model of [a, b]) {
      model.features.add(feature)
      if (twice) model.features.add('relation: two between the same models')
    }
  }

  /** A model that the client does not know, through which the database cascades to others. */
  #ignoredModel(): void {
    const { models } = this.result
    const parents = models.filter(model => this.#keysToReference(model).length > 0)
    if (parents.length === 0) return
    const [parent, child] = [this.d(parents), this.d(models)]
    const model = this.emptyModel({ hidden: true })
    const id = this.field(model, TYPES[0] as ColumnType, {}, ['id'])
    model.id = { fields: [id], name: undefined }
    this.#relation(model, parent)
    this.#relation(child, model)
    for (const each of [parent, child]) each.features.add('@@ignore')
  }

  #view(): void {
    const base = this.d(
      this.result.models.filter(model => !model.hidden && (model.id !== undefined || model.uniques.length > 0)),
    )
    const model = this.emptyModel({ viewOf: base })
    model.features.add('view')
    for (const field of base.fields.filter(({ hidden }) => !hidden)) {
      model.fields.push({ ...field, attributes: [] })
      model.names.add(field.name)
    }
  }
}
