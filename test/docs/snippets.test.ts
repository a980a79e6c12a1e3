/**
 * Every `ts` block of the pages compiles under `strict` against this package, and runs on a real Postgres and Redis.
 *
 * A block with imports is a program. A block without gets the names of `preamble.ts`. The blocks of the walkthrough are one
 * program, whose output is that of the `text` blocks behind them. A block that can't run is marked `ts no-run`, and says
 * why in its first line. A block marked `ts before` needs another package: `npm run examples` compiles and runs it.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../support/commands.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { createWorld, type World } from '../support/world.js'
import { type Block, blocksOf, PAGES, read } from './pages.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = `${root}generated/docs`
const WALKTHROUGH = 'docs/walkthrough.md'
const MARKER = '---- step'

const blocks = PAGES.flatMap(blocksOf).filter(({ language, mark }) => language === 'ts' && !mark.startsWith('before'))
const snippets = blocks.filter(({ page }) => page !== WALKTHROUGH)
const titled = snippets.map(block => [`${block.page}:${block.line}`, block] as const)

const nameOf = ({ page, line }: Block) => `${page.replace(/\W/g, '-')}-${line}`

let world: World
let redis: RedisServer
beforeAll(async () => {
  world = await createWorld()
  redis = await startRedis() // of our own: the snippets have no prefix
  await rm(folder, { recursive: true, force: true })
  await mkdir(`${folder}/generated/prisma`, { recursive: true })
  const preamble = read('test/docs/preamble.ts')
  const names = [...preamble.matchAll(/^export (?:const|function|declare const) (\w+)|^export \{ (.*) \}/gm)].flatMap(
    ([, name, list]) => name ?? list?.split(', ') ?? [],
  )
  await Promise.all([
    writeFile(`${folder}/generated/prisma/client.ts`, `export * from '../../../prisma/client.js'\n`),
    writeFile(
      `${folder}/preamble.ts`,
      preamble
        .replace('../../generated/prisma', './generated/prisma')
        .replace('../../src/index.js', 'prisma-extension-cache-aside'),
    ),
    writeFile(`${folder}/run.ts`, RUN),
    writeFile(`${folder}/tsconfig.json`, JSON.stringify(TSCONFIG)),
    writeFile(`${folder}/walkthrough.ts`, walkthrough()),
    ...snippets.map(block => writeFile(`${folder}/${nameOf(block)}.ts`, moduleOf(block, names))),
  ])
})
afterAll(async () => {
  await world.close()
  await redis.stop()
})

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2024'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    paths: {
      'prisma-extension-cache-aside': ['../../src/index.ts'],
      'prisma-extension-cache-aside/testing': ['../../src/testing/index.ts'],
      'prisma-extension-cache-aside/otel': ['../../src/observe/otel.ts'],
      'prisma-extension-cache-aside/prometheus': ['../../src/observe/prometheus.ts'],
    },
  },
  include: ['*.ts'],
}

/** Imports the modules named by its arguments one after the other, and says of each how it ended. */
const RUN = `
const ends: Record<string, string> = {}
const print = console.log
console.log = () => {}
for (const name of process.argv.slice(2)) {
  try {
    await import(\`./\${name}.js\`)
    ends[name] = 'ran'
  } catch (error) {
    ends[name] = String(error)
  }
}
print(JSON.stringify(ends))
process.exit()
`

function moduleOf({ code }: Block, names: readonly string[]): string {
  const isDeclared = (name: string) =>
    new RegExp(
      `\\b(?:const|let|function|class) \\{?[^=]*\\b${name}\\b[^=]*=|^import .*\\b${name}\\b.* from `,
      'm',
    ).test(code)
  const used = names.filter(name => new RegExp(`\\b${name}\\b`).test(code) && !isDeclared(name))
  const preamble = used.length === 0 ? '' : `import { ${used.join(', ')} } from './preamble.js'\n`
  return `${preamble}${code}\nexport {}\n`
}

function walkthrough(): string {
  return blocksOf(WALKTHROUGH)
    .filter(({ language }) => language === 'ts')
    .map(({ code }, step) => `console.log('${MARKER} ${step}')\n${code}`)
    .join('\n')
}

const env = () => ({ ...process.env, DATABASE_URL: world.databaseUrl, REDIS_URL: redis.url, NODE_ENV: 'test' })

it('every snippet compiles under strict', async () => {
  await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', folder], {
    cwd: root,
    withinMs: 120_000,
  })
}, 130_000)

describe('a snippet', () => {
  let ends: Record<string, string>
  beforeAll(async () => {
    await world.plain.user.create({ data: { id: 42, email: 'grace@x.org', name: 'Grace' } })
    const runnable = snippets.filter(({ mark }) => !mark.startsWith('no-run')).map(nameOf)
    const printed = await run(process.execPath, ['--import', 'tsx', `${folder}/run.ts`, ...runnable], {
      cwd: root,
      env: { ...env(), TSX_TSCONFIG_PATH: `${folder}/tsconfig.json` },
      withinMs: 120_000,
    })
    ends = JSON.parse(printed) as Record<string, string>
  }, 130_000)

  it.each(titled)('%s runs, or says why it does not', (_, block) => {
    if (block.mark.startsWith('no-run')) expect(block.code).toMatch(/^\/\/ Not run/)
    else expect(ends[nameOf(block)]).toBe('ran')
  })
})

it('the walkthrough prints what it says', { timeout: 130_000, retry: 2 }, async () => {
  await world.plain.user.deleteMany({ where: { email: 'ada@x.org' } })
  const printed = await run(process.execPath, ['--import', 'tsx', `${folder}/walkthrough.ts`], {
    cwd: root,
    env: { ...env(), TSX_TSCONFIG_PATH: `${folder}/tsconfig.json` },
    withinMs: 60_000,
  })
  const steps = printed.split(new RegExp(`^${MARKER} \\d+\n`, 'm')).slice(1)
  const expected = blocksOf(WALKTHROUGH).reduce<string[]>((outputs, { language, code }) => {
    if (language === 'ts') outputs.push('')
    else outputs[outputs.length - 1] += code
    return outputs
  }, [])
  expect(steps).toEqual(expected)
})
