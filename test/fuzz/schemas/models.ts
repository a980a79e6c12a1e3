/** Models of random schemas: names, ids, columns and uniques. */
import type { Dice } from '../dice.js'
import type { Blueprint, Field, Model } from './blueprint.js'
import {
  BLANKS,
  COLLATIONS,
  type ColumnType,
  type EnumType,
  enumTypeOf,
  literal,
  literalDefault,
  TYPES,
} from './types.js'

const PREFIXES = ['User', 'Users', 'UserPost', 'Post', 'PostUser', 'UserPosts']
const CASES = ['Item', 'ITEM', 'ITem']
const PLAIN = ['Order', 'Tag', 'Note', 'Team', 'City', 'Part', 'Shop']
const ARG_WORDS = ['Data', 'Where', 'Select', 'Every', 'Some', 'Equals', 'Count', 'Include', 'Link']

// Not `not`: Prisma's compiler panics at a condition on a field of that name.
const FILTER_WORDS = ['some', 'every', 'none', 'is', 'isNot', 'equals', 'in', 'contains', 'has', 'mode']
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

interface FieldOptions {
  readonly optional?: boolean
  readonly list?: boolean
  readonly attributes?: string[]
  readonly default?: string | undefined
  readonly generated?: boolean
  readonly hidden?: boolean
  readonly values?: readonly unknown[]
}

/** Makes models without relations. */
export class ModelMaker {
  protected readonly d: Dice
  protected readonly allows: (feature: string) => boolean
  protected readonly result: Blueprint
  protected readonly types: ColumnType[]

