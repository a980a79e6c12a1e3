/**
 * A client for a schema text, made in this process as a generated one makes itself: `prisma generate` takes a second. Of the
 * version that is installed, which `npm run matrix` changes.
 */
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import * as runtime from '@prisma/client/runtime/client'
import { getDMMF } from '@prisma/get-dmmf'

export interface AnyClient {
  $connect(): Promise<void>
  $disconnect(): Promise<void>
  $executeRawUnsafe(text: string): Promise<number>
  $queryRawUnsafe(text: string): Promise<unknown>
  $transaction(run: (tx: object) => Promise<unknown>, options?: object): Promise<unknown>
  $extends(extension: unknown): object
}

type Maker = new (options: { adapter: PrismaPg; errorFormat: 'minimal' }) => AnyClient

/** What a generated client has in its `internal/class.ts`. */
interface Config {
  previewFeatures: readonly string[]
  clientVersion: string
  engineVersion: string
  activeProvider: 'postgresql'
  inlineSchema: string
  runtimeDataModel: object
  /** No plan is shared between values of args. */
  parameterizationSchema: { strings: string[]; graph: string }
  compilerWasm: object
  /** The rest is of Prisma 6. */
  generator: object
  dirname: string
  relativePath: string
  datasourceNames: readonly string[]
  inlineDatasources: object
}

interface Dmmf {
  readonly datamodel: {
    readonly models: readonly {
      name: string
      dbName: string | null
      schema: string | null
      fields: readonly DmmfField[]
    }[]
    readonly enums: readonly {
      name: string
      values: readonly { name: string; dbName: string | null }[]
      dbName: string | null
    }[]
  }
}

interface DmmfField {
  readonly name: string
  readonly kind: string
  readonly type: string
  readonly relationName?: string
  readonly dbName?: string | null
}

export class Refused extends Error {
  override readonly name = 'Refused'
}

const require = createRequire(import.meta.url)
const { version } = require('@prisma/client/package.json') as { version: string }
const isOf6 = version.startsWith('6.')

/** Until 7.3 there is one compiler, then a fast one and a small one. */
const name = isThere('query_compiler_fast_bg') ? 'query_compiler_fast_bg' : 'query_compiler_bg'
const wasm = `@prisma/client/runtime/${name}.postgresql`

function isThere(compiler: string): boolean {
  try {
    require.resolve(`@prisma/client/runtime/${compiler}.postgresql.mjs`)
    return true
  } catch {
    return false
  }
}

// No library of types here has it.
const { WebAssembly: Wasm } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } }
let compiler: Promise<object> | undefined

async function compiled(): Promise<object> {
  const { wasm: base64 } = (await import(`${wasm}.wasm-base64.mjs`)) as { wasm: string }
  return new Wasm.Module(Buffer.from(base64, 'base64'))
}

const NO_URL = 'postgresql://127.0.0.1:1/none'

const compilerWasm = {
  getRuntime: async (): Promise<unknown> => await import(`${wasm}.mjs`),
  getQueryCompilerWasmModule: () => (compiler ??= compiled()),
  importName: `./${name}.js`,
}

/**
 * How to make clients of a schema.
 *
 * @param max - connections of each
 * @throws Refused if Prisma does not accept it
 */
export function clientsOf(given: string, preview: readonly string[], max = 4): (databaseUrl: string) => AnyClient {
  // What `npm run matrix` writes into schemas for Prisma 6; here it is Prisma 7 that reads them first.
  const text = given.replaceAll(/^ *(?:url|engineType) += .*\n/gm, '')
  const dmmf = getDMMF({ datamodel: text }) as unknown as Dmmf & { error?: Error }
  if (dmmf.error !== undefined) throw new Refused(dmmf.error.message)
  const { models, enums } = dmmf.datamodel
  const named = <T extends { name: string }>(list: readonly T[], of: (each: T) => object) =>
    Object.fromEntries(list.map(each => [each.name, of(each)]))
  const config: Config = {
    previewFeatures: preview,
    clientVersion: '7',
    engineVersion: '0',
    activeProvider: 'postgresql',
    // Which database it is, is the adapter's to know: the URL is not looked at.
    inlineSchema: isOf6 ? text.replace(/^datasource .*$/m, `$&\n  url = "${NO_URL}"`) : text,
    runtimeDataModel: {
      models: named(models, ({ fields, dbName, schema }) => ({
        dbName,
        schema,
        fields: fields.map(field => ({
          name: field.name,
          kind: field.kind,
          type: field.type,
          ...(field.relationName !== undefined && { relationName: field.relationName }),
          ...(field.dbName != null && { dbName: field.dbName }),
        })),
      })),
      enums: named(enums, ({ values, dbName }) => ({ values, dbName })),
      types: {},
    },
    parameterizationSchema: { strings: [], graph: 'A'.repeat(24) },
    compilerWasm,
    generator: {
      name: 'client',
      provider: { fromEnvVar: null, value: 'prisma-client' },
      output: { fromEnvVar: null, value: '' },
      config: { engineType: 'client' },
      binaryTargets: [],
      previewFeatures: preview,
      sourceFilePath: '',
      isCustomOutput: true,
    },
    dirname: '',
    relativePath: '..',
    datasourceNames: ['db'],
    inlineDatasources: { db: { url: { fromEnvVar: null, value: NO_URL } } },
  }
  const Client = (runtime as unknown as { getPrismaClient(config: Config): Maker }).getPrismaClient(config)
  return databaseUrl =>
    new Client({ adapter: new PrismaPg({ connectionString: databaseUrl, max }), errorFormat: 'minimal' })
}
