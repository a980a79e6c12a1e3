/** What an application that exports its client pays in its own `.d.ts`: a line, and not the types of all models written out. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { run } from '../support/commands.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Bytes of the declaration of a module that exports this. */
async function declared(client: string): Promise<number> {
  const folder = join(root, 'generated', `declared-${randomBytes(4).toString('hex')}`)
  await mkdir(folder)
  const source = `
    import { PrismaClient } from '../prisma/client.js'
    import { cacheAside, withCache } from '../../src/index.js'
    declare const base: PrismaClient
    void [cacheAside, withCache]
    export const prisma = ${client}
  `
  await writeFile(join(folder, 'client.ts'), source)
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: 'out', rootDir: root },
    include: ['client.ts'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  try {
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      cwd: root,
      withinMs: 120_000,
    })
    const text = await readFile(join(folder, 'out', folder.slice(root.length), 'client.d.ts'), 'utf8')
    return text.length
  } finally {
    await rm(folder, { recursive: true })
  }
}

it('the declaration of an exported client grows by a line', { timeout: 300_000 }, async () => {
  const plain = await declared('base')
  const options = `{ redis: process.env['REDIS_URL'], models: { User: true } }`
  expect((await declared(`withCache(base, ${options})`)) - plain).toBeLessThan(600)
  // The other door has the types that Prisma gives to extended clients, with all models.
  expect((await declared(`base.$extends(cacheAside(${options}))`)) - plain).toBeGreaterThan(2000)
})
