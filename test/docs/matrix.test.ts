/**
 * The ranges in package.json are those of which the matrix has a row at each bound that is green: the application compiles, and does
 * every kind of read and write right, as ES modules and as CommonJS. In the rows that bound a range, promise tests and fuzz are
 * green too.
 */
import { describe, expect, it } from 'vitest'
import { PARTS, type Result } from '../../matrix/page.js'
import { REFUSALS, ROWS } from '../../matrix/rows.js'
import { read } from './pages.js'

const { peerDependencies, engines } = JSON.parse(read('package.json')) as {
  peerDependencies: Record<'@prisma/client' | 'ioredis', string>
  engines: { node: string }
}
const results = JSON.parse(read('docs/matrix.json')) as Result[]

/** `^6.16.0 || ^7.0.0`: the lowest of each part. */
const lowest = (range: string) =>
  range.split('||').map(part => {
    const [major, minor = '0', patch = '0'] = part
      .trim()
      .replace(/^(\^|>=)/, '')
      .split('.')
    return [major, minor, patch].join('.')
  })
const majorOf = (version: string) => version.split('.')[0]
const newest = (versions: readonly string[]) =>
  versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)

const CHECKS = ['install', 'types', 'esm', 'cjs'] as const
const isGreen = (result: Result) =>
  result.refused === undefined ? CHECKS.every(name => result[name]?.ok === true) : result.refused.ok
const checked = results.filter(result => result.refused === undefined && isGreen(result))

describe('of each range in package.json the matrix has a row whose checks are green,', () => {
  const ranges = [
    ['@prisma/client', peerDependencies['@prisma/client'], ({ versions }: Result) => versions.prisma],
    ['ioredis', peerDependencies.ioredis, ({ versions }: Result) => versions.ioredis],
    ['node', engines.node, ({ versions }: Result) => versions.node],
  ] as const

  it.each(ranges)('%s %s: at each lower bound', (_name, range, versionOf) => {
    const tried = checked.map(versionOf)
    expect(lowest(range).filter(version => !tried.includes(version))).toEqual([])
  })

  it.each(ranges)('%s %s: with the newest of each major that is in the matrix', (_name, range, versionOf) => {
    const tried = checked.map(versionOf)
    const all = results.flatMap(result => versionOf(result) ?? [])
    const ends = lowest(range).map(bound => newest(all.filter(version => majorOf(version) === majorOf(bound))))
    expect(ends.filter(version => version === undefined || !tried.includes(version))).toEqual([])
  })

  it('ESM and CommonJS', () => {
    expect(new Set(checked.map(({ versions }) => versions.suite))).toEqual(new Set(['ESM', 'CJS']))
  })
})

it('what is red stands on the page, with the command that repeats it', () => {
  const page = read('docs/matrix.md')
  for (const result of results) {
    for (const name of PARTS) {
      const part = result[name]
      if (part?.ok === false) expect(page).toContain(`- ${result.name}, ${name}: ${part.text}\n  \`${part.command}\``)
    }
  }
})

it('the checks of each row of the matrix were run, and are green', () => {
  const green = new Set(results.filter(isGreen).map(({ name }) => name))
  expect([...ROWS, ...REFUSALS].map(({ name }) => name).filter(name => !green.has(name))).toEqual([])
})

it('promise tests and fuzz of each row that bounds a range were run, and are green', () => {
  const full = ROWS.filter(row => row.full)
  expect(full.length).toBeGreaterThan(6)
  const isFull = ({ promises, fuzz }: Result) => promises?.ok === true && fuzz?.ok === true
  const green = new Set(results.filter(isFull).map(({ name }) => name))
  expect(full.map(({ name }) => name).filter(name => !green.has(name))).toEqual([])
})

it('what the README says it needs is what package.json has', () => {
  const [, sentence = ''] = /\nIt needs ([\s\S]*?)\n\n/.exec(read('README.md')) ?? []
  expect(peerDependencies['@prisma/client']).toBe('^6.16.0 || ^7.0.0')
  expect(sentence).toMatch(/Prisma 7, or 6\.16 and newer/)
  expect(peerDependencies.ioredis).toBe('^5.4.0 || ^6.0.0')
  expect(sentence).toMatch(/ioredis 5\.4 or 6;/)
  expect(engines.node).toBe('^20.19 || ^22.12 || >=24.0')
  expect(sentence).toMatch(/Node 20\.19, 22\.12, or 24;/)
})
