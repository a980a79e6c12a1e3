/** Entries that somebody wrote who knows the format, in a process with a small heap: it lives, and none of them is served. */
import { expect, it } from 'vitest'
import { ATTACKS, CHEAP, GUARDS } from './attacks.js'
import { run, runWithout } from './run.js'

const LONGEST_MS = 60_000

type Line = { readonly name: string; readonly refused?: boolean }
const lines = (stdout: string) =>
  stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)

const names = Object.keys(ATTACKS) as (keyof typeof ATTACKS)[]

it(
  'every payload that promises more than it holds is refused, within 64 MB of heap; small ones are cheap',
  async () => {
    const { status, stdout, stderr } = await run('attack.ts', [], LONGEST_MS)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const served = lines(stdout).filter(({ refused }) => refused === false)
    expect(lines(stdout).length).toBe(2 * names.length)
    // Below the threshold the reader is given everything: these are right answers, written in an odd way.
    expect(served.map(({ name }) => name)).toEqual(names.filter(name => ATTACKS[name] === CHEAP))
  },
  LONGEST_MS + 10_000,
)

it.each(Object.keys(GUARDS) as (keyof typeof GUARDS)[])(
  'without this guard each of its payloads is served, or is the end of the process: %s',
  async guard => {
    const left = names.filter(name => ATTACKS[name] === guard)
    expect(left.length).toBeGreaterThan(0)
    while (left.length > 0) {
      const { status, stdout } = await runWithout(GUARDS[guard], 'attack.ts', left, LONGEST_MS)
      const refused = lines(stdout).filter(line => line.refused === true)
      expect(refused, `without ${guard}`).toEqual([])
      // The last that began is the one that ended it: the others are given another process.
      const begun = new Set(lines(stdout).map(({ name }) => name))
      expect(begun.size).toBeGreaterThan(0)
      expect(status === 0).toBe(begun.size === left.length && lines(stdout).length === 2 * left.length)
      left.splice(0, begun.size)
    }
  },
  2 * LONGEST_MS,
)
