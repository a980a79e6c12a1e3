import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { getDMMF } from '@prisma/get-dmmf'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../src/prisma7/client.js'
import { type Key, type Model, readSchema, type RelationField, type Schema } from '../../src/schema/schema.js'
import { newClient } from '../support/world.js'

// The reader of the schema text is held to Prisma's own reading (DMMF): everything that DMMF has to say about a model has
// to be the same. What DMMF leaves out (`@ignore`, default actions) is spelled out beside the schemas below.

const SHIPPED = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8')

describe('the schema of this repository', () => {
  it('is read as Prisma reads it', () => {
    const schema = read(SHIPPED)
    expect(described(schema, dmmfOf(SHIPPED))).toEqual(expected(dmmfOf(SHIPPED)))
    expect(schema.models.size).toBe(46)
  })

  it('is read the same from the text that the generated client carries', () => {
    const facts = factsOf(newClient('postgresql://127.0.0.1:1/none'))
    expect(described(facts.schema, dmmfOf(facts.schemaText))).toEqual(expected(dmmfOf(facts.schemaText)))
    expect(plain(facts.schema)).toEqual(plain(read(SHIPPED)))
  })

  it('has the relations that the client does not see', () => {
    const schema = read(SHIPPED)
    expect(relation(schema, 'Asset', 'tenant')).toBe(
      'Asset.tenant?(tenantId) -> Tenant(id) delete Cascade update Cascade / Tenant.assets[]',
    )
    expect(relation(schema, 'TenantImport', 'tenant')).toBe(
      'TenantImport.tenant(tenantId) -> Tenant(id) delete Cascade update Cascade / Tenant.imports[]',
    )
    const { scalars, primaryKey, uniques } = model(schema, 'TenantImport')
    expect({ scalars, primaryKey, uniques }).toEqual({ scalars: [], primaryKey: undefined, uniques: [] })
    expect(model(schema, 'Asset').scalars.map(field => field.name)).not.toContain('tenantId')
    expect(model(schema, 'Product').scalars.map(field => field.name)).not.toContain('searchVector')
  })
})

const DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n'

