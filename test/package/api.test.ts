/** The public types are those on record. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { run } from '../support/commands.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

beforeAll(async () => {
  if (!existsSync(`${root}dist`)) await run(process.execPath, ['scripts/build.mjs'], { cwd: root, withinMs: 60_000 })
})

it('the public types are those in api.txt: a change of them is made on purpose, by `npm run api`', async () => {
  const printed = await run(process.execPath, ['scripts/api.mjs'], { cwd: root, withinMs: 30_000 })
  expect(printed).toBe(await readFile(new URL('api.txt', import.meta.url), 'utf8'))
})
