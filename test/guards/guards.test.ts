/** The list of guards is of the sources as they are: `npm run guards` takes each out, and takes minutes. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RULES } from '../../src/plan/effects.js'
import { GUARDS } from './guards.js'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

describe('the list of guards', () => {
  it.each(GUARDS.map(guard => [guard.name, guard] as const))(
    '%s is in the sources, once',
    (_, { file, find, instead }) => {
      const parts = read(`../../src/${file}`).split(find)
      expect(parts).toHaveLength(2)
      expect(instead).not.toBe(find)
    },
  )

  it('names tests that are there', () => {
    const files = new Set(GUARDS.flatMap(({ tests }) => tests))
    expect([...files].filter(name => !existsSync(new URL(`../${name}`, import.meta.url)))).toEqual([])
    expect(GUARDS.filter(({ tests }) => tests.length === 0)).toEqual([])
  })

  it('has a name for each, and each rule of what a write invalidates', () => {
    const names = GUARDS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const rule of Object.keys(RULES)) expect(names).toContain(`rule ${rule}`)
  })

  it('has a page with the result of each: a test went red, or the run did not end', () => {
    const rows = read('../../docs/guards.md')
      .split('\n')
      .filter(line => /^\| (?!guard )/.test(line) && line.includes('`'))
    const nameIn = (row: string) => row.split('|')[1]?.trim() as string
    expect(rows.map(nameIn)).toEqual(GUARDS.map(({ name }) => name))
    expect(rows.filter(row => row.includes('**none**')).map(nameIn)).toEqual([])
  })
})
