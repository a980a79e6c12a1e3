/** The package as npm would publish it, in projects of their own: nothing of this repository but what it declares it needs. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import { createExtension } from '../../src/extension.js'
import type * as Package from '../../src/index.js'
import { Store } from '../../src/redis/store.js'
import { run } from '../support/commands.js'
import { newClient, useWorld } from '../support/world.js'
import { CONSUMER, consumerSchema, TSCONFIG } from './consumer.js'

const NAME = 'prisma-extension-cache-aside'
const root = fileURLToPath(new URL('../../', import.meta.url))

interface Manifest {
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
  peerDependenciesMeta: Record<string, { optional?: boolean }>
}

const world = useWorld()
let temporary: string
let tarball: string
let manifest: Manifest
/** A project that has nothing but the package and what the package needs. */
let bare: string
let published: string[]

beforeAll(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), 'prisma-cache-aside-tarball-')))
  if (!existsSync(join(root, 'dist')))
    await run(process.execPath, ['scripts/build.mjs'], { cwd: root, withinMs: 60_000 })
  await run('npm', ['pack', '--ignore-scripts', '--offline', '--silent', '--pack-destination', temporary], {
    cwd: root,
    withinMs: 60_000,
  })
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  tarball = join(temporary, `${NAME}-${version}.tgz`)
  const listed = await run('tar', ['-tzf', tarball], { withinMs: 10_000 })
  published = listed
    .trim()
    .split('\n')
    .map(file => file.replace(/^package\//, ''))
  bare = await project('bare', ['@prisma/client', 'msgpackr', 'lru-cache'])
  manifest = JSON.parse(await readFile(join(bare, 'node_modules', NAME, 'package.json'), 'utf8')) as Manifest
})
afterAll(async () => {
  await rm(temporary, { recursive: true, force: true })
})

/** A folder with the unpacked package in its node_modules, beside links to what this repository has installed. */
async function project(name: string, linked: readonly string[], ioredis = 'ioredis'): Promise<string> {
  const folder = join(temporary, name)
  const unpacked = join(folder, 'node_modules', NAME)
  await mkdir(unpacked, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', unpacked], { withinMs: 10_000 })
  for (const path of linked) await link(folder, path)
  await link(folder, 'ioredis', ioredis)
  return folder
}

async function link(folder: string, name: string, installedAs = name): Promise<void> {
  const path = join(folder, 'node_modules', name)
  await mkdir(dirname(path), { recursive: true })
  await symlink(await realpath(join(root, 'node_modules', installedAs)), path)
}

/** Runs a program in a project and answers what it printed, as JSON. */
async function node(folder: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const printed = await run(process.execPath, [file], {
    cwd: folder,
    env: { ...process.env, ...env },
    withinMs: 60_000,
  })
  return JSON.parse(printed)
}

async function program(name: string, code: string): Promise<unknown> {
  await writeFile(join(bare, name), code)
  return node(bare, name)
}

/** The package in both formats, in this process. */
async function bothFormats(): Promise<{ imported: typeof Package; required: typeof Package }> {
  const imported = (await import(
    /* @vite-ignore */ pathToFileURL(join(bare, 'node_modules', NAME, 'dist/esm/index.js')).href
  )) as typeof Package
  const required = createRequire(join(bare, 'index.js'))(NAME) as typeof Package
  return { imported, required }
}

describe('what is published', () => {
  it('needs msgpackr and lru-cache, and of the application @prisma/client and ioredis', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['lru-cache', 'msgpackr'])
    const { peerDependencies, peerDependenciesMeta } = manifest
    const peers = Object.keys(peerDependencies).toSorted()
    const isOptional = (name: string) => peerDependenciesMeta[name]?.optional === true
    expect(peers.filter(name => !isOptional(name))).toEqual(['@prisma/client', 'ioredis'])
    expect(peers.filter(isOptional)).toEqual(['@opentelemetry/api', 'pg', 'pg-logical-replication', 'prom-client'])
    expect(manifest).not.toHaveProperty('optionalDependencies')
    expect(manifest).not.toHaveProperty('bundledDependencies')
  })

  it('runs nothing when it is installed', () => {
    const { scripts = {} } = manifest as { scripts?: Record<string, string> }
    const install = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    expect(Object.keys(scripts).filter(name => install.includes(name))).toEqual([])
  })
})