/** `relations`: each side with a foreign key, as it has to be read, hidden ones included. */
const SCHEMAS: Record<string, { text: string; relations?: string[]; also?: (schema: Schema) => void }> = {
  'comments and strings full of braces': {
    text: `${DATASOURCE}
      // model Ghost {
      /// model Ghost { @@id([a]) }
      model A { // } the end?
        /// id String @id
        id   Int    @id // @default("}") {
        // gone Int
        text String @default("{[( // no comment )]} model B { \\" @unique")
        json Json   @default("{\\"a\\": \\"}\\", \\"b\\": [1, {\\"c\\": null}]}") /// { "doc": [ }
        url  String @unique(map: "a // b } \\\\") @map("http://")
        raw  String @default(dbgenerated("concat('}', \\"lower\\"('(')) @id"))

        // @@id([text, url])
        /// @@map("ghost")
        @@index([text(ops: raw("gin_trgm_ops"))], type: Gin, map: "x } y")
        @@index([text(ops: raw("text_pattern_ops"), sort: Desc), url(sort: Desc)], type: BTree)
      }
      // }`,
    also: schema => {
      expect([...schema.models.keys()]).toEqual(['A'])
      expect(model(schema, 'A').scalars.map(field => field.column)).toEqual(['id', 'text', 'json', 'http://', 'raw'])
    },
  },
  'a datasource that is not called db': {
    text: `datasource pg {
        provider = "postgresql"
      }
      model A {
        id   String   @id @pg.Citext
        name String   @unique @pg.Char(5)
        at   DateTime @pg.Timestamp(6)
      }`,
  },
  'comments in the form of C': {
    text: `/* model Ghost { */
      ${DATASOURCE}
      /**
       * model Ghost { // }
       */
      model A {
        /* id String @id
           * } */
        id   Int    @id
        text String @default("/* no comment */") /* @unique */
      }`,
  },
  'letters of other languages': {
    text: `${DATASOURCE}
      model A {
        id    Int @id
        größe Int @unique
        länge Int
        @@unique([größe, länge])
      }`,
  },
  'keys of one field that have a name': {
    text: `${DATASOURCE}
      model A {
        id Int
        u  Int
        @@id([id], name: "foo")
        @@unique([u], name: "bar")
      }`,
  },
  'uniques that hold for a part of the rows': {
    text: `generator client {
        provider        = "prisma-client"
        output          = "x"
        previewFeatures = ["partialIndexes"]
      }
      ${DATASOURCE}
      model A {
        id   Int     @id
        slug String
        nick String?
        gone Boolean
        @@unique([slug], where: raw("NOT gone"))
        @@unique([nick, slug], where: { gone: false })
      }`,
  },
  'an optional foreign key of a type that the client does not know': {
    text: `${DATASOURCE}
      model A {
        at    Unsupported("circle")
        n     Int
        id    Int  @id
        bs    B[]
        @@unique([at, n])
      }
      model B {
        id  Int                    @id
        at  Unsupported("circle")?
        n   Int?
        a   A?                     @relation(fields: [at, n], references: [at, n])
      }`,
    relations: ['B.a?(at,n) -> A(at,n) delete SetNull update Cascade / A.bs[]'],
  },
  'ids and uniques of every form': {
    text: `${DATASOURCE}
      model Plain {
        id Int  @id(map: "p k")
        u  Int? @unique(sort: Desc, map: "u_key")
      }
      model Unnamed {
        b String @db.Uuid
        a Int
        c Int?
        d Int?
        @@id([a, b])
        @@unique([c, d])
        @@unique([d, c(sort: Desc)], name: "dc", map: "d_c")
        @@unique(fields: [a, c], map: "no name")
      }
      model Named {
        a Int
        b Int
        @@id(fields: [b, a], name: "both", map: "pk")
      }
      model Single {
        id Int
        u  Int
        @@id([id])
        @@unique([u])
      }
      model OnlyUnique {
        u String @unique
      }`,
  },
  'names in the database, with odd characters and escapes': {
    text: `${DATASOURCE}
      model A {
        id Int    @id
        q  String @map("we\\"ird \\\\ // } name")
        n  String @map(name: "tab\\tnew\\nline")
        u  String @map("\\u00e4 grüße 😀")
        @@map("ta\\"ble.{x}")
      }
      model B {
        id Int @id
        @@map(name: "order")
      }`,
    also: schema => {
      expect(model(schema, 'A').table).toBe('ta"ble.{x}')
      expect(model(schema, 'A').scalars.map(field => field.column)).toEqual([
        'id',
        'we"ird \\ // } name',
        'tab\tnew\nline',
        'ä grüße 😀',
      ])
    },
  },
  'several database schemas, enums with other names': {
    text: `datasource db {
        provider = "postgresql"
        schemas  = ["base", "shop-2"]
      }
      enum Size {
        SMALL @map("small size") // {
        LARGE @map("}")
        model
        /// doc
        enum

        @@map("size_t")
        @@schema("base")
      }
      model A {
        id    Int    @id
        size  Size   @default(SMALL)
        sizes Size[] @default([LARGE, model])
        maybe Size?  @map("may be")
        @@schema("shop-2")
        @@map("a")
      }`,
    also: schema => {
      expect(model(schema, 'A').databaseSchema).toBe('shop-2')
      expect(model(schema, 'A').scalars[1]?.members).toEqual(['SMALL', 'LARGE', 'model', 'enum'])
    },
  },
  'native types with and without arguments': {
    text: `${DATASOURCE}
      model A {
        id Int      @id @db.SmallInt
        a  Decimal  @db.Decimal(10, 2)
        b  Decimal  @db.Decimal(10,0)
        c  Decimal  @db.Money
        d  String   @db.VarChar(1)
        e  String   @db.Char( 5 )
        f  String?  @db.Uuid @default(dbgenerated("gen_random_uuid()"))
        g  String[] @db.Citext
        h  DateTime @db.Timestamptz(3)
        i  DateTime @db.Timestamp( 6 ) @default(now()) @updatedAt
        j  DateTime @db.Time(0)
        k  DateTime @db.Date
        l  Float    @db.Real
        m  Json     @db.Json
        n  Bytes    @db.ByteA
        o  String   @db.Bit(4)
        p  String   @db.Inet
        q  Int      @db.Oid
        r  DateTime @db.Timestamptz
        s  String   @db.Xml
      }`,
  },
  'what the client does not know': {
    text: `${DATASOURCE}
      model A {
        id     Int                    @id
        circle Unsupported("circle {")?  @default(dbgenerated("'<(0,0),1>'"))
        hidden String                 @ignore @unique
        bs     B[]                    @ignore
        cs     C[]
      }
      model B {
        line String
        aId  Int
        a    A      @relation(fields: [aId], references: [id], onDelete: Cascade, onUpdate: Restrict)
        @@ignore
      }
      model C {
        id  Int    @id
        ref String?
        a   A?      @relation(fields: [ref], references: [hidden])
      }`,
    relations: [
      'B.a(aId) -> A(id) delete Cascade update Restrict / A.bs[]',
      'C.a?(ref) -> A(hidden) delete SetNull update Cascade / A.cs[]',
    ],
    also: schema => expect(model(schema, 'A').scalars.map(field => field.name)).toEqual(['id']),
  },
  views: {
    text: `generator client {
        provider        = "prisma-client"
        output          = "x"
        previewFeatures = ["views"]
      }
      ${DATASOURCE}
      model A {
        id   Int   @id
        info Info?
      }
      view Info {
        aId   Int    @unique
        total BigInt
        a     A      @relation(fields: [aId], references: [id])
        @@map("a_info")
      }`,
    relations: ['Info.a(aId) -> A(id) delete Restrict update Cascade / A.info?'],
    also: schema => expect([...schema.models.values()].map(m => m.view)).toEqual([false, true]),
  },
  'many to many, implicit and explicit': {
    text: `${DATASOURCE}
      model Post {
        id       Int       @id
        tags     Tag[]
        liked    Tag[]     @relation("Liked")
        similar  Post[]    @relation("Similar")
        similar2 Post[]    @relation("Similar")
        links    TagLink[]
      }
      model Tag {
        id      Int       @id
        posts   Post[]
        likedBy Post[]    @relation(name: "Liked")
        links   TagLink[]
      }
      model TagLink {
        postId Int
        tagId  Int
        post   Post @relation(fields: [postId], references: [id])
        tag    Tag  @relation(fields: [tagId], references: [id])
        @@id([postId, tagId])
      }`,
    relations: [
      'TagLink.post(postId) -> Post(id) delete Restrict update Cascade / Post.links[]',
      'TagLink.tag(tagId) -> Tag(id) delete Restrict update Cascade / Tag.links[]',
    ],
  },
  'self relations, and several between two models': {
    text: `${DATASOURCE}
      model Node {
        id       Int    @id
        nextId   Int?   @unique
        parentId Int?
        next     Node?  @relation("Chain", fields: [nextId], references: [id])
        previous Node?  @relation("Chain")
        parent   Node?  @relation("Tree", fields: [parentId], references: [id], onDelete: NoAction, onUpdate: NoAction)
        children Node[] @relation("Tree")
        friends  Node[] @relation("Friends")
        friendOf Node[] @relation("Friends")
        written  Note[] @relation("Author")
        read     Note[] @relation("Reader")
        other    Note[]
      }
      model Note {
        id       Int   @id
        authorId Int
        readerId Int?
        nodeId   Int?
        node     Node? @relation(fields: [nodeId], references: [id])
        reader   Node? @relation(fields: [readerId], references: [id], name: "Reader")
        author   Node  @relation("Author", fields: [authorId], references: [id])
      }`,
    relations: [
      'Node.next?(nextId) -> Node(id) delete SetNull update Cascade / Node.previous?',
      'Node.parent?(parentId) -> Node(id) delete NoAction update NoAction / Node.children[]',
      'Note.node?(nodeId) -> Node(id) delete SetNull update Cascade / Node.other[]',
      'Note.reader?(readerId) -> Node(id) delete SetNull update Cascade / Node.read[]',
      'Note.author(authorId) -> Node(id) delete Restrict update Cascade / Node.written[]',
    ],
  },
  'composite foreign keys, all referential actions': {
    text: `${DATASOURCE}
      model P {
        a  Int
        b  Int
        c  Int @unique
        k1 K[] @relation("1")
        k2 K[] @relation("2")
        k3 K[] @relation("3")
        k4 K[] @relation("4")
        k5 K[] @relation("5")
        k6 K[] @relation("6")
        k7 K?  @relation("7")
        @@id([a, b])
      }
      model K {
        id Int  @id
        a  Int
        b  Int?
        c  Int?
        d  Int  @unique
        p1 P?   @relation("1", map: "fk (1", fields: [a, b], references: [a, b])
        p2 P?   @relation("2", map: "fk (2", fields: [b, c], references: [a, b])
        p3 P?   @relation("3", map: "fk (3", fields: [c], references: [c], onDelete: SetDefault, onUpdate: SetNull)
        p4 P?   @relation("4", map: "fk (4", fields: [c], references: [c], onUpdate: SetDefault, onDelete: SetNull)
        p5 P?   @relation("5", map: "fk (5", fields: [c], references: [c], onDelete: NoAction, onUpdate: Restrict)
        p6 P    @relation(map: "fk]6", name: "6", fields: [d], references: [c], onDelete: Restrict, onUpdate: Cascade)
        p7 P    @relation(map: "fk]7", name: "7", fields: [d], references: [c])
      }`,
    relations: [
      'K.p1?(a,b) -> P(a,b) delete Restrict update Cascade / P.k1[]',
      'K.p2?(b,c) -> P(a,b) delete SetNull update Cascade / P.k2[]',
      'K.p3?(c) -> P(c) delete SetDefault update SetNull / P.k3[]',
      'K.p4?(c) -> P(c) delete SetNull update SetDefault / P.k4[]',
      'K.p5?(c) -> P(c) delete NoAction update Restrict / P.k5[]',
      'K.p6(d) -> P(c) delete Restrict update Cascade / P.k6[]',
      'K.p7(d) -> P(c) delete Restrict update Cascade / P.k7?',
    ],
  },
  'relations that only Prisma enforces': {
    text: `datasource db {
        provider     = "postgresql"
        relationMode = "prisma"
      }
      model A {
        id Int @id
        bs B[]
      }
      model B {
        id  Int  @id
        aId Int?
        a   A?   @relation(fields: [aId], references: [id], onDelete: Cascade, onUpdate: SetNull)
        @@index([aId])
      }`,
    relations: ['B.a?(aId) -> A(id) delete Cascade update SetNull / A.bs[]'],
  },
  'words of the language as names of fields': {
    text: `${DATASOURCE}
      enum view {
        type
      }
      model type_ {
        id         Int     @id
        model      Int
        enum       view
        datasource String
        generator  Boolean
        fields     Int[]
        references Float?
        name       String  @unique
        map        String
      }`,
  },
  'defaults with calls in calls': {
    text: `${DATASOURCE}
      model A {
        id Int        @id @default(autoincrement())
        a  String     @default(cuid(2))
        b  String     @default(uuid(7)) @unique
        c  String     @default(nanoid(12))
        d  Int[]      @default([1, -2, 3])
        e  Float      @default(-1.5)
        f  String[]   @default(["}", "])", "\\""])
        g  DateTime[] @default(["2020-01-01T00:00:00Z"])
        h  BigInt     @default(dbgenerated("nextval('s')"))
        i  Bytes      @default("AAE=")
        j  Boolean    @default(true) @map("k")
      }`,
  },
}

