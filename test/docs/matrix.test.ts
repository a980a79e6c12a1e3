/** The ranges in package.json are those of which the matrix has a green row at each bound. */
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

const isGreen = (result: Result) => PARTS.every(name => result[name]?.ok !== false)
/** Promise tests and fuzz, too. */
const inFull = results.filter(result => isGreen(result) && result.promises?.ok === true && result.fuzz?.ok === true)

describe('of each range in package.json the matrix has a green row, with promise tests and fuzz,', () => {
  const ranges = [
    ['@prisma/client', peerDependencies['@prisma/client'], ({ versions }: Result) => versions.prisma],
    ['ioredis', peerDependencies.ioredis, ({ versions }: Result) => versions.ioredis],
    ['node', engines.node, ({ versions }: Result) => versions.node],
  ] as const

  it.each(ranges)('%s %s: at each lower bound', (_name, range, versionOf) => {
    const tried = inFull.map(versionOf)
    expect(lowest(range).filter(version => !tried.includes(version))).toEqual([])
  })

  it.each(ranges)('%s %s: with the newest of each major that is in the matrix', (_name, range, versionOf) => {
    const tried = inFull.map(versionOf)
    const all = results.flatMap(result => versionOf(result) ?? [])
    const ends = lowest(range).map(bound => newest(all.filter(version => majorOf(version) === majorOf(bound))))
    expect(ends.filter(version => version === undefined || !tried.includes(version))).toEqual([])
  })

  it('ESM and CommonJS', () => {
    expect(new Set(inFull.map(({ versions }) => versions.suite))).toEqual(new Set(['ESM', 'CJS']))
  })
})

it('each row of the matrix was run, and is green', () => {
  const green = new Set(results.filter(isGreen).map(({ name }) => name))
  expect([...ROWS, ...REFUSALS].map(({ name }) => name).filter(name => !green.has(name))).toEqual([])
})

it('what the README says it needs is what package.json has', () => {
  const [, sentence = ''] = /\nIt needs ([\s\S]*?)\n\n/.exec(read('README.md')) ?? []
  expect(peerDependencies['@prisma/client']).toBe('^6.16.0 || ^7.0.0')
  expect(sentence).toMatch(/Prisma 7, or 6\.16 and newer/)
  expect(peerDependencies.ioredis).toBe('^5.4.0 || ^6.0.0')
  expect(sentence).toMatch(/ioredis 5\.4 and newer\s+\(6 too\)/)
  expect(engines.node).toBe('^20.19 || ^22.12 || >=24.0')
  expect(sentence).toMatch(/Node 20\.19, 22\.12, or 24 and newer/)
})
