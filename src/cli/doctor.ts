/** `doctor`: what in the set-up of Redis and of the database makes the cache slow, useless or wrong; each line ok, or what to do. */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { type Cache, messageOf, nodesOf } from './cache.js'
import { checkDatabase } from './doctor-database.js'
import type { Sql } from './database.js'
import { bad, type Finding, note, ok } from './finding.js'
import { bytes, duration, type Printer } from './print.js'

/** The default of the option `deadlineMs`. */
const DEADLINE_MS = 50
const OLDEST = 7

/** @param sql - undefined: no database URL was given */
export async function diagnose(cache: Cache, sql: Sql | undefined, isCluster: boolean): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const node of nodesOf(cache.redis)) {
    const info = await infoOf(node)
    findings.push(...checkServer(info, isCluster), ...checkMemory(info), ...checkReplicas(info))
    findings.push(await checkRoundTrips(node, cache.settings?.deadlineMs ?? DEADLINE_MS))
  }
  findings.push(await checkPermissions(cache), ...checkFleet(cache))
  if (sql === undefined) {
    findings.push(note('database', 'not looked at', 'Set DATABASE_URL, or write --database postgresql://…'))
  } else findings.push(...(await checkDatabase(cache, sql)))
  return findings
}

type Info = ReadonlyMap<string, string>