describe.each(Object.entries(SCHEMAS))('%s', (_, { text, relations = [], also }) => {
  for (const [form, source] of [
    ['as written', text],
    ['as Prisma formats it', formatted(text)],
  ] as const) {
    it(`${form}, is read as Prisma reads it`, () => {
      const dmmf = dmmfOf(source)
      const schema = read(source)
      expect(described(schema, dmmf)).toEqual(expected(dmmf))
      expect(foreignKeys(schema).toSorted()).toEqual(relations.toSorted())
      also?.(schema)
    })
  }
})

describe('every schema', () => {
  it.each(Object.keys(SCHEMAS))('reads the same with Windows line ends: %s', name => {
    const { text } = SCHEMAS[name] as { text: string }
    expect(plain(read(text.replaceAll('\n', '\r\n'), dmmfOf(text)))).toEqual(plain(read(text)))
  })

  it('has each relation twice: the opposite of the opposite is the relation itself', () => {
    for (const { text } of [{ text: SHIPPED }, ...Object.values(SCHEMAS)]) {
      for (const field of [...read(text).models.values()].flatMap(m => m.relations)) {
        expect(field.opposite.opposite).toBe(field)
        expect(field.opposite.model).toBe(field.target)
        expect(field.model.relations).toContain(field)
        // One side at most has the foreign key.
        expect(field.fields.length === 0 || field.opposite.fields.length === 0).toBe(true)
      }
    }
  })

  it('says so when its text is not a schema', () => {
    expect(() => read('model A {\n id Int § \n}', { models: [], enums: [] })).toThrow(
      `The schema text can't be read at offset 18: "§ \n}".`,
    )
  })
})

