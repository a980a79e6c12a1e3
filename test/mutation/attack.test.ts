/** Entries that somebody wrote who knows the format, in a process with a small heap: it lives, and none of them is served. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const attack = (...args: string[]) =>
  spawnSync(
    process.execPath,
    ['--max-old-space-size=64', '--import', 'tsx', fileURLToPath(new URL('attack.ts', import.meta.url)), ...args],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, NODE_NO_WARNINGS: '1' } },
  )

it('every payload that promises more than it holds is refused, within 64 MB of heap', () => {
  const { status, stdout, stderr } = attack()
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { name: string; refused: boolean })
  expect(lines.length).toBe(19)
  expect(lines.filter(({ refused }) => !refused)).toEqual([])
})

it('without the bound, the process is gone or has served one: this test can fail', () => {
  const { status, stdout } = attack('--unbounded')
  expect(status !== 0 || stdout.includes('"refused":false')).toBe(true)
})