  constructor(d: Dice, seed: number, allowed: (feature: string) => boolean) {
    this.d = d
    this.allows = allowed
    const schemas = this.may(25, 'schemas')
    const enums = this.#enums(schemas)
    this.types = [...TYPES, ...COLLATIONS, ...enums.map(enumTypeOf)]
      .filter(({ name }) => allowed(`type: ${name}`))
      .map(type => this.#spelled(type))
    const joins = this.may(25, 'relationJoins')
    const features = [...(schemas ? ['schemas'] : []), ...(joins ? ['relationJoins'] : [])]
    if (enums.some(({ members }) => members.some(each => each.name !== each.stored))) features.push('map: enum values')
    this.result = {
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

  /** With the spellings that are allowed. */
  #spelled({ spellings = [], ...type }: ColumnType): ColumnType {
    const blanks = type.name === 'varchar' && this.allows(BLANKS_FEATURE) ? BLANKS : []
    const allowed = this.allows(SPELLINGS_FEATURE) ? spellings : []
    return blanks.length + allowed.length === 0 ? type : { ...type, spellings: [...allowed, ...blanks] }
  }

  protected may(percent: number, feature: string): boolean {
    return this.d.chance(percent) && this.allows(feature)
  }

  #enums(schemas: boolean): EnumType[] {
    const d = this.d
    return ['Kind', 'Rank2'].slice(0, d([1, 2])).map(name => {
      const isMapped = this.may(50, 'map: enum values')
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
    const d = this.d
    const pools: [string | undefined, readonly string[]][] = [
      [undefined, PLAIN],
      ['names: prefixes of each other', PREFIXES],
      ['names: differ by case', CASES],
      ['names: words of args', ARG_WORDS],
    ]
    const taken = new Set(this.result.models.map(model => model.name))
    for (;;) {
      const [feature, pool] = d([...pools, ...pools.slice(0, 2)])
      if (feature !== undefined && !this.allows(feature)) continue
      const name = d(pool)
      const free = taken.has(name) ? `${name}${taken.size}` : name
      return { name: free, features: feature === undefined || free !== name ? [] : [feature] }
    }
  }

  protected emptyModel(options: { hidden?: boolean; viewOf?: Model } = {}): Model {
    const d = this.d
    const { name, features } = this.#modelName()
    const { models, schemas } = this.result
    const schema = schemas ? d(['public', 'two']) : undefined
    const twin = schema !== undefined && this.may(30, 'schemas: same table in two')
    const other = twin
      ? models.find(
          each => each.schema !== schema && models.every(one => one.schema !== schema || one.table !== each.table),
        )
      : undefined
    const isMapped = other === undefined && this.may(30, 'map: tables')
    if (other !== undefined) features.push('schemas: same table in two')
    if (isMapped) features.push('map: tables')
    const cached = !this.may(8, 'model that is not cached')
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

  protected model(): Model {
    const d = this.d
    const model = this.emptyModel()
    this.#id(model)
    for (let n = d([2, 3, 3, 4]); n > 0; n--) this.scalar(model)
    for (let n = d([0, 0, 1, 1, 2]); n > 0; n--) this.#unique(model)
    if (this.may(20, 'list')) {
      const type = d(this.types.filter(({ name }) => ['Int', 'text', 'enum'].includes(name)))
      this.field(model, type, { list: true, values: [[], [type.values[0]], type.values.slice(0, 2)] })
      model.features.add('list')
    }
    if (this.may(15, 'Unsupported')) {
      const type: ColumnType = {
        name: 'tsvector',
        prisma: 'Unsupported("tsvector")',
        sql: 'tsvector',
        values: [],
        key: false,
      }
      this.field(model, type, { optional: true, hidden: true })
      model.features.add('Unsupported')
    }
    if (this.may(15, '@ignore')) {
      this.field(model, TYPES[0] as ColumnType, { optional: true, hidden: true, attributes: ['@ignore'] })
      model.features.add('@ignore')
    }
    if (this.may(20, '@updatedAt')) {
      const type = TYPES.find(({ name }) => name === 'DateTime') as ColumnType
      this.field(model, type, { attributes: ['@updatedAt'], generated: true })
      model.features.add('@updatedAt')
    }
    if (model.id === undefined && model.uniques.every(({ fields }) => fields.some(({ optional }) => optional))) {
      const field = this.field(model, this.#keyType(model, 'unique'), {})
      model.uniques.push({ fields: [field], name: undefined })
    }
    return model
  }

  #keyType(model: Model, what: 'id' | 'unique'): ColumnType {
    const type = this.d(this.types.filter(({ key, name }) => key && this.allows(`${what}: ${name}`)))
    model.features.add(`${what}: ${type.name}`)
    return type
  }

  #id(model: Model): void {
    const d = this.d
    if (this.may(8, 'id: none')) {
      model.features.add('id: none')
      return
    }
    if (this.may(25, 'id: compound')) {
      const boolean = TYPES.find(({ name }) => name === 'Boolean') as ColumnType
      const types = [this.#keyType(model, 'id'), d.chance(50) ? boolean : this.#keyType(model, 'id')]
      const fields = types.map(type => this.field(model, type, {}))
      const named = this.may(35, 'id: compound, named')
      model.features.add(named ? 'id: compound, named' : 'id: compound')
      model.id = { fields, name: named ? this.name(model, ['pk', 'key']) : undefined }
      return
    }
    if (this.may(6, 'id: single, named')) {
      const field = this.field(model, this.#keyType(model, 'id'), {})
      model.id = { fields: [field], name: this.name(model, ['pk', 'key']) }
      model.features.add('id: single, named')
      return
    }
    const type = d.chance(35) ? (TYPES[0] as ColumnType) : this.#keyType(model, 'id')
    model.features.add(`id: ${type.name}`)
    const options = this.#default(model, type, true)
    const field = this.field(model, type, options, d.chance(60) ? ['id'] : undefined)
    model.id = { fields: [field], name: undefined }
  }

  #default(model: Model, type: ColumnType, ofId: boolean): FieldOptions {
    const d = this.d
    const one = (feature: string, options: FieldOptions): FieldOptions => {
      if (!this.allows(feature)) return {}
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

  protected scalar(model: Model): void {
    const d = this.d
    const type = d(this.types)
    const options = this.#default(model, type, false)
    this.field(model, type, { ...options, optional: options.attributes === undefined && d.chance(40) })
  }

  #unique(model: Model): void {
    const d = this.d
    if (this.may(40, 'unique: compound')) {
      const some = model.fields.filter(
        ({ type, list, hidden }) => (type.key || type.name === 'Boolean') && !list && !hidden,
      )
      const [first, second] = [d(some.length > 0 ? some : model.fields), d(some.length > 0 ? some : model.fields)]
      if (first === undefined || second === undefined || first === second || some.length === 0) return
      const nullable = first.optional || second.optional
      if (nullable && !this.allows('unique: compound, nullable')) return
      if (this.#has(model, [first, second])) return
      const named = this.may(35, 'unique: compound, named')
      model.features.add(nullable ? 'unique: compound, nullable' : 'unique: compound')
      if (named) model.features.add('unique: compound, named')
      model.uniques.push({ fields: [first, second], name: named ? this.name(model, ['both', 'pair']) : undefined })
      return
    }
    const optional = this.may(40, 'unique: nullable')
    if (optional) model.features.add('unique: nullable')
    const field = this.field(model, this.#keyType(model, 'unique'), { optional })
    model.uniques.push({ fields: [field], name: undefined })
  }

  #has(model: Model, fields: readonly Field[]): boolean {
    return [model.id, ...model.uniques].some(
      key => key?.fields.length === fields.length && key.fields.every(each => fields.includes(each)),
    )
  }

  // ---- names and fields

  /** One of these that is free, or with a number. */
  protected name(model: Model, pool: readonly string[]): string {
    const name = this.d(pool)
    let free = name
    for (let n = 2; model.names.has(free); n++) free = `${name}${n}`
    model.names.add(free)
    return free
  }

  #fieldName(model: Model): string {
    const d = this.d
    const special: [string, readonly string[]][] = [
      ['names: words of filters', FILTER_WORDS],
      ['names: words of args', WRITE_WORDS],
      ['names: of properties of every object', OBJECT_WORDS],
      ['names: beyond ASCII', NON_ASCII],
    ]
    if (this.may(2, 'names: constructor') && !model.names.has('constructor')) {
      model.features.add('names: constructor')
      return this.name(model, ['constructor'])
    }
    const [feature, pool] = d(special)
    if (this.may(20, feature)) {
      const name = this.name(model, pool)
      if (pool.includes(name)) model.features.add(feature)
      return name
    }
    return this.name(model, FIELDS)
  }

  protected field(model: Model, type: ColumnType, options: FieldOptions, from?: readonly string[]): Field {
    const d = this.d
    const name = from === undefined ? this.#fieldName(model) : this.name(model, from)
    let column = name
    if (this.may(20, 'map: columns')) {
      column = d([`${name}_col`, `${name} col`, `É${name}`])
      model.features.add('map: columns')
    }
    if (this.may(2, 'names: column __proto__') && model.fields.every(each => each.column !== '__proto__')) {
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
}