// ---- both readings, in one form

interface Dmmf {
  models: readonly DmmfModel[]
  enums: readonly { name: string; values: readonly { name: string; dbName?: string | null }[] }[]
}

interface DmmfModel {
  name: string
  dbName: string | null
  schema?: string | null
  primaryKey: { name: string | null; fields: readonly string[] } | null
  uniqueIndexes: readonly { name: string | null; fields: readonly string[] }[]
  fields: readonly DmmfField[]
}

interface DmmfField {
  name: string
  kind: string
  type: string
  dbName?: string | null
  isList: boolean
  isRequired: boolean
  isId: boolean
  isUnique: boolean
  isUpdatedAt?: boolean
  hasDefaultValue: boolean
  nativeType?: readonly [string, readonly string[]] | null
  relationName?: string
  relationFromFields?: readonly string[]
  relationToFields?: readonly string[]
  relationOnDelete?: string
  relationOnUpdate?: string
}

function dmmfOf(text: string): Dmmf {
  const document = getDMMF({ datamodel: text })
  if ('reason' in document) throw document.error
  return document.datamodel
}

function read(text: string, dmmf = dmmfOf(text)): Schema {
  return readSchema(text, name => new Set(dmmf.models.find(m => m.name === name)?.fields.map(field => field.name)))
}

