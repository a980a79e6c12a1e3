/** `doctor` finds each misconfiguration that is set up here, says what to do, and finds nothing where all is well. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Finding } from '../../src/cli/finding.js'
import { run } from '../support/cli.js'
import { createDatabase } from '../support/database.js'
import { startProxy } from '../support/proxy.js'
import { redisBinary, startRedis } from '../support/redis-server.js'
import { useWorld, type World } from '../support/world.js'

const world = useWorld()
type Place = Pick<World, 'redisUrl' | 'databaseUrl' | 'prefix'>

const ended: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

/** A Redis of the test's own, as operations.md wants it unless `settings` say otherwise. */
async function ownRedis(settings: Record<string, string> = {}): Promise<string> {
  const all = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru', ...settings }
  const server = await startRedis({ args: Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]) })
  ended.push(() => server.stop())
  return server.url
}

/** A URL whose sessions have these settings. */
function withTimeouts(url: string, statement = '30s', idle = '30s'): string {
  const changed = new URL(url)
  changed.searchParams.set(
    'options',
    `-c statement_timeout=${statement} -c idle_in_transaction_session_timeout=${idle}`,
  )
  return changed.href
}

async function sql(text: string, url: string = world.databaseUrl): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

async function diagnose(place: Partial<Place>, ...args: string[]): Promise<Record<string, Finding>> {
  const all = { redisUrl: world.redisUrl, databaseUrl: withTimeouts(world.databaseUrl), prefix: world.prefix, ...place }
  const { stdout, stderr } = await run(all, ['doctor', '--json', ...args])
  expect(stderr).toBe('')
  const findings = JSON.parse(stdout) as Finding[]
  return Object.fromEntries(findings.map(finding => [finding.check, finding]))
}

const bad = (says: RegExp, remedy: RegExp) => ({
  state: 'bad',
  says: expect.stringMatching(says) as string,
  remedy: expect.stringMatching(remedy) as string,
})

beforeAll(async () => {
  const outcome = await redisBinary()
  if (!outcome.found) console.log(`no Redis of its own: ${outcome.why}`)
})

it('where all is well, every line is ok, and it exits with 0', async () => {
  const redisUrl = await ownRedis()
  const own = world.process({ redis: new Redis(redisUrl), models: { User: true } })
  await own.prisma.user.findUnique({ where: { id: 1 } })
  const databaseUrl = withTimeouts(world.databaseUrl)
  const { code, stdout } = await run({ redisUrl, databaseUrl, prefix: world.prefix }, ['doctor'])
  expect(stdout.split('\n').filter(line => /^(?:note|BAD)/.test(line))).toEqual([])
  expect(stdout).toContain('Nothing to mend.')
  expect(code).toBe(0)
})

describe('of Redis', () => {
  it('1: a version that is too old', async () => {
    const proxy = await startProxy(await ownRedis())
    ended.push(() => proxy.stop())
    proxy.rewrite('redis_version:7', 'redis_version:6')
    expect((await diagnose({ redisUrl: proxy.url }))['server']).toMatchObject(
      bad(/^Redis 6\./, /^Use Redis 7\.0 or newer/),
    )
  })

  it('2: a replica', async () => {
    const master = new URL(await ownRedis())
    const redisUrl = await ownRedis({ replicaof: `${master.hostname} ${master.port}` })
    const found = await diagnose({ redisUrl })
    expect(found['role']).toMatchObject(bad(/^a replica of 127\.0\.0\.1:/, /^Point REDIS_URL at the master/))
  })

  it('3: replicas, and no min-replicas-to-write', async () => {
    const redisUrl = await ownRedis()
    const master = new URL(redisUrl)
    await ownRedis({ replicaof: `${master.hostname} ${master.port}` })
    const redis = new Redis(redisUrl)
    ended.push(async () => redis.disconnect())
    await expect.poll(async () => await redis.info('replication')).toContain('state=online')
    expect((await diagnose({ redisUrl }))['replicas']).toMatchObject(
      bad(/^1 replica, and min-replicas-to-write is not set/, /^Set min-replicas-to-write 1/),
    )
    await redis.config('SET', 'min-replicas-to-write', '1')
    expect((await diagnose({ redisUrl }))['replicas']).toMatchObject({ state: 'ok' })
  })

  it('4: a limit of memory without eviction', async () => {
    const redisUrl = await ownRedis({ 'maxmemory-policy': 'noeviction' })
    expect((await diagnose({ redisUrl }))['memory']).toMatchObject(bad(/noeviction$/, /volatile-lru or allkeys-lru/))
  })

  it('5: no limit of memory is a note: it may be that of the machine', async () => {
    const redisUrl = await ownRedis({ maxmemory: '0' })
    expect((await diagnose({ redisUrl }))['memory']).toMatchObject({ state: 'note' })
  })

  it('6: a node of a Cluster, used as a single Redis', async () => {
    const redisUrl = await ownRedis({ 'cluster-enabled': 'yes' })
    const redis = new Redis(redisUrl)
    ended.push(async () => redis.disconnect())
    await redis.cluster('ADDSLOTSRANGE', 0, 16_383)
    await expect.poll(async () => await redis.cluster('INFO')).toContain('cluster_state:ok')
    expect((await diagnose({ redisUrl }))['cluster']).toMatchObject(
      bad(/^a node of a Cluster/, /^Hand the cache an ioredis Cluster/),
    )
  })

  it('7: a round trip that takes longer than reads wait', async () => {
    const proxy = await startProxy(await ownRedis())
    ended.push(() => proxy.stop())
    proxy.delay(40)
    expect((await diagnose({ redisUrl: proxy.url }))['round trip']).toMatchObject(
      bad(/deadlineMs is 50$/, /^Bring Redis nearer, or raise deadlineMs/),
    )
  })

  async function asUser(...rules: string[]): Promise<string> {
    const url = new URL(await ownRedis())
    const redis = new Redis(url.href)
    await redis.acl('SETUSER', 'app', 'on', '>secret', ...rules)
    redis.disconnect()
    Object.assign(url, { username: 'app', password: 'secret' })
    return url.href
  }

  it('8: commands that the Redis user may not send', async () => {
    const redisUrl = await asUser('~*', '+@all', '-eval', '-pexpire')
    expect((await diagnose({ redisUrl }))['permissions']).toMatchObject(
      bad(/may not send PEXPIRE, EVAL/, /^Grant them/),
    )
  })

  it('9: keys that the Redis user may not use', async () => {
    const redisUrl = await asUser('~other:*', '+@all')
    expect((await diagnose({ redisUrl }))['permissions']).toMatchObject(
      bad(/may not use the keys that begin with/, /ACL SETUSER/),
    )
  })

  it('10: INFO is not permitted', async () => {
    const redisUrl = await asUser('~*', '+@all', '-info')
    expect((await diagnose({ redisUrl }))['server']).toMatchObject(bad(/may not send INFO/, /\+info/))
  })
})

