/** The command line in a terminal: a wide one, a narrow one, one without colour, and none. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { hasTerminals, run, runInTerminal, SCHEMA } from '../support/cli.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
const hasTerminal = await hasTerminals()
if (!hasTerminal)
  console.log('no terminal, so the command line is not tried in one: there is no `script` of util-linux')

const SHORT = { leaseMs: 4000, freshMs: 2500, renewMs: 200 }

beforeAll(async () => {
  await smallWorld(world)
  cached = world.process({ models: { User: { ttl: 300 } } }, { parts: { fleetTimes: SHORT } })
  await cached.prisma.user.findUnique({ where: { id: 1 } })
  await cached.flushed()
})

const ESCAPE = '\u001B'
const linesOf = (text: string) => stripVTControlCharacters(text).split(/\r?\n/)

describe.runIf(hasTerminal)('in a terminal', () => {
  it.each([['inspect', 'User:1'], ['stats'], ['keys'], ['doctor']])(
    '%s has colour or not, and no line is wider than it',
    async (...args) => {
      const wide = await runInTerminal(world, args, { columns: 200 })
      const narrow = await runInTerminal(world, args, { columns: 45 })
      for (const [{ stdout }, width] of [
        [wide, 200],
        [narrow, 45],
      ] as const) {
        // A word that is longer than the line is not broken: it could not be copied.
        const long = linesOf(stdout).filter(
          line => line.length > width && line.trim().includes(' ') && !line.includes(world.prefix),
        )
        expect(long).toEqual([])
      }
      expect(linesOf(narrow.stdout).length).toBeGreaterThanOrEqual(linesOf(wide.stdout).length)
    },
  )

  it('inspect is coloured', async () => {
    expect((await runInTerminal(world, ['inspect', 'User:1'], { columns: 80 })).stdout).toContain(`${ESCAPE}[1m`)
  })

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('without colour where %j says so', async env => {
    const { stdout } = await runInTerminal(world, ['inspect', 'User:1'], { columns: 80, env })
    expect(stdout).toContain('User:1')
    expect(stdout).not.toContain(ESCAPE)
  })

  it('top is drawn in place on the other screen, ends at q, and leaves the terminal as it was', async () => {
    let isOver = false
    const loading = (async () => {
      while (!isOver) {
        await cached.prisma.user.findUnique({ where: { id: 1 } })
        await sleep(5)
      }
    })()
    const { stdout, code } = await runInTerminal(world, ['top'], {
      columns: 60,
      rows: 12,
      type: { when: /Hottest keys[\s\S]*Hottest keys/, keys: 'q' },
    }).finally(() => (isOver = true))
    await loading
    expect(code).toBe(0)
    expect(stdout.indexOf(`${ESCAPE}[?1049h${ESCAPE}[?25l`)).toBeGreaterThanOrEqual(0)
    expect(stdout.trimEnd().endsWith(`${ESCAPE}[?25h${ESCAPE}[?1049l`)).toBe(true)
    expect(stdout).toMatch(/User +\d+ +100\.0 %/)
    const screens = stdout.split(`${ESCAPE}[H`).slice(1)
    for (const screen of screens) {
      expect(linesOf(screen.split(`${ESCAPE}[J`)[0] as string).length).toBeLessThanOrEqual(12)
      for (const line of linesOf(screen)) expect(line.length).toBeLessThanOrEqual(60)
    }
  })
})

describe('in a pipe', () => {
  it.each([['inspect', 'User:1'], ['stats'], ['keys'], ['doctor']])(
    '%s has no colour, and lines as long as they are',
    async (...args) => {
      const { stdout } = await run(world, args)
      expect(stdout).not.toContain(ESCAPE)
      expect(stdout.trim()).not.toBe('')
      expect(stdout).not.toContain('…')
    },
  )

  it('that is closed early, ends without an error', async () => {
    const command = `${process.execPath} --import tsx src/cli/main.ts keys --prefix '${world.prefix}' --schema ${SCHEMA} | true`
    const { code, stderr } = await new Promise<{ code: number; stderr: string }>(resolve => {
      const env = { ...process.env, REDIS_URL: world.redisUrl, DATABASE_URL: '' }
      execFile('bash', ['-o', 'pipefail', '-c', command], { env }, (error, _, text) => {
        resolve({ code: Number(error?.code ?? 0), stderr: text })
      })
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

it('--help lists every command and option, and --version is the package’s', async () => {
  const { stdout, code } = await run(world, ['--help'])
  expect(code).toBe(0)
  for (const word of [
    'inspect',
    'keys',
    'stats',
    'top',
    'invalidate',
    'warm',
    'doctor',
    '--redis',
    '--cluster',
    '--database',
    '--schema',
    '--prefix',
    '--json',
  ]) {
    expect(stdout).toContain(word)
  }
  expect((await run(world, ['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})
