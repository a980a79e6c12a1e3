/** What schemas may have. Each is a name for `--no`, and a line of the table that a run prints. */
import { COLLATIONS, TYPES } from './types.js'

const keyTypes = [
  ...TYPES.filter(({ key }) => key).map(({ name }) => name),
  'enum',
  ...COLLATIONS.map(({ name }) => name),
]
const actions = ['Cascade', 'Restrict', 'NoAction', 'SetNull', 'SetDefault', 'by default']

export const FEATURES: readonly string[] = [
  ...[...new Set([...keyTypes, ...TYPES.map(({ name }) => name)])].map(name => `type: ${name}`),
  ...keyTypes.map(name => `id: ${name}`),
  ...keyTypes.map(name => `unique: ${name}`),
  'id: compound',
  'id: compound, named',
  'id: single, named',
  'id: none',
  'unique: nullable',
  'unique: compound',
  'unique: compound, named',
  'unique: compound, nullable',
  'default: autoincrement()',
  'default: uuid()',
  'default: now()',
  'default: of the database',
  'default: literal',
  'relation: one to one',
  'relation: one to one by its id',
  'relation: one to many',
  'relation: implicit many to many',
  'relation: explicit many to many',
  'relation: self, one to one',
  'relation: self, one to many',
  'relation: self, implicit many to many',
  'relation: two between the same models',
  'relation: composite',
  'relation: to a unique',
  'relation: column shared by two',
  'relation: in an id',
  'relation: required',
  'relation: optional',
  'relation: partly optional',
  ...actions.map(action => `onDelete: ${action}`),
  ...actions.map(action => `onUpdate: ${action}`),
  'map: columns',
  'map: tables',
  'map: enum values',
  'schemas',
  'schemas: same table in two',
  'list',
  'Unsupported',
  '@ignore',
  '@@ignore',
  '@updatedAt',
  'names: prefixes of each other',
  'names: differ by case',
  'names: words of filters',
  'names: words of args',
  'names: of properties of every object',
  'names: constructor',
  'names: column __proto__',
  'names: beyond ASCII',
  'blanks beyond a varchar',
  'other spellings',
  'view',
  'relationJoins',
  'model that is not cached',
]

/** Why a feature of some name can't be looked at alone: what was left out by `--no`, by its beginning too. */
export function allows(without: readonly string[]): (feature: string) => boolean {
  return feature => !without.some(each => feature.startsWith(each))
}

const LISTS = ['relation: one to many', 'relation: self, one to many', 'relation: explicit many to many']
const LINKS = ['relation: implicit many to many', 'relation: self, implicit many to many']

/** Without any of these features, by the beginning of their names, a schema can't show that a rule of writes is left out. */
export const NEEDED: Readonly<Record<string, readonly string[]>> = {
  parent: LISTS,
  moved: LISTS,
  key: ['unique: '],
  'pushed-out': ['relation: one to one', 'relation: self, one to one'],
  cascade: ['onDelete: Cascade', 'onDelete: SetNull', 'onUpdate: Cascade'],
  link: LINKS,
  touched: ['view'],
}

/** Features of which it is known that answers are wrong, until that is mended: the suite does without them. */
export const KNOWN_BROKEN: readonly string[] = [
  // Prisma takes no `where` by such a key, so no row can be read by it.
  'id: single, named',
]
