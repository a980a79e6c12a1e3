/** Random schemas that Prisma accepts. Everything follows from the seed. */
import { type Dice, diceOf, numbersFrom } from '../dice.js'
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
import { allows, FEATURES } from './features.js'
import { BLANKS, COLLATIONS, type ColumnType, type EnumType, enumTypeOf, literal, TYPES } from './types.js'

const PREFIXES = ['User', 'Users', 'UserPost', 'Post', 'PostUser', 'UserPosts']
const CASES = ['Item', 'ITEM', 'ITem']
const PLAIN = ['Order', 'Tag', 'Note', 'Team', 'City', 'Part', 'Shop']
const ARG_WORDS = ['Data', 'Where', 'Select', 'Every', 'Some', 'Equals', 'Count', 'Include', 'Link']

const FILTER_WORDS = ['some', 'every', 'none', 'is', 'isNot', 'equals', 'in', 'not', 'contains', 'has', 'mode']
const WRITE_WORDS = [
  'set',
  'connect',
  'create',
  'data',
  'where',
  'select',
  'include',
  'increment',
  'push',
  'unset',
  'take',
  'update',
  'delete',
  'count',
  'rows',
  'any',
  'lists',
]
const OBJECT_WORDS = ['hasOwnProperty', 'toString', 'valueOf', 'length', 'isPrototypeOf']
// Not as the first letter: Prisma panics where such a field begins a compound key.
const NON_ASCII = ['größe', 'naïve', 'maß', 'crème']
const FIELDS = ['name', 'title', 'code', 'n', 'rank', 'kind', 'note', 'flag', 'ref', 'total', 'memo', 'size']

const BLANKS_FEATURE = 'blanks beyond a varchar'
const SPELLINGS_FEATURE = 'other spellings'

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

interface FieldOptions {
  readonly optional?: boolean
  readonly list?: boolean
  readonly attributes?: string[]
  readonly default?: string | undefined
  readonly generated?: boolean
  readonly hidden?: boolean
  readonly values?: readonly unknown[]
}

class Generator {
  readonly #d: Dice
  readonly #allows: (feature: string) => boolean
  readonly #result: Blueprint
  readonly #types: ColumnType[]

  constructor(d: Dice, seed: number, allowed: (feature: string) => boolean) {
    this.#d = d
    this.#allows = allowed
    const schemas = this.#may(25, 'schemas')
    const enums = this.#enums(schemas)
    this.#types = [...TYPES, ...COLLATIONS, ...enums.map(enumTypeOf)]
      .filter(({ name }) => allowed(`type: ${name}`))
      .map(type => this.#spelled(type))
    const joins = this.#may(25, 'relationJoins')
    const features = [...(schemas ? ['schemas'] : []), ...(joins ? ['relationJoins'] : [])]
    if (enums.some(({ members }) => members.some(each => each.name !== each.stored))) features.push('map: enum values')
    this.#result = {
      seed,
      models: [],
      relations: [],
      links: [],
      enums,
      schemas,
      preview: ['views', ...(joins ? ['relationJoins'] : [])],
      features: new Set(features),
    }
  }