/** Prisma's formatter: the text of a generated client has gone through it. */
function formatted(text: string): string {
  const { format } = createRequire(createRequire(import.meta.url).resolve('@prisma/get-dmmf'))(
    '@prisma/prisma-schema-wasm',
  ) as { format: (files: string, options: string) => string }
  const options = { textDocument: { uri: 'file:/schema.prisma' }, options: { tabSize: 2, insertSpaces: true } }
  const files = JSON.parse(format(JSON.stringify([['schema.prisma', text]]), JSON.stringify(options))) as string[][]
  return files[0]?.[1] as string
}

/** What DMMF says. */
function expected({ models, enums }: Dmmf) {
  const valuesOf = (type: string) => enums.find(({ name }) => name === type)?.values ?? []
  return models.map(m => {
    const id = m.primaryKey?.fields ?? m.fields.filter(field => field.isId).map(field => field.name)
    // DMMF has uniques over fields of an unsupported type, by which nothing can be looked up.
    const isKnown = (key: { fields: readonly string[] }) =>
      key.fields.every(name => m.fields.some(f => f.name === name))
    const uniques = [
      ...m.fields.filter(field => field.isUnique).map(field => keyText(field.name, [field.name])),
      ...m.uniqueIndexes.filter(isKnown).map(({ name, fields }) => keyText(nameOf(name, fields), fields)),
    ]
    return {
      name: m.name,
      table: m.dbName ?? m.name,
      databaseSchema: m.schema ?? undefined,
      scalars: m.fields
        .filter(field => field.kind === 'scalar' || field.kind === 'enum')
        .map(field => ({
          name: field.name,
          type: field.kind === 'enum' ? 'Enum' : field.type,
          list: field.isList,
          optional: !field.isRequired,
          column: field.dbName ?? field.name,
          native: field.nativeType
            ? field.nativeType[0] + (field.nativeType[1].length > 0 ? `(${field.nativeType[1].join()})` : '')
            : undefined,
          updatedAt: field.isUpdatedAt ?? false,
          hasDefault: field.hasDefaultValue,
          members: valuesOf(field.type).map(value => value.name),
          stored: valuesOf(field.type).some(({ dbName }) => dbName != null)
            ? valuesOf(field.type).map(({ name, dbName }) => dbName ?? name)
            : undefined,
        })),
      primaryKey: id.length === 0 ? undefined : keyText(nameOf(m.primaryKey?.name ?? null, id), id),
      uniques: [...new Set(uniques)].toSorted(),
      relations: m.fields
        .filter(field => field.kind === 'object')
        .map(field => {
          const other = models
            .find(candidate => candidate.name === field.type)
            ?.fields.find(f => f.relationName === field.relationName && f.type === m.name && f !== field)
          return {
            name: field.name,
            target: field.type,
            list: field.isList,
            optional: !field.isRequired,
            hidden: false,
            fields: field.relationFromFields,
            references: field.relationToFields,
            onDelete: field.relationOnDelete,
            onUpdate: field.relationOnUpdate,
            opposite: other?.name,
          }
        }),
    }
  })
}