async function infoOf(node: Redis): Promise<Info> {
  const text = await node.info().catch(() => '')
  return new Map(text.split('\r\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

function checkServer(info: Info, isCluster: boolean): Finding[] {
  const version = info.get('redis_version')
  if (version === undefined) {
    return [
      bad(
        'server',
        'the Redis user may not send INFO',
        'Grant it: without it a replaced server is not noticed, and every reconnect invalidates all entries (ACL: +info)',
      ),
    ]
  }
  const findings = [
    Number.parseInt(version, 10) < OLDEST
      ? bad('server', `Redis ${version}`, 'Use Redis 7.0 or newer, or Valkey: with an older one nothing is cached')
      : ok('server', `Redis ${version}`),
  ]
  if (info.get('role') === 'slave') {
    findings.push(
      bad(
        'role',
        `a replica of ${info.get('master_host')}:${info.get('master_port')}`,
        'Point REDIS_URL at the master: a replica may still hold what a write has invalidated, so nothing is cached with it',
      ),
    )
  } else findings.push(ok('role', 'a master'))
  if (info.get('cluster_enabled') === '1' && !isCluster) {
    findings.push(
      bad(
        'cluster',
        'a node of a Cluster, used as a single Redis',
        'Hand the cache an ioredis Cluster: new Cluster([url]); here: --cluster',
      ),
    )
  }
  return findings
}

function checkMemory(info: Info): Finding[] {
  const most = Number(info.get('maxmemory') ?? 0)
  const policy = info.get('maxmemory_policy')
  const used = Number(info.get('used_memory') ?? 0)
  if (policy === undefined) return []
  if (most === 0) {
    const remedy = 'Set maxmemory below the memory of the machine, with maxmemory-policy volatile-lru or allkeys-lru'
    return [note('memory', `${bytes(used)} used, and no maxmemory`, remedy)]
  }
  const says = `${bytes(used)} of ${bytes(most)} used, ${policy}`
  if (policy === 'noeviction') {
    const remedy =
      'Set maxmemory-policy volatile-lru or allkeys-lru: a full Redis stores nothing, and holds can not be set'
    return [bad('memory', says, remedy)]
  }
  return [ok('memory', says)]
}

function checkReplicas(info: Info): Finding[] {
  const replicas = Number(info.get('connected_slaves') ?? 0)
  if (replicas === 0 || info.get('role') === 'slave') return []
  const says = `${replicas} replica${replicas === 1 ? '' : 's'}`
  if (info.has('min_slaves_good_slaves')) return [ok('replicas', `${says}, and min-replicas-to-write is set`)]
  return [
    bad(
      'replicas',
      `${says}, and min-replicas-to-write is not set`,
      'Set min-replicas-to-write 1 and a short min-replicas-max-lag: else a master that was cut off acknowledges invalidations ' +
        'that its successor never gets',
    ),
  ]
}

async function checkRoundTrips(node: Redis, deadlineMs: number): Promise<Finding> {
  const times: number[] = []
  for (let i = 0; i < 20; i++) {
    const began = performance.now()
    await node.ping()
    times.push(performance.now() - began)
  }
  const [median, slowest] = [times.toSorted((a, b) => a - b)[10] as number, Math.max(...times)]
  const says = `${duration(median)} for a round trip (the slowest of 20: ${duration(slowest)}), deadlineMs is ${deadlineMs}`
  if (median < deadlineMs / 2) return ok('round trip', says)
  const remedy = 'Bring Redis nearer, or raise deadlineMs: reads that wait longer than that go to the database'
  return bad('round trip', says, remedy)
}

/** Does all that the cache does, with a key of its own. */
async function checkPermissions({ redis, prefix }: Cache): Promise<Finding> {
  const key = `${prefix}@doctor:${randomUUID()}`
  const script = `redis.call('TIME') return redis.call('GETRANGE', KEYS[1], 0, 1)`
  const commands: [string, () => Promise<unknown>][] = [
    ['SET', () => redis.set(key, 'x', 'PX', 10_000)],
    ['GET', () => redis.get(key)],
    ['MGET', () => redis.mget(key)],
    ['PEXPIRE', () => redis.pexpire(key, 10_000)],
    ['EVAL, and in scripts TIME and GETRANGE', () => redis.eval(script, 1, key)],
    ['DEL', () => redis.del(key)],
  ]
  const refused: string[] = []
  let isKey = false
  let other: string | undefined
  for (const [name, run] of commands) {
    try {
      await run()
    } catch (error) {
      const message = messageOf(error)
      isKey ||= /access one of the keys|access a key/.test(message)
      if (message.startsWith('NOPERM')) refused.push(name)
      else other ??= `${name}: ${message}`
    }
  }
  if (isKey) {
    const says = `the Redis user may not use the keys that begin with ${JSON.stringify(prefix)}`
    return bad('permissions', says, `ACL SETUSER … ~${prefix}*`)
  }
  if (refused.length > 0) {
    const remedy = 'Grant them (ACL SETUSER … +get +mget +set +del +pexpire +eval +info +time +getrange)'
    return bad('permissions', `the Redis user may not send ${refused.join(', ')}`, remedy)
  }
  return other === undefined
    ? ok('permissions', 'all that the cache sends')
    : bad('permissions', other, 'See docs/operations.md')
}

function checkFleet({ fleet, version, prefix }: Cache): Finding[] {
  if (fleet === undefined) {
    return [
      note(
        'prefix',
        `nothing uses ${JSON.stringify(prefix)} yet`,
        'If something should, check the option prefix and --prefix',
      ),
    ]
  }
  const alive = fleet.versions.filter(({ isAlive }) => isAlive)
  const says = `${JSON.stringify(prefix)} holds rows of ${fleet.source === '' ? 'a database that is not known yet' : fleet.source}`
  const findings = [
    fleet.isLeased ? ok('prefix', says) : note('prefix', `${says}, and nothing uses it now`, 'Fine, if nothing runs'),
  ]
  if (alive.length > 1) {
    const remedy = 'Fine during a deploy. Else stop the old processes: each write invalidates more than it needs to'
    findings.push(note('versions', `${alive.length} versions of the schema are in use`, remedy))
  }
  if (alive.length > 0 && !alive.some(({ digest }) => digest === version.digest)) {
    const remedy = 'Use the schema file of the processes that run: what is shown of entries may be wrong'
    findings.push(note('schema', 'the schema file is none of the versions in use', remedy))
  }
  return findings
}

export function printFindings(printer: Printer, findings: readonly Finding[]): void {
  if (printer.isJson) return printer.json(findings)
  const indent = ' '.repeat(6)
  for (const { check, state, says, remedy } of findings) {
    const [mark, colour] =
      state === 'ok'
        ? (['ok  ', 'green'] as const)
        : state === 'bad'
          ? (['BAD ', 'red'] as const)
          : (['note', 'yellow'] as const)
    printer.paragraph(`${printer.style(colour, mark)}  `, `${check}: ${says}`, indent)
    if (remedy !== undefined) printer.paragraph(`${indent}→ `, remedy, `${indent}  `)
  }
  const count = findings.filter(({ state }) => state === 'bad').length
  printer.line()
  printer.line(count === 0 ? 'Nothing to mend.' : `${count} to mend.`)
}