describe('import and require', () => {
  const names = ['CacheAsideError', 'cacheAside', 'default', 'withCache']
  const facts = `JSON.stringify({
    names: Object.keys(it).toSorted(),
    same: it.default === it.cacheAside,
    takes: it.cacheAside.length,
    error: new it.CacheAsideError('INVALID_CALL', 'why') instanceof Error,
  })`

  it('import gives cacheAside, named and as default, CacheAsideError, and nothing else', async () => {
    const given = await program('names.mjs', `import * as it from '${NAME}'; console.log(${facts})`)
    expect(given).toEqual({ names, same: true, takes: 1, error: true })
  })

  it('require gives the same', async () => {
    const given = await program('names.cjs', `const it = require('${NAME}'); console.log(${facts})`)
    expect(given).toEqual({ names, same: true, takes: 1, error: true })
  })

  it('both give memoryRedis of /testing, and nothing else', async () => {
    const given = `JSON.stringify([Object.keys(it), it.memoryRedis({ lazyConnect: true }).status])`
    const imported = `import * as it from '${NAME}/testing'; console.log(${given})`
    const required = `const it = require('${NAME}/testing'); console.log(${given})`
    expect(await program('testing.mjs', imported)).toEqual([['memoryRedis'], 'wait'])
    expect(await program('testing.cjs', required)).toEqual([['memoryRedis'], 'wait'])
  })

  it.each([
    ['prometheus', ['prom-client'], ['prometheus', 'prometheusOfFeed']],
    ['otel', ['@opentelemetry/api'], ['otel']],
    ['postgres', ['pg-logical-replication', 'pg'], ['FeedError', 'changeFeed']],
  ])('both give /%s where %j is installed, and say that it is missing elsewhere', async (door, peers, exported) => {
    const given = 'JSON.stringify(Object.keys(it))'
    const imported = `import * as it from '${NAME}/${door}'; console.log(${given})`
    const required = `const it = require('${NAME}/${door}'); console.log(${given})`
    const observed = await project(`observed-${door}`, ['@prisma/client', 'msgpackr', 'lru-cache', ...peers])
    await writeFile(join(observed, 'door.mjs'), imported)
    await writeFile(join(observed, 'door.cjs'), required)
    expect(((await node(observed, 'door.mjs')) as string[]).toSorted()).toEqual(exported)
    expect(((await node(observed, 'door.cjs')) as string[]).toSorted()).toEqual(exported)
    const error = `error => console.log(JSON.stringify(error.message))`
    const missing = await program(`no-${door}.mjs`, `import('${NAME}/${door}').catch(${error})`)
    expect(peers.some(peer => String(missing).includes(`'${peer}'`))).toBe(true)
  })

  it('the cache loads nothing of /testing, /otel, /prometheus and /postgres', async () => {
    const code = `require('${NAME}')
      console.log(JSON.stringify(Object.keys(require.cache).filter(path => /[/]dist[/]cjs[/](?:testing|observe|feed)[/]|prom-client|opentelemetry|logical-replication/.test(path))))`
    expect(await program('loaded.cjs', code)).toEqual([])
    expect(await program('loads.cjs', code.replace(`'${NAME}'`, `'${NAME}/testing'`))).not.toEqual([])
  })

  it('import gives ES modules, require CommonJS', async () => {
    const code = `import { createRequire } from 'node:module'
      const cut = path => path.split('/${NAME}/').at(-1)
      console.log(JSON.stringify([
        cut(import.meta.resolve('${NAME}')),
        cut(createRequire(import.meta.url).resolve('${NAME}')),
      ]))`
    expect(await program('formats.mjs', code)).toEqual(['dist/esm/index.js', 'dist/cjs/index.js'])
  })

  it('no other file can be reached through the name of the package', async () => {
    const files = published.filter(file => file !== 'package.json')
    const guesses = ['core', 'extension', 'core.js', 'extension.js', 'src/extension.js', 'dist', 'dist/esm', 'dist/cjs']
    const paths = [...files, ...guesses].map(path => `${NAME}/${path}`)
    const code = `import { createRequire } from 'node:module'
      const require = createRequire(import.meta.url)
      const outcomes = new Set()
      for (const path of ${JSON.stringify(paths)}) {
        outcomes.add(await import(path).then(() => path, error => error.code))
        try { require(path); outcomes.add(path) } catch (error) { outcomes.add(error.code) }
      }
      console.log(JSON.stringify([...outcomes]))`
    expect(paths).toContain(`${NAME}/dist/esm/extension.js`)
    expect(await program('deep.mjs', code)).toEqual(['ERR_PACKAGE_PATH_NOT_EXPORTED'])
  })
})