  blueprint(): Blueprint {
    const d = this.#d
    const count = d([3, 4, 4, 5, 5, 6])
    for (let n = 0; n < count; n++) this.#model()
    for (let n = d([2, 3, 4, 5, 6]); n > 0; n--) this.#relation(d(this.#result.models), d(this.#result.models))
    if (this.#may(35, 'relation: explicit many to many')) this.#explicitLinks()
    if (this.#may(25, 'relation: one to one by its id')) this.#partOf()
    for (let n = d([0, 1, 1, 2]); n > 0; n--) this.#links(d(this.#result.models), d(this.#result.models))
    if (this.#may(30, '@@ignore')) this.#ignoredModel()
    if (this.#may(30, 'view')) this.#view()
    return this.#result
  }

  /** With the spellings that are allowed. */
  #spelled({ spellings = [], ...type }: ColumnType): ColumnType {
    const blanks = type.name === 'varchar' && this.#allows(BLANKS_FEATURE) ? BLANKS : []
    const allowed = this.#allows(SPELLINGS_FEATURE) ? spellings : []
    return blanks.length + allowed.length === 0 ? type : { ...type, spellings: [...allowed, ...blanks] }
  }

  #may(percent: number, feature: string): boolean {
    return this.#d.chance(percent) && this.#allows(feature)
  }

  #enums(schemas: boolean): EnumType[] {
    const d = this.#d
    return ['Kind', 'Rank2'].slice(0, d([1, 2])).map(name => {
      const isMapped = this.#may(50, 'map: enum values')
      return {
        name,
        type: isMapped ? `${name.toLowerCase()} type` : name,
        members: ['A', 'b', 'none'].map(member => ({ name: member, stored: isMapped ? `${member}-x` : member })),
        schema: schemas ? d(['public', 'two']) : undefined,
      }
    })
  }

  // ---- models

  #modelName(): { name: string; features: string[] } {
    const d = this.#d
    const pools: [string | undefined, readonly string[]][] = [
      [undefined, PLAIN],
      ['names: prefixes of each other', PREFIXES],
      ['names: differ by case', CASES],
      ['names: words of args', ARG_WORDS],
    ]
    const taken = new Set(this.#result.models.map(model => model.name))
    for (;;) {
      const [feature, pool] = d([...pools, ...pools.slice(0, 2)])
      if (feature !== undefined && !this.#allows(feature)) continue
      const name = d(pool)
      const free = taken.has(name) ? `${name}${taken.size}` : name
      return { name: free, features: feature === undefined || free !== name ? [] : [feature] }
    }
  }

  #emptyModel(options: { hidden?: boolean; viewOf?: Model } = {}): Model {
    const d = this.#d
    const { name, features } = this.#modelName()
    const { models, schemas } = this.#result
    const schema = schemas ? d(['public', 'two']) : undefined
    const twin = schema !== undefined && this.#may(30, 'schemas: same table in two')
    const other = twin
      ? models.find(
          each => each.schema !== schema && models.every(one => one.schema !== schema || one.table !== each.table),
        )
      : undefined
    const isMapped = other === undefined && this.#may(30, 'map: tables')
    if (other !== undefined) features.push('schemas: same table in two')
    if (isMapped) features.push('map: tables')
    const cached = !this.#may(8, 'model that is not cached')
    if (!cached) features.push('model that is not cached')
    const model: Model = {
      name,
      delegate: name.charAt(0).toLowerCase() + name.slice(1),
      table: other?.table ?? (isMapped ? `${name} table.${models.length}` : name),
      schema,
      fields: [],
      id: undefined,
      uniques: [],
      names: new Set(),
      features: new Set(features),
      viewOf: options.viewOf,
      hidden: options.hidden ?? false,
      cached,
    }
    models.push(model)
    return model
  }

  #model(): Model {
    const d = this.#d
    const model = this.#emptyModel()
    this.#id(model)
    for (let n = d([2, 3, 3, 4]); n > 0; n--) this.#scalar(model)
    for (let n = d([0, 0, 1, 1, 2]); n > 0; n--) this.#unique(model)
    if (this.#may(20, 'list')) {
      const type = d(this.#types.filter(({ name }) => ['Int', 'text', 'enum'].includes(name)))
      this.#field(model, type, { list: true, values: [[], [type.values[0]], type.values.slice(0, 2)] })
      model.features.add('list')
    }
    if (this.#may(15, 'Unsupported')) {
      const type: ColumnType = {
        name: 'tsvector',
        prisma: 'Unsupported("tsvector")',
        sql: 'tsvector',
        values: [],
        key: false,
      }
      this.#field(model, type, { optional: true, hidden: true })
      model.features.add('Unsupported')
    }
    if (this.#may(15, '@ignore')) {
      this.#field(model, TYPES[0] as ColumnType, { optional: true, hidden: true, attributes: ['@ignore'] })
      model.features.add('@ignore')
    }
    if (this.#may(20, '@updatedAt')) {
      const type = TYPES.find(({ name }) => name === 'DateTime') as ColumnType
      this.#field(model, type, { attributes: ['@updatedAt'], generated: true })
      model.features.add('@updatedAt')
    }
    if (model.id === undefined && model.uniques.every(({ fields }) => fields.some(({ optional }) => optional))) {
      const field = this.#field(model, this.#keyType(model, 'unique'), {})
      model.uniques.push({ fields: [field], name: undefined })
    }
    return model
  }

  #keyType(model: Model, what: 'id' | 'unique'): ColumnType {
    const type = this.#d(this.#types.filter(({ key, name }) => key && this.#allows(`${what}: ${name}`)))
    model.features.add(`${what}: ${type.name}`)
    return type
  }

