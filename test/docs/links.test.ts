/** Links between the pages lead somewhere, and the README can be read on any screen. */
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchorsOf, exists, linksOf, PAGES, read } from './pages.js'

describe('a link', () => {
  const isOutside = (target: string) => /^(https?|mailto):/.test(target)

  it.each(PAGES)('of %s leads to a file that is there', page => {
    const missing = linksOf(page).filter(target => {
      if (isOutside(target) || target.startsWith('#')) return false
      return !exists(posix.join(posix.dirname(page), target.replace(/#.*/, '')))
    })
    expect(missing).toEqual([])
  })

  it.each(PAGES)('of %s with an anchor leads to a heading', page => {
    const missing = linksOf(page).filter(target => {
      const [file = '', anchor] = target.split('#')
      if (anchor === undefined || isOutside(target)) return false
      const other = file === '' ? page : posix.join(posix.dirname(page), file)
      return other.endsWith('.md') && !anchorsOf(other).has(anchor)
    })
    expect(missing).toEqual([])
  })

  it('in CONTRIBUTING, and a path that stands there as code, leads to a file that is there', () => {
    const paths = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|docs|bench|chaos|verify|prisma)\/[\w./-]*)`/g)]
    expect(paths.length).toBeGreaterThan(30)
    expect(paths.map(([, path]) => path as string).filter(path => !exists(path))).toEqual([])
  })

  it('to a page of docs/ stands in the README', () => {
    const linked = linksOf('README.md')
    const notes = ['docs/guards.md', 'docs/runs.md'] // written by programs, linked from the pages that they belong to
    expect(PAGES.filter(page => page.startsWith('docs/') && !notes.includes(page) && !linked.includes(page))).toEqual(
      [],
    )
  })
})

describe('the README', () => {
  const lines = read('README.md').trimEnd().split('\n')

  it('has at most 130 lines, none of them over 120 characters', () => {
    expect(lines.length).toBeLessThanOrEqual(130)
    expect(lines.filter(line => line.length > 120)).toEqual([])
  })

  it('has no table of more than three columns', () => {
    expect(lines.filter(line => line.startsWith('|') && line.split('|').length > 5)).toEqual([])
  })
})

it.each(PAGES.filter(page => /^docs\/(?!runs|guards|benchmarks|design)/.test(page)))(
  '%s begins with the question that it answers',
  page => expect(read(page).split('\n')[0]).toMatch(/^# .*\?$/),
)
