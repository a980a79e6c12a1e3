/** `warm` of the command line: through the client of the application, with a bar, and ended by Ctrl-C. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasTerminals, interrupted, run, runInTerminal } from '../support/cli.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const CLIENT = 'test/support/scripts/client-to-warm.ts'
const hasTerminal = await hasTerminals()
let cached: CachedProcess
let ids: number[]
let folder: string

beforeAll(async () => {
  cached = world.process()
  folder = await mkdtemp(join(tmpdir(), 'warm-'))
  ids = await newUsers(world, 1000)
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(() => world.evict())

const env = (more = {}) => ({ PREFIX: world.prefix, ...more })
const warm = (args: readonly string[], more = {}) =>
  run(world, ['warm', ...args, '--client', CLIENT], { env: env(more) })

const cachedUsers = async () => (await world.keys()).filter(key => key.startsWith('User:')).length

describe('in a pipe', () => {
  it('all rows are loaded, one line says so, and the application finds them', async () => {
    const { code, stdout, stderr } = await warm(['User'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^User: 1,000 rows, 1,000 of them loaded, in [\d.]+ m?s\.\n$/)
    const read = () => cached.prisma.user.findMany({ where: { id: { in: ids } } })
    expect(await cached.countSql(read)).toBe(0)
  })

  it('--json is one object, with what the API answers', async () => {
    const { code, stdout } = await warm(['User', '--json', '--where', JSON.stringify({ id: { lte: ids[299] } })])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      model: 'User',
      done: 300,
      loaded: 300,
      total: 300,
      finished: true,
      cursor: { id: ids[299] },
      ms: expect.any(Number) as number,
    })
    expect(await cachedUsers()).toBe(300)
  })

  it('--where takes dates and bigints as texts, and --after the key of a row', async () => {
    const orders = await world.plain.order.createManyAndReturn({
      data: [1, 2, 3].map(n => ({
        number: `o${n}`,
        customerId: ids[0] as number,
        placedAt: new Date(Date.UTC(2024, 0, n)),
      })),
    })
    const where = '{"placedAt":{"gte":"2024-01-01T12:00:00Z"}}'
    const { stdout } = await warm(['Order', '--json', '--where', where, '--after', `{"id":"${orders[1]?.id}"}`])
    expect(JSON.parse(stdout)).toMatchObject({ done: 1, finished: true, cursor: { id: String(orders[2]?.id) } })
  })

  it('Ctrl-C finishes the batches under way, and says how to go on; that loads the rest alone', async () => {
    const args = ['warm', 'User', '--client', CLIENT, '--concurrency', '1']
    const first = await interrupted(world, args, /held/, { env: env({ HOLD_AT_PAGE: '2' }) })
    expect(first.code).toBe(130)
    expect(first.stdout).toMatch(/^User: 500 rows, 500 of them loaded, in .*\nStopped: aborted\.\nGo on with: /)
    const after = /--after '(.*)'\n$/.exec(first.stdout)?.[1] as string
    expect(JSON.parse(after)).toEqual({ id: ids[499] })
    expect(first.stdout).toContain(`warm User --client ${CLIENT} --concurrency 1 --after '{"id":`)
    const second = await warm(['User', '--after', after])
    expect(second.stdout).toMatch(/^User: 500 rows, 500 of them loaded/)
    expect(await cachedUsers()).toBe(1000)
  })

  it('Redis is away: it stops with 1, says why, and loads nothing', async () => {
    const { code, stdout } = await warm(['User'], { REDIS_URL: 'redis://127.0.0.1:1' })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^User: 0 rows, 0 of them loaded.*\nStopped: Redis is not used: /)
  })
})

describe('what is not there', () => {
  const modules: Record<string, string> = {
    'nothing.mjs': '',
    'others.mjs': 'export const cache = {}, config = 1',
    'plain.mjs': 'export const prisma = { user: {} }',
    'broken.mjs': "throw new Error('no DATABASE_URL')",
  }
  beforeAll(async () => {
    for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, name), text)
  })

  it.each<[string, string[], RegExp]>([
    ['no model', [], /^Warm which model\? Write warm User --client/],
    ['no client', ['User'], /^warm needs the client of your application\. Write --client/],
    ['no such file', ['User', '--client', 'nowhere.mjs'], /^nowhere\.mjs can't be imported: /],
    ['a module that fails', ['User', '--client', 'broken.mjs'], /broken\.mjs can't be imported: no DATABASE_URL/],
    [
      'no export',
      ['User', '--client', 'nothing.mjs'],
      /exports no client as default, prisma or db\. It exports nothing/,
    ],
    ['other exports', ['User', '--client', 'others.mjs'], /It exports cache, config/],
    ['a client without the cache', ['User', '--client', 'plain.mjs'], /no client with the cache.*Export the client/],
    ['a model that is not there', ['Usr', '--client', CLIENT], /no model named Usr. Did you mean User\?/],
    ['a model that is not cached', ['Shipment', '--client', CLIENT], /a model that is cached, got "Shipment"/],
    ['JSON that is none', ['User', '--client', CLIENT, '--where', '{id:1}'], /^That is no JSON/],
    ['a where that Prisma refuses', ['User', '--client', CLIENT, '--where', '{"nam":1}'], /Unknown argument `nam`/],
    ['an after of another form', ['User', '--client', CLIENT, '--after', '7'], /after must be the cursor/],
    ['concurrency 0', ['User', '--client', CLIENT, '--concurrency', '0'], /--concurrency must be a whole number/],
  ])('%s: one line says what to do, without a stack', async (_, args, message) => {
    const placed = args.map(arg => (arg in modules ? join(folder, arg) : arg))
    const { code, stdout, stderr } = await run(world, ['warm', ...placed], { env: env() })
    expect(stderr).toMatch(message)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})

const ESCAPE = '\u001B'

describe.runIf(hasTerminal)('in a terminal', () => {
  it.each([80, 45, 24])(
    '%i columns wide: a bar is drawn in place, no wider than that, and is gone at the end',
    async columns => {
      const { code, stdout } = await runInTerminal(world, ['warm', 'User', '--client', CLIENT], { columns, env: env() })
      expect(code).toBe(0)
      const drawn = stdout.split('\r').filter(line => line.endsWith(`${ESCAPE}[K`))
      expect(drawn.length).toBeGreaterThan(1)
      for (const line of drawn) expect([...stripVTControlCharacters(line)].length).toBeLessThan(columns)
      expect(drawn[0]).toContain('of 1,000')
      expect(stdout).toMatch(new RegExp(String.raw`\r${ESCAPE}\[KUser: 1,000 rows, 1,000 of them loaded`))
    },
  )

  it('Ctrl-C takes the bar away, and says how to go on', async () => {
    const { code, stdout } = await runInTerminal(world, ['warm', 'User', '--client', CLIENT], {
      columns: 80,
      env: env({ HOLD_AT_PAGE: '3' }),
      type: { when: /held/, keys: '\u0003' },
    })
    expect(code).toBe(130)
    expect(stdout).toMatch(/Stopped: aborted\.\r\nGo on with: prisma-extension-cache-aside warm User/)
  })

  it('TERM=dumb has no bar', async () => {
    const { stdout } = await runInTerminal(world, ['warm', 'User', '--client', CLIENT], {
      columns: 80,
      env: env({ TERM: 'dumb' }),
    })
    expect(stdout).not.toContain(ESCAPE)
    expect(stdout).toContain('User: 1,000 rows')
  })
})
