/** What is done in a row. Each part answers a few words for its cell of the table, or throws. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { CONSUMER, consumerSchema, TSCONFIG } from '../test/package/consumer.js'
import { generate, NAME, type Project, root, schemaFor } from './project.js'
import type { Refusal, Row } from './rows.js'
import { Failed } from './run.js'

export interface Urls {
  readonly database: string
  readonly redis: string
}

const FORMATS = ['esm', 'cjs'] as const
type Format = (typeof FORMATS)[number]

// ---- types

/**
 * An application is compiled with each TypeScript, `skipLibCheck` off, as ES modules and as CommonJS, and run. Where it does not
 * compile, the same is tried without this package: if that fails too, in the declarations of others, ours are held to have no error.
 */
export async function checkTypes(project: Project, { prisma, typescript }: Row, urls: Urls): Promise<string> {
  const notes: string[] = []
  for (const format of FORMATS) {
    const folder = `consumer-${format}`
    const path = join(project.folder, folder)
    await mkdir(path, { recursive: true })
    const type = format === 'esm' ? 'module' : 'commonjs'
    await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type }))
    await writeFile(join(path, 'schema.prisma'), schemaFor(prisma, consumerSchema(format)))
    await generate(project, `${folder}/schema.prisma`)
    for (const version of typescript) {
      const tsc = join(project.folder, 'node_modules', `typescript-${version}`, 'bin/tsc')
      await writeFile(join(path, 'consumer.ts'), CONSUMER)
      const compile = async (out: string) => {
        const compilerOptions = { ...TSCONFIG.compilerOptions, outDir: out }
        await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, compilerOptions }))
        return errorsOf(() => project.run([tsc], {}, 120_000, path))
      }
      const errors = await compile(`out-${version}`)
      if (errors.length > 0) {
        await writeFile(join(path, 'consumer.ts'), WITHOUT_US)
        const without = new Set((await compile('out-without')).map(placeless))
        const ours = errors.filter(error => !without.has(placeless(error)) || error.includes(NAME))
        if (ours.length > 0) throw new Error(`TypeScript ${version}, ${format}: ${ours.slice(0, 5).join('\n')}`)
        const [other = ''] = without
        notes.push(`${version} ${format}: ${without.size} errors of others, the same without this package: ${other}`)
      }
      const prefix = `matrix:${format}:${version}:${process.pid}:${Date.now()}:`
      const env = { DATABASE_URL: urls.database, REDIS_URL: urls.redis, PREFIX: prefix }
      const printed = await project.run([`out-${version}/consumer.js`], env, 60_000, path)
      const expected = {
        email: `${prefix}@x.org`,
        hits: 1,
        invalidated: 'done',
        same: true,
        refused: 'INVALID_OPTION',
        inMemory: [1, 'OOM'],
      }
      if (printed.trim() !== JSON.stringify(expected)) throw new Error(`the ${format} consumer printed ${printed}`)
    }
  }
  return [typescript.join(', '), ...notes].join('; ')
}

/** What an application has that does not use this package. */
const WITHOUT_US = `
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient, type User } from './generated/client.js'
export const redis = new Redis()
export const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: '' }) })
export const user: Promise<User> = plain.$extends({}).user.findUniqueOrThrow({ where: { id: 1 } })
`

async function errorsOf(compile: () => Promise<unknown>): Promise<string[]> {
  try {
    await compile()
    return []
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    const lines = error.output.split('\n').filter(line => /\(\d+,\d+\): error TS\d+:/.test(line))
    // Whatever it is, an option for one, it is no complaint about types.
    if (lines.length === 0) throw error
    return lines
  }
}

function placeless(error: string): string {
  return error.replace(/\(\d+,\d+\)/, '')
}

// ---- the checks