/** What our reader says, as far as DMMF has an opinion. */
function described(schema: Schema, dmmf: Dmmf): ReturnType<typeof expected> {
  return dmmf.models.map(({ name, fields }) => {
    const m = model(schema, name)
    return {
      name: m.name,
      table: m.table,
      databaseSchema: m.databaseSchema,
      scalars: m.scalars.map(field => ({
        ...field,
        members: [...field.members],
        stored: field.stored && [...field.stored],
      })),
      primaryKey: m.primaryKey && keyText(m.primaryKey.name, namesOf(m.primaryKey)),
      uniques: m.uniques.map(key => keyText(key.name, namesOf(key))).toSorted(),
      relations: fields
        .filter(field => field.kind === 'object')
        .map(({ name: relationName, relationOnDelete, relationOnUpdate }) => {
          const field = m.relations.find(candidate => candidate.name === relationName) as RelationField
          return {
            name: field.name,
            target: field.target.name,
            list: field.list,
            optional: field.optional,
            hidden: field.hidden,
            fields: [...field.fields],
            references: [...field.references],
            // DMMF has no word on an action that is not spelled out.
            onDelete: relationOnDelete === undefined ? undefined : field.onDelete,
            onUpdate: relationOnUpdate === undefined ? undefined : field.onUpdate,
            opposite: field.opposite.name,
          }
        }),
    }
  })
}

/** A `where` calls a unique of one field by the field. */
function nameOf(name: string | null, fields: readonly string[]): string {
  return fields.length === 1 ? (fields[0] as string) : (name ?? fields.join('_'))
}

function keyText(name: string, fields: readonly string[]): string {
  return `${name}(${fields.join()})`
}

function namesOf(key: Key): string[] {
  return key.fields.map(field => field.name)
}

function model(schema: Schema, name: string): Model {
  const found = schema.models.get(name)
  if (found === undefined) throw new Error(`no model ${name}`)
  return found
}

function relation(schema: Schema, modelName: string, name: string): string {
  return relationText(model(schema, modelName).relations.find(field => field.name === name) as RelationField)
}

function foreignKeys(schema: Schema): string[] {
  return [...schema.models.values()].flatMap(m => m.relations.filter(r => r.fields.length > 0).map(relationText))
}

function relationText(r: RelationField): string {
  const mark = ({ list, optional }: RelationField) => (list ? '[]' : optional ? '?' : '')
  return (
    `${r.model.name}.${r.name}${mark(r)}(${r.fields.join()}) -> ${r.target.name}(${r.references.join()}) ` +
    `delete ${r.onDelete} update ${r.onUpdate} / ${r.target.name}.${r.opposite.name}${mark(r.opposite)}`
  )
}

/** A schema without its circles. */
function plain(schema: Schema) {
  return [...schema.models.values()].map(m => ({
    ...m,
    relations: m.relations.map(relationText),
  }))
}