describe('of the database', () => {
  it('11: statements and transactions without an end', async () => {
    const found = await diagnose({ databaseUrl: withTimeouts(world.databaseUrl, '0', '2min') })
    expect(found['statement_timeout']).toMatchObject(bad(/^not set/, /well below 60 s/))
    expect(found['idle_in_transaction_session_timeout']).toMatchObject(bad(/^2 min/, /well below 60 s/))
  })

  it('12: row-level security on a model that is cached', async () => {
    const role = `role_${randomBytes(4).toString('hex')}`
    const own = world.process({ models: { Tag: true } })
    await own.prisma.tag.findUnique({ where: { id: 't1' } })
    await sql(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
       ALTER TABLE "Tag" ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON "Tag" USING (true)`,
    )
    ended.push(() =>
      sql(
        `DROP POLICY own ON "Tag"; ALTER TABLE "Tag" DISABLE ROW LEVEL SECURITY; DROP OWNED BY ${role}; DROP ROLE ${role}`,
      ),
    )
    const url = new URL(withTimeouts(world.databaseUrl))
    Object.assign(url, { username: role, password: 'secret' })
    expect((await diagnose({ databaseUrl: url.href }))['access']).toMatchObject(
      bad(/^rows of Tag are not the same for every user: row-level security/, /rowSecurity: 'same-for-all'/),
    )
  })

  it('13: the rows of another database under the prefix', async () => {
    const own = world.process({ models: { User: true } })
    await own.prisma.user.findUnique({ where: { id: 1 } })
    const admin = inject('databaseUrl')
    const other = await createDatabase(admin, `other_${randomBytes(4).toString('hex')}`, {
      template: inject('templateDatabase'),
    })
    expect((await diagnose({ databaseUrl: withTimeouts(other) }))['source']).toMatchObject(
      bad(/holds rows of .*, and this database is /, /^Give each database and each Postgres schema a prefix/),
    )
  })

  it('14: tables of the schema that are not there', async () => {
    await sql(`ALTER TABLE "Tag" RENAME TO "Label"`)
    ended.push(() => sql(`ALTER TABLE "Label" RENAME TO "Tag"`))
    expect((await diagnose({}))['tables']).toMatchObject(bad(/^there is no public\.Tag$/, /all migrations applied/))
  })

  it('15: triggers are a note: they may change other rows', async () => {
    await sql(
      `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
       CREATE TRIGGER touch_users AFTER INSERT ON "Tag" FOR EACH ROW EXECUTE FUNCTION touch()`,
    )
    ended.push(() => sql(`DROP TRIGGER touch_users ON "Tag"; DROP FUNCTION touch()`))
    expect((await diagnose({}))['triggers']).toMatchObject({ state: 'note', says: 'on Tag (touch_users)' })
  })

  it('no URL is a note', async () => {
    expect((await diagnose({ databaseUrl: '' }))['database']).toMatchObject({ state: 'note', says: 'not looked at' })
  })
})