/** The checks of checks.cjs in one format, with a client of each generator. */
export async function checkFormat(project: Project, { prisma }: Row, format: Format, urls: Urls): Promise<string> {
  const schema = schemaFor(prisma, await readFile(join(root, 'prisma/schema.prisma'), 'utf8'))
  const folder = join(project.folder, 'checks')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'checks.cjs'), await readFile(join(root, 'matrix/checks.cjs'), 'utf8'))
  const ts = schema
    .replace('"../generated/prisma"', `"./prisma-client-${format}"`)
    .replace(/moduleFormat( *)= "esm"/, `moduleFormat$1= "${format}"`)
  await writeFile(join(folder, `${format}.prisma`), ts)
  await generate(project, `checks/${format}.prisma`)
  const outfile = join(folder, `prisma-client-${format}.${format === 'esm' ? 'mjs' : 'cjs'}`)
  await build({
    entryPoints: [join(folder, `prisma-client-${format}/client.ts`)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format,
    outfile,
    logLevel: 'error',
  })
  // This generator writes CommonJS only, with a copy of Prisma's runtime: other classes than those of @prisma/client.
  const js = schema
    .replace('"../generated/prisma"', '"./prisma-client-js"')
    .replace(/"prisma-client"/, '"prisma-client-js"')
    .replace(/^ *(?:runtime|moduleFormat|importFileExtension) .*\n/gm, '')
  await writeFile(join(folder, 'js.prisma'), js)
  await generate(project, 'checks/js.prisma')

  const counts: string[] = []
  for (const generator of ['prisma-client', 'prisma-client-js']) {
    const client =
      generator === 'prisma-client'
        ? `./prisma-client-${format}.${format === 'esm' ? 'mjs' : 'cjs'}`
        : './prisma-client-js/index.js'
    const file = join(folder, `${generator}.run.${format === 'esm' ? 'mjs' : 'cjs'}`)
    await writeFile(file, program(format, client, urls))
    const printed = await project.run([file], {}, 120_000)
    const { passed, failed } = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as {
      passed: number
      failed: string[]
    }
    if (failed.length > 0) throw new Error(`${generator}, ${format}: ${failed.join('\n')}`)
    counts.push(String(passed))
  }
  return counts.join(' + ')
}

function program(format: Format, client: string, urls: Urls): string {
  const run = `const { PrismaClient, Prisma } = generated
check({ PrismaClient, Prisma, PrismaPg, Redis, cacheAside, CacheAsideError, urls: ${JSON.stringify(urls)} }).then(
  result => console.log(JSON.stringify(result)),
  error => { console.error(error); process.exitCode = 1 },
)
`
  if (format === 'esm') {
    return `import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { cacheAside, CacheAsideError } from '${NAME}'
import * as loaded from '${client}'
import check from './checks.cjs'
const generated = 'PrismaClient' in loaded ? loaded : loaded.default
${run}`
  }
  return `const { PrismaPg } = require('@prisma/adapter-pg')
const { Redis } = require('ioredis')
const { cacheAside, CacheAsideError } = require('${NAME}')
const generated = require('${client}')
const check = require('./checks.cjs')
${run}`
}

// ---- promise tests and fuzz