describe('the guards', () => {
  /** Stands for a part without its guard. */
  class Unguarded extends Store {
    constructor(...parameters: ConstructorParameters<typeof Store>) {
      super(...parameters)
      throw new Error('unguarded')
    }
  }

  it('cannot be turned off from outside: cacheAside takes no second argument', async () => {
    const redis = new Redis(world.redisUrl)
    const options = { redis, models: { User: true }, prefix: `${world.prefix}guards:` } as const
    const base = newClient(world.databaseUrl)
    try {
      const { imported, required } = await bothFormats()
      for (const { cacheAside } of [imported, required]) {
        const careless = cacheAside as (...parameters: unknown[]) => ReturnType<typeof cacheAside>
        expect(() => base.$extends(careless(options, { Store: Unguarded }))).not.toThrow()
      }
      // The argument that is not passed on would have had an effect.
      expect(() => base.$extends(createExtension(options, { Store: Unguarded }))).toThrow('unguarded')
    } finally {
      await base.$disconnect()
      redis.disconnect()
    }
  })
})

describe('a client that cannot be extended', () => {
  /** A client with other internals, as another version, engine or database has them. */
  const altered = (internals: Record<string, unknown>): object =>
    Object.create(
      world.plain,
      Object.fromEntries(Object.entries(internals).map(([name, value]) => [name, { value }])),
    ) as object
  const withConfig = (config: object) =>
    altered({ _engineConfig: { ...(world.plain as unknown as { _engineConfig: object })._engineConfig, ...config } })

  const cases: [name: string, client: () => object, what: RegExp, advice: RegExp][] = [
    [
      'of another database',
      () => altered({ _activeProvider: 'mysql' }),
      /provider is "mysql", and only "postgresql" is supported/,
      /There is nothing to install: .* Remove the extension/,
    ],
    [
      'of another database, and too old as well',
      () => altered({ _activeProvider: 'sqlite', _clientVersion: '5.22.0' }),
      /provider is "sqlite"/,
      /Remove the extension/,
    ],
    [
      'too old, of 5',
      () => altered({ _clientVersion: '5.22.0' }),
      /@prisma\/client 5\.22\.0 is too old/,
      /Install 7\.0 or newer, or 6\.16 or newer with engineType = "client"/,
    ],
    [
      'too old, of 6',
      () => altered({ _clientVersion: '6.15.0' }),
      /@prisma\/client 6\.15\.0 is too old/,
      /Install 7\.0 or newer, or 6\.16 or newer/,
    ],
    [
      'of 6 with the engine in Rust',
      () => altered({ _clientVersion: '6.19.3', _engine: { name: 'LibraryEngine' } }),
      /the query engine written in Rust \(LibraryEngine\)/,
      /Set engineType = "client" .* pass a driver adapter/,
    ],
    [
      'of 7 with Accelerate',
      () => withConfig({ adapter: undefined, accelerateUrl: 'prisma://accelerate.prisma-data.net/?api_key=secret' }),
      /through Prisma Accelerate/,
      /Pass a driver adapter, .* in place of the URL/,
    ],
    [
      'of 6 with the URL of Accelerate',
      () => withConfig({ adapter: undefined, overrideDatasources: { db: { url: 'prisma://a.b/?api_key=secret' } } }),
      /through Prisma Accelerate/,
      /Pass a driver adapter, .* in place of the URL/,
    ],
    [
      'of 6 with the engine of Accelerate',
      () => altered({ _engine: { name: 'DataProxyEngine' } }),
      /through Prisma Accelerate/,
      /Pass a driver adapter/,
    ],
    [
      'without a driver adapter',
      () => withConfig({ adapter: undefined }),
      /the client has no driver adapter/,
      /Pass one, such as PrismaPg/,
    ],
    ['that is none', () => ({ $extends: () => ({}) }), /is no Prisma client/, /Call \$extends on a client/],
    [
      'without the schema in it',
      () => withConfig({ inlineSchema: undefined }),
      /@prisma\/client 7\.\d+\.\d+ does not keep its schema/,
      /newer than this package: update/,
    ],
    [
      'whose answers are made elsewhere',
      // Another object than its own: what is known of a schema is kept by it.
      () => altered({ _requestHandler: {}, _runtimeDataModel: { models: {} } }),
      /does not keep its schema and its classes/,
      /newer than this package: update/,
    ],
  ]

  it.each(cases)('%s is refused in both formats, with advice for its case', async (_name, client, what, advice) => {
    const { imported, required } = await bothFormats()
    expect(imported.cacheAside).not.toBe(required.cacheAside)
    const redis = new Redis(world.redisUrl)
    try {
      for (const { cacheAside, CacheAsideError } of [imported, required]) {
        const extend = cacheAside({ redis, models: { User: true } }) as unknown as (client: object) => unknown
        let refused: unknown
        try {
          extend(client())
        } catch (error) {
          refused = error
        }
        expect(refused).toBeInstanceOf(CacheAsideError)
        const { code, message } = refused as InstanceType<typeof CacheAsideError>
        expect(code).toBe('UNSUPPORTED_CLIENT')
        expect(message).toMatch(what)
        expect(message).toMatch(advice)
        expect(message).not.toContain('secret')
      }
    } finally {
      redis.disconnect()
    }
  })

  it('a client of Prisma 8 and of a build of its own (0.0.0) is looked at by what it has', async () => {
    const { imported } = await bothFormats()
    const redis = new Redis(world.redisUrl)
    const extend = imported.cacheAside({
      redis,
      models: { User: true },
      prefix: `${world.prefix}newer:`,
    }) as unknown as (client: object) => { $cache: { close(): unknown } }
    for (const version of ['8.1.0-dev.7', '7', '0.0.0', '6.16.0']) {
      await extend(altered({ _clientVersion: version })).$cache.close()
    }
    redis.disconnect()
  })

  it('the package loads beside any version of Prisma, or none, so that it can say so', async () => {
    const alone = await project('alone', ['msgpackr', 'lru-cache'])
    const told = `let refused
      try { it.cacheAside({ redis: new Redis({ lazyConnect: true }), models: {} })({ _clientVersion: '5.22.0', _engineConfig: {} }) }
      catch (error) { refused = error.code + ' ' + error.message.includes('5.22.0 is too old') }
      console.log(JSON.stringify(refused))`
    await writeFile(join(alone, 'alone.mjs'), `import * as it from '${NAME}'; import { Redis } from 'ioredis'; ${told}`)
    await writeFile(
      join(alone, 'alone.cjs'),
      `const it = require('${NAME}'); const { Redis } = require('ioredis'); ${told}`,
    )
    for (const file of ['alone.mjs', 'alone.cjs']) {
      expect(await node(alone, file)).toBe('UNSUPPORTED_CLIENT true')
    }
  })
})