  #id(model: Model): void {
    const d = this.#d
    if (this.#may(8, 'id: none')) {
      model.features.add('id: none')
      return
    }
    if (this.#may(25, 'id: compound')) {
      const boolean = TYPES.find(({ name }) => name === 'Boolean') as ColumnType
      const types = [this.#keyType(model, 'id'), d.chance(50) ? boolean : this.#keyType(model, 'id')]
      const fields = types.map(type => this.#field(model, type, {}))
      const named = this.#may(35, 'id: compound, named')
      model.features.add(named ? 'id: compound, named' : 'id: compound')
      model.id = { fields, name: named ? this.#name(model, ['pk', 'key']) : undefined }
      return
    }
    if (this.#may(6, 'id: single, named')) {
      const field = this.#field(model, this.#keyType(model, 'id'), {})
      model.id = { fields: [field], name: this.#name(model, ['pk', 'key']) }
      model.features.add('id: single, named')
      return
    }
    const type = d.chance(35) ? (TYPES[0] as ColumnType) : this.#keyType(model, 'id')
    model.features.add(`id: ${type.name}`)
    const options = this.#default(model, type, true)
    const field = this.#field(model, type, options, d.chance(60) ? ['id'] : undefined)
    model.id = { fields: [field], name: undefined }
  }

  #default(model: Model, type: ColumnType, ofId: boolean): FieldOptions {
    const d = this.#d
    const one = (feature: string, options: FieldOptions): FieldOptions => {
      if (!this.#allows(feature)) return {}
      model.features.add(feature)
      return options
    }
    if (['Int', 'BigInt', 'SmallInt'].includes(type.name) && ofId && d.chance(60)) {
      return one('default: autoincrement()', {
        attributes: ['@default(autoincrement())'],
        default: 'GENERATED BY DEFAULT AS IDENTITY (START WITH 100)',
        generated: true,
      })
    }
    if (type.name === 'uuid' && d.chance(60)) {
      return d.chance(50)
        ? one('default: uuid()', { attributes: ['@default(uuid())'], generated: true })
        : one('default: of the database', {
            attributes: ['@default(dbgenerated("gen_random_uuid()"))'],
            default: 'gen_random_uuid()',
            generated: true,
          })
    }
    if (['DateTime', 'timestamptz'].includes(type.name) && d.chance(50)) {
      return one('default: now()', { attributes: ['@default(now())'], default: 'CURRENT_TIMESTAMP', generated: true })
    }
    const spelled = literalDefault(type, type.values[0])
    if (spelled === undefined || ofId || !d.chance(25)) return {}
    return one('default: literal', { attributes: [`@default(${spelled})`], default: literal(type, type.values[0]) })
  }

  #scalar(model: Model): void {
    const d = this.#d
    const type = d(this.#types)
    const options = this.#default(model, type, false)
    this.#field(model, type, { ...options, optional: options.attributes === undefined && d.chance(40) })
  }

  #unique(model: Model): void {
    const d = this.#d
    if (this.#may(40, 'unique: compound')) {
      const some = model.fields.filter(
        ({ type, list, hidden }) => (type.key || type.name === 'Boolean') && !list && !hidden,
      )
      const [first, second] = [d(some.length > 0 ? some : model.fields), d(some.length > 0 ? some : model.fields)]
      if (first === undefined || second === undefined || first === second || some.length === 0) return
      const nullable = first.optional || second.optional
      if (nullable && !this.#allows('unique: compound, nullable')) return
      if (this.#has(model, [first, second])) return
      const named = this.#may(35, 'unique: compound, named')
      model.features.add(nullable ? 'unique: compound, nullable' : 'unique: compound')
      if (named) model.features.add('unique: compound, named')
      model.uniques.push({ fields: [first, second], name: named ? this.#name(model, ['both', 'pair']) : undefined })
      return
    }
    const optional = this.#may(40, 'unique: nullable')
    if (optional) model.features.add('unique: nullable')
    const field = this.#field(model, this.#keyType(model, 'unique'), { optional })
    model.uniques.push({ fields: [field], name: undefined })
  }

  #has(model: Model, fields: readonly Field[]): boolean {
    return [model.id, ...model.uniques].some(
      key => key?.fields.length === fields.length && key.fields.every(each => fields.includes(each)),
    )
  }

  // ---- names and fields

  /** One of these that is free, or with a number. */
  #name(model: Model, pool: readonly string[]): string {
    const name = this.#d(pool)
    let free = name
    for (let n = 2; model.names.has(free); n++) free = `${name}${n}`
    model.names.add(free)
    return free
  }

  #fieldName(model: Model): string {
    const d = this.#d
    const special: [string, readonly string[]][] = [
      ['names: words of filters', FILTER_WORDS],
      ['names: words of args', WRITE_WORDS],
      ['names: of properties of every object', OBJECT_WORDS],
      ['names: beyond ASCII', NON_ASCII],
    ]
    if (this.#may(2, 'names: constructor') && !model.names.has('constructor')) {
      model.features.add('names: constructor')
      return this.#name(model, ['constructor'])
    }
    const [feature, pool] = d(special)
    if (this.#may(20, feature)) {
      const name = this.#name(model, pool)
      if (pool.includes(name)) model.features.add(feature)
      return name
    }
    return this.#name(model, FIELDS)
  }

  #field(model: Model, type: ColumnType, options: FieldOptions, from?: readonly string[]): Field {
    const d = this.#d
    const name = from === undefined ? this.#fieldName(model) : this.#name(model, from)
    let column = name
    if (this.#may(20, 'map: columns')) {
      column = d([`${name}_col`, `${name} col`, `É${name}`])
      model.features.add('map: columns')
    }
    if (this.#may(2, 'names: column __proto__') && model.fields.every(each => each.column !== '__proto__')) {
      column = '__proto__'
      model.features.add('names: column __proto__')
    }
    if (!type.prisma.startsWith('Unsupported')) model.features.add(`type: ${type.name}`)
    if (type.spellings !== undefined) model.features.add(type.name === 'varchar' ? BLANKS_FEATURE : SPELLINGS_FEATURE)
    const field: Field = {
      name,
      column,
      type,
      optional: options.optional ?? false,
      list: options.list ?? false,
      attributes: options.attributes ?? [],
      generated: options.generated ?? false,
      hidden: options.hidden ?? false,
      foreign: false,
      values: options.values ?? type.values,
      ...(options.default !== undefined && { default: options.default }),
    }
    model.fields.push(field)
    return field
  }

  // ---- relations

  #keysToReference(model: Model): Key[] {
    const visible = (key: Key) => key.fields.every(({ hidden }) => !hidden)
    const uniques = model.uniques.filter(key => key.fields.every(({ optional }) => !optional))
    return [...(model.id === undefined ? [] : [model.id, model.id]), ...uniques].filter(visible)
  }

  /** Fields of `from` that reference a key. */
  #relation(from: Model, to: Model, options: { inId?: 'part' | 'whole' } = {}): Relation | undefined {
    const d = this.#d
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
      this.#result.relations.some(
        each => (each.from === from && each.to === to) || (each.from === to && each.to === from),
      ) || this.#result.links.some(({ a, b }) => (a === from && b === to) || (a === to && b === from))
    if (twice) features.push('relation: two between the same models')
    if (!features.every(this.#allows)) return undefined

    const onDelete = this.#action(required || partly, features, 'onDelete', key, shared !== undefined)
    const onUpdate = this.#action(required || partly, features, 'onUpdate', key, shared !== undefined)
    if (!features.every(this.#allows)) return undefined
    const base = to.delegate
    const fields = key.fields.map((referenced, n) => {
      if (shared?.references === referenced) return shared.field
      const optional = !required && !(partly && n === 0)
      const wantsDefault = onDelete === 'SetDefault' || onUpdate === 'SetDefault'
      const spelled = wantsDefault ? literalDefault(referenced.type, referenced.values[0]) : undefined
      const field = this.#field(
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
        [`${base}${referenced.name.charAt(0).toUpperCase()}${referenced.name.slice(1)}`, `${base}_ref`],
      )
      field.foreign = true
      field.generated = referenced.generated
      return field
    })
    if (one && inId === undefined) from.uniques.push({ fields, name: undefined })
    const relation: Relation = {
      name: twice || from === to ? `r${this.#result.relations.length}${d(['', '_x'])}` : undefined,
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
    this.#result.relations.push(relation)
    for (const feature of features) {
      from.features.add(feature)
      to.features.add(feature)
    }
    return relation
  }

  #relationName(model: Model, pool: readonly string[]): string {
    const words = ['some', 'every', 'none', 'is', 'isNot', 'data', 'where', 'select', 'set', 'connect', 'create']
    const word = this.#d(words)
    const feature = words.indexOf(word) < 5 ? 'names: words of filters' : 'names: words of args'
    if (!this.#may(12, feature) || model.names.has(word)) return this.#name(model, pool)
    model.features.add(feature)
    return this.#name(model, [word])
  }

  /** A column that already references something of the same type. */
  #sharable(from: Model, key: Key): { field: Field; references: Field } | undefined {
    if (!this.#may(60, 'relation: column shared by two')) return undefined
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
    const d = this.#d
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
    const { models } = this.#result
    const ends = models.filter(model => this.#keysToReference(model).length > 0)
    if (ends.length < 2) return
    const [a, b] = [this.#d(ends), this.#d(ends)]
    if (a === b) return
    const model = this.#emptyModel()
    const relations = [this.#relation(model, a, { inId: 'part' }), this.#relation(model, b, { inId: 'part' })]
    const fields = [...new Set(relations.flatMap(relation => relation?.fields ?? []))]
    if (fields.length === 0) fields.push(this.#field(model, TYPES[0] as ColumnType, {}))
    model.id = { fields, name: undefined }
    this.#scalar(model)
    if (relations.some(relation => relation === undefined)) return
    for (const each of [model, a, b]) {
      each.features.add('relation: explicit many to many')
      each.features.add('relation: in an id')
    }
  }

  /** A model whose id is the foreign key. */
  #partOf(): void {
    const ends = this.#result.models.filter(model => this.#keysToReference(model).length > 0)
    if (ends.length === 0) return
    const whole = this.#d(ends)
    const model = this.#emptyModel()
    const fields = this.#relation(model, whole, { inId: 'whole' })?.fields ?? [
      this.#field(model, TYPES[0] as ColumnType, {}),
    ]
    model.id = { fields, name: undefined }
    this.#scalar(model)
    if (model.fields.some(({ foreign }) => foreign))
      for (const each of [model, whole]) each.features.add('relation: one to one by its id')
  }

  #links(a: Model, b: Model): void {
    const single = (model: Model) => model.id?.fields.length === 1 && model.id.name === undefined
    const feature = a === b ? 'relation: self, implicit many to many' : 'relation: implicit many to many'
    if (!single(a) || !single(b) || !this.#allows(feature)) return
    const { relations, links } = this.#result
    const between = (x: Model, y: Model) => (x === a && y === b) || (x === b && y === a)
    const twice = relations.some(({ from, to }) => between(from, to)) || links.some(each => between(each.a, each.b))
    const link: Links = {
      name: twice || a === b || this.#d.chance(30) ? `L${links.length}` : undefined,
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
    const { models } = this.#result
    const parents = models.filter(model => this.#keysToReference(model).length > 0)
    if (parents.length === 0) return
    const [parent, child] = [this.#d(parents), this.#d(models)]
    const model = this.#emptyModel({ hidden: true })
    const id = this.#field(model, TYPES[0] as ColumnType, {}, ['id'])
    model.id = { fields: [id], name: undefined }
    this.#relation(model, parent)
    this.#relation(child, model)
    for (const each of [parent, child]) each.features.add('@@ignore')
  }

  #view(): void {
    const base = this.#d(
      this.#result.models.filter(model => !model.hidden && (model.id !== undefined || model.uniques.length > 0)),
    )
    const model = this.#emptyModel({ viewOf: base })
    model.features.add('view')
    for (const field of base.fields.filter(({ hidden }) => !hidden)) {
      model.fields.push({ ...field, attributes: [] })
      model.names.add(field.name)
    }
  }
}

/** How a default is written in Prisma; of some types it is not. */
function literalDefault(type: ColumnType | undefined, value: unknown): string | undefined {
  if (type === undefined) return undefined
  if (type.enum !== undefined || ['Int', 'SmallInt', 'BigInt', 'Boolean', 'Decimal', 'numeric'].includes(type.name))
    return String(value)
  return ['text', 'varchar', 'char'].includes(type.name) || type.collation !== undefined
    ? JSON.stringify(value)
    : undefined
}
