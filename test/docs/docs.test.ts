/** What the pages say is what the sources have. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { RULES } from '../../src/plan/effects.js'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' }).filter(name =>
  name.endsWith('.ts'),
)

it('every code of an error event is explained in docs/operations.md', () => {
  const page = read('docs/operations.md')
  const codes = new Set(
    sources.flatMap(name => [...read(`src/${name}`).matchAll(/code: '([A-Z_]+)'/g)].map(([, code]) => code as string)),
  )
  expect(codes.size).toBeGreaterThan(5)
  expect([...codes].filter(code => !page.includes(`| \`${code}\``))).toEqual([])
})

it('every option is in the README', () => {
  const page = read('README.md')
  const options = [...read('src/options.ts').matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name as string)
  expect(options.length).toBeGreaterThan(10)
  const internal = ['policies', 'ttlMs', 'negativeTtlMs', 'queriesTtlMs']
  expect(
    options.filter(name => !internal.includes(name) && !new RegExp(`\`(models\\.X\\.)?${name}\``).test(page)),
  ).toEqual([])
})

it('every rule of what a write drops is in docs/invalidation.md', () => {
  const page = read('docs/invalidation.md')
  expect(Object.keys(RULES).filter(rule => !page.includes(`| \`${rule}\``))).toEqual([])
})

it('files that the pages link to are there', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'docs/design.md',
    'docs/operations.md',
    'docs/invalidation.md',
    'docs/benchmarks.md',
  ]
  const missing = pages.flatMap(page =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, path]) => new URL(path as string, new URL(page, root)))
      .filter(url => {
        try {
          return readFileSync(url) === undefined
        } catch (error) {
          return (error as { code?: string }).code !== 'EISDIR'
        }
      })
      .map(url => `${page}: ${url.pathname}`),
  )
  expect(missing).toEqual([])
})