describe('both formats in one process', () => {
  it('share what is cached, and each drops what the other has filled', async () => {
    const { imported, required } = await bothFormats()
    expect(imported.cacheAside).not.toBe(required.cacheAside)
    const redis = new Redis(world.redisUrl)
    const base = newClient(world.databaseUrl)
    const extended = ({ cacheAside }: typeof Package) =>
      (base as PrismaClient).$extends(
        cacheAside({
          redis,
          models: { User: true },
          prefix: `${world.prefix}both:`,
          deadlineMs: 10_000,
          invalidationDeadlineMs: 10_000,
        }),
      )
    const [one, other] = [extended(imported), extended(required)]
    try {
      const { id } = await one.user.create({ data: { email: 'both@x.org' } })
      const where = { id }
      for (const [writer, reader, name] of [
        [one, other, 'Ada'],
        [other, one, 'Grace'],
      ] as const) {
        await writer.user.update({ where, data: { name } })
        expect(await writer.user.findUnique({ where })).toMatchObject({ name })
        // Over the same connection: the fill comes first.
        const before = reader.$cache.stats().hits
        expect(await reader.user.findUnique({ where })).toMatchObject({ name })
        expect(reader.$cache.stats().hits).toBe(before + 1)
      }
    } finally {
      await one.$cache.close()
      await other.$cache.close()
      await base.$disconnect()
      redis.disconnect()
    }
  })

  it('tell their errors by code', async () => {
    const { imported, required } = await bothFormats()
    for (const { cacheAside } of [imported, required]) {
      expect(() => cacheAside({} as never)).toThrow(
        expect.objectContaining({ name: 'CacheAsideError', code: 'INVALID_OPTION' }) as Error,
      )
    }
  })
})

