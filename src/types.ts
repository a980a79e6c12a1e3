/** Types that follow the client which is extended. */
import type { Types } from '@prisma/client/runtime/client'

/** The model and operation map of a Prisma client, as its `$extends` knows it. */
type TypeMapOf<Client> = Client extends {
  $extends: Types.Extensions.ExtendsHook<'extends', infer _Callback, infer _Arguments, infer TypeMap>
}
  ? TypeMap
  : never

/** The names of the models in the schema, or any string where the client's type is not known. */
export type ModelName<Client> = unknown extends Client
  ? string
  : TypeMapOf<Client> extends { model: infer Models }
    ? Extract<keyof Models, string>
    : string

/** The names of a model's scalar fields, or any string where the client's type is not known. */
export type FieldName<Client, Model> =
  TypeMapOf<Client> extends { model: infer Models }
    ? Model extends keyof Models
      ? Models[Model] extends { payload: { scalars: infer Scalars } }
        ? Extract<keyof Scalars, string>
        : string
      : string
    : string

/** What `findUnique` of a model takes as `where`. */
export type UniqueWhere<Client, Model> =
  TypeMapOf<Client> extends { model: infer Models }
    ? Model extends keyof Models
      ? Models[Model] extends { operations: { findUnique: { args: { where: infer Where } } } }
        ? Where
        : never
      : Record<string, unknown>
    : Record<string, unknown>

/** The unique `where` of each model. */
export type Wheres<Client> = { [Model in ModelName<Client>]: UniqueWhere<Client, Model> }

/** What `findMany` of a model takes as `where`. */
export type ManyWhere<Client, Model> =
  TypeMapOf<Client> extends { model: infer Models }
    ? Model extends keyof Models
      ? Models[Model] extends { operations: { findMany: { args: { where?: infer Where } } } }
        ? Where
        : never
      : Record<string, unknown>
    : Record<string, unknown>

/** The `where` of each model, as `findMany` takes it. */
export type ManyWheres<Client> = { [Model in ModelName<Client>]: ManyWhere<Client, Model> }