interface Reported {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** A file with a failure is run again by itself: on a busy machine a deadline may pass. */
export async function runPromises(
  project: Project,
  progress: (line: string) => void,
  files: readonly string[] = ['test/promises'],
): Promise<string> {
  const first = await vitest(project, files, {}, 60)
  const red = first.testResults.filter(({ status }) => status !== 'passed')
  const [passed, skipped] = [first.numPassedTests, first.numPendingTests]
  let again = 0
  const broken: string[] = []
  for (const { name } of red) {
    const file = name.slice(name.indexOf('test/promises'))
    progress(`red, again by itself: ${file}`)
    for (const text of failuresIn(first, name)) progress(text)
    const second = await vitest(project, [file], {}, 10)
    const failures = failuresIn(second, name)
    if (failures.length > 0) broken.push(...failures)
    else
      again +=
        first.testResults.find(each => each.name === name)?.assertionResults.filter(({ status }) => status === 'failed')
          .length ?? 0
  }
  if (broken.length > 0) throw new Error(`${passed} passed, ${broken.length} failed twice: ${broken.join('\n')}`)
  const notes = [
    ...(again > 0 ? [`${again} of them when run by itself`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  return [`${passed + again} passed`, ...notes].join(', ')
}

function failuresIn({ testResults }: Reported, name: string): string[] {
  return testResults
    .filter(each => each.name === name && each.status !== 'passed')
    .flatMap(({ message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed')
      if (failed.length === 0) return [`${name}: ${message}`]
      return failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages?.[0]?.slice(0, 600)}`)
    })
}

/** 60 s of random programs, and the control that finds a cache which drops nothing. */
export async function runFuzz(project: Project): Promise<string> {
  const report = await vitest(project, ['test/fuzz/fuzz.test.ts'], { FUZZ_SECONDS: '60', FUZZ_COVERAGE: 'any' }, 6)
  const failures = report.testResults.flatMap(({ name }) => failuresIn(report, name))
  if (failures.length > 0) throw new Error(failures.join('\n'))
  // Coloured or not.
  const numbers = report.printed.flatMap(line => /\{.*"programs":.*\}/.exec(line) ?? [])[0]
  if (numbers === undefined) throw new Error('the fuzzer has not said what it did')
  const { programs, writes, reads, hits } = JSON.parse(numbers) as Record<string, number>
  return `${programs} programs, ${writes} writes, ${reads} reads, ${Math.round((100 * (hits ?? 0)) / (reads ?? 1))} % hits`
}

async function vitest(
  project: Project,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  minutes: number,
): Promise<Reported & { readonly printed: readonly string[] }> {
  const json = join(project.folder, 'report.json')
  await writeFile(json, '')
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${json}`,
  ]
  let printed = ''
  try {
    printed = await project.run([...args, ...files], env, minutes * 60_000)
  } catch (error) {
    const report = await readFile(json, 'utf8')
    // A red test is in the report; anything else is none of its.
    if (report === '' || !(error instanceof Failed)) throw error
    printed = error.output
  }
  return {
    ...(JSON.parse(await readFile(json, 'utf8')) as Reported),
    printed: printed.split('\n').map(line => line.trim()),
  }
}

// ---- clients that are refused

export async function checkRefusal(project: Project, refusal: Refusal): Promise<string> {
  const { engineType, provider, options, advice } = refusal
  const isOld = /^[56]\./.test(refusal.prisma)
  const schema = `generator client {
  provider = "prisma-client-js"
  output = "./client"
  ${engineType === undefined ? '' : `engineType = "${engineType}"`}
}
datasource db {
  provider = "${provider}"
  ${isOld ? 'url = env("DATABASE_URL")' : ''}
}
model User {
  id Int @id
}
`
  await writeFile(join(project.folder, 'schema.prisma'), schema)
  await generate(project, 'schema.prisma')
  const body = `process.on('unhandledRejection', () => {})
process.env.DATABASE_URL = 'postgresql://127.0.0.1:1/none'
const { PrismaClient } = require('./client')
const client = new PrismaClient(${options})
const redis = new Redis({ lazyConnect: true })
let told
try {
  client.$extends(cacheAside({ redis, models: { User: true } }))
} catch (error) {
  told = { name: error.name, code: error.code, message: error.message }
}
console.log(JSON.stringify(told ?? null))
process.exit(0)
`
  const esm = `import { createRequire } from 'node:module'
import { Redis } from 'ioredis'
import { cacheAside } from '${NAME}'
const require = createRequire(import.meta.url)
${body}`
  const cjs = `const { Redis } = require('ioredis')
const { cacheAside } = require('${NAME}')
${body}`
  let message = ''
  for (const [file, code] of [
    ['refused.mjs', esm],
    ['refused.cjs', cjs],
  ] as const) {
    await writeFile(join(project.folder, file), code)
    const printed = await project.run([file])
    const told = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Record<string, string> | null
    if (told?.['code'] !== 'UNSUPPORTED_CLIENT') throw new Error(`${file}: ${printed}`)
    message = told['message'] ?? ''
    if (!message.includes(advice)) throw new Error(`${file} has other advice: ${message}`)
  }
  return message.replace(/^\[[\w-]+\] /, '')
}