describe.each([
  ['an ES module project', { type: 'module', ioredis: 'ioredis' }],
  ['a CommonJS project', { type: 'commonjs', ioredis: 'ioredis' }],
  ['a CommonJS project with ioredis 5', { type: 'commonjs', ioredis: 'ioredis5' }],
] as const)('%s in TypeScript', (_name, { type, ioredis }) => {
  it('compiles with the types of its own client, and runs', async () => {
    const folder = await project(`${type}-${ioredis}`, ['@prisma', '@types', 'msgpackr', 'lru-cache'], ioredis)
    await Promise.all([
      writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type })),
      writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG)),
      writeFile(join(folder, 'consumer.ts'), CONSUMER),
      writeFile(join(folder, 'schema.prisma'), consumerSchema(type === 'module' ? 'esm' : 'cjs')),
    ])
    await tool(folder, 'prisma/build/index.js', 'generate', '--schema', 'schema.prisma')
    await tool(folder, 'typescript/bin/tsc')
    const env = {
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      PREFIX: `${world.prefix}${type}${ioredis}:`,
    }
    expect(await node(folder, 'out/consumer.js', env)).toEqual({
      email: `${env.PREFIX}@x.org`,
      hits: 1,
      invalidated: 'done',
      same: true,
      refused: 'INVALID_OPTION',
      inMemory: [1, 'OOM'],
    })
  }, 120_000)
})

/** Runs a tool of this repository in another project. */
async function tool(folder: string, file: string, ...args: string[]): Promise<void> {
  const ran = promisify(execFile)(process.execPath, [join(root, 'node_modules', file), ...args], {
    cwd: folder,
    // As in scripts/generate.mjs: generate asks for the schema engine and never runs it.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
    timeout: 60_000,
  })
  await ran.catch((error: Error & { stdout?: string; stderr?: string }) => {
    throw new Error(`${file} says:\n${error.stdout}\n${error.stderr}`, { cause: error })
  })
}
