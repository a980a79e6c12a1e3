/**
 * Who else uses the keys under a prefix. Each process leaves a sign of life there and learns two things from it:
 *
 * - Whose keys they are: one source (a database and a Postgres schema) at a time holds a lease. A process of another source
 *   does not use the cache; its writes still invalidate. A lease that has run out is taken over after all epochs were
 *   invalidated.
 * - Which other versions of the schema write: their writes know other names. So while another version is alive, a write to a
 *   table on which the two differ also invalidates what the other version believes that it makes stale. A version that has
 *   just come does not read such tables from the cache before all the others can have learnt of it.
 *
 * What was learnt is relied on for `freshMs` from before it was asked, and nothing is read from the cache or invalidated on
 * older knowledge. So a sign of life that is `leaseMs` old is one that every process has seen, or will see before it acts.
 */
import type { Connection, Reply } from '../redis/connection.js'
import type { FleetView } from '../redis/fleet-view.js'
import { refusalOf } from '../redis/redis-errors.js'
import type { Emit } from '../events.js'
import { fleetKey } from '../wire/keys.js'
import { Bypass } from '../plan/bypass.js'
import type { ReadPlan } from '../plan/read.js'
import type { WriteTrace } from '../plan/effects.js'
import { differingNames, type OwnVersion, readVersion, staleByOthers, type Version } from './versions.js'

export interface FleetOptions {
  readonly prefix: string
  /** What this process knows of its own writes. */
  readonly version: OwnVersion
  /** All epochs of this process' schema: to invalidate them leaves no entry valid. */
  readonly epochs: readonly string[]
  /** Undefined while the source is not known. */
  readonly source: () => string | undefined
  /** How this process caches, for the command line. */
  readonly settings?: string | undefined
  readonly reports?: ReportsOfProcess | undefined
  readonly times?: FleetTimes | undefined
  readonly emit: Emit
}

/** What this process tells the command line while it is watched. */
interface ReportsOfProcess {
  readonly id: string
  /** Somebody watches, for so long; 0: nobody does. */
  watch(ms: number): void
}

export interface FleetTimes {
  /** How long a sign of life lasts. More than `freshMs` and a write's deadline together. */
  readonly leaseMs: number
  /** How long what was learnt may be relied on. */
  readonly freshMs: number
  /** How often a process that is in use leaves a sign of life. */
  readonly renewMs: number
}

const TIMES: FleetTimes = { leaseMs: 40_000, freshMs: 25_000, renewMs: 10_000 }
/** Longer than the longest TTL: a version that comes back has to know who has written meanwhile. */
const REMEMBERED_MS = 400 * 24 * 3_600_000
/** How long the knowledge of a version that is gone is kept; what is only remembered by name differs in every table. */
const KNOWLEDGE_KEPT_MS = 7 * 24 * 3_600_000

/**
 * Leaves a sign of life. A write of some bytes, allowed on a full Redis.
 *
 * KEYS[1] the fleet · ARGV[1] source, or '' while it is not known · ARGV[2] digest of the version · ARGV[3] lease in ms ·
 * ARGV[4] how long it is remembered in ms · ARGV[5] how long knowledge is kept in ms · ARGV[6] '=' and the owner whose lease may be
 * taken over, or '' · ARGV[7] the knowledge of the version, to introduce it, or '' · ARGV[8] how the process caches, for the command
 * line · ARGV[9] its id · ARGV[10…] digests whose knowledge is there already · answers
 * `[status, owner, number, watched, digest, alive, knowledge, digest, …]`; status: `ours` (number: ms since the version was introduced),
 * `foreign`, `vacant` (the lease has run out: invalidate all epochs and come again) or `new` (introduce the version; number: 0 if
 * it was never there before); watched: for how many ms the command line wants reports
 */
export const CHECK_IN = `#!lua flags=allow-oom
local key, time = KEYS[1], redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local source, digest, lease, replaces, knowledge = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[6], ARGV[7]
local text = redis.pcall('GET', key)
local isRead, fleet = pcall(cjson.decode, type(text) == 'string' and text or '')
if not isRead or type(fleet) ~= 'table' or type(fleet.versions) ~= 'table' or type(fleet.source) ~= 'string' then
  fleet = {source = '', versions = {}}
end
fleet['until'] = tonumber(fleet['until']) or 0
for name, version in pairs(fleet.versions) do
  if type(version) ~= 'table' or type(version.last) ~= 'number' then fleet.versions[name] = nil end
end
local owner = fleet.source
if source ~= '' and owner ~= source then
  if fleet['until'] > now then return {'foreign', owner} end
  if replaces ~= '=' .. owner then return {'vacant', owner} end
  fleet = {source = source, versions = {}, ['until'] = 0}
end
local own = fleet.versions[digest] or {last = 0}
local watched = math.max((tonumber(fleet.watched) or 0) - now, 0)
local reply = {'ours', owner, own.last, watched}
if knowledge ~= '' then
  own.plan = knowledge
  if own.last <= now then own.since = now end
  own.last = now + lease
end
if own.last > now and own.plan then
  own.last = now + lease
  own.settings = ARGV[8]
  fleet.versions[digest] = own
  if watched > 0 then
    if type(fleet.reporters) ~= 'table' then fleet.reporters = {} end
    fleet.reporters[ARGV[9]] = now + lease
  end
  if source ~= '' then fleet['until'] = now + lease end
  reply[3] = now - (tonumber(own.since) or now)
else
  reply[1] = 'new'
end
local known = {}
for i = 10, #ARGV do known[ARGV[i]] = true end
for name, other in pairs(fleet.versions) do
  if name ~= digest then
    if other.last + ARGV[4] < now then
      fleet.versions[name] = nil
    else
      if other.last + ARGV[5] < now then other.plan = nil end
      table.insert(reply, name)
      table.insert(reply, other.last > now and 1 or 0)
      table.insert(reply, known[name] and '' or other.plan or '')
    end
  end
end
if reply[1] == 'ours' then
  redis.call('SET', key, cjson.encode(fleet), 'PX', ARGV[4])
end
return reply`

/** Errors of a server that will answer otherwise before long. Errors of the client, as where a Cluster is down, are no answers. */
const PASSING = /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|BUSY|READONLY|MASTERDOWN|NOREPLICAS|EXECABORT|OOM)$/

interface CheckedIn {
  readonly status: 'ours' | 'foreign' | 'vacant' | 'new' | 'refused'
  readonly owner: string
  /** Since the version was introduced; of a version to be introduced 0 if it was never there before. */
  readonly ageMs: number
  readonly watchedMs: number
  readonly others: readonly { readonly digest: string; readonly alive: boolean }[]
}
const REFUSED: CheckedIn = { status: 'refused', owner: '', ageMs: 0, watchedMs: 0, others: [] }

export class Fleet implements FleetView {
  readonly #connection: Connection
  readonly #options: FleetOptions
  readonly #times: FleetTimes
  readonly #key: string
  /** By digest; undefined: the version exists, but its knowledge can't be read. */
  readonly #versions = new Map<string, Version | undefined>()
  #others: readonly (Version | undefined)[] = []
  #othersText = ''
  #freshUntil = Number.NEGATIVE_INFINITY
  #foreign: string | undefined
  #ours = false
  #isUsed = false
  #everythingIsStale = false
  #closed: ReadonlySet<string> = new Set()
  #closedUntil = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, options: FleetOptions) {
    this.#connection = connection
    this.#options = options
    this.#times = options.times ?? TIMES
    this.#key = fleetKey(options.prefix)
  }

  /** Whether what is known of the others may still be relied on. */
  get fresh(): boolean {
    return performance.now() < this.#freshUntil
  }

  /** Whether the keys are those of this process' source, as far as may be relied on. */
  get ours(): boolean {
    return this.#ours && this.fresh
  }

  /** How many other versions of the schema are alive. */
  get others(): number {
    return this.#others.length
  }

  get unsettled(): boolean {
    return !this.fresh || (!this.#ours && this.#foreign === undefined && this.#options.source() !== undefined)
  }

  touch(): void {
    this.#isUsed = true
  }

  get isUsed(): boolean {
    return this.#isUsed
  }

  get renewMs(): number {
    return this.#times.renewMs
  }

  everything(): readonly string[] {
    const { prefix, epochs } = this.#options
    const theirs = this.#others.flatMap(other => other?.epochs ?? []).map(epoch => prefix + epoch)
    return [...new Set([...epochs, ...theirs])]
  }

  /** The plan, or a bypass: another source holds the lease, or another version may not know yet of this one. */
  check(plan: ReadPlan): ReadPlan {
    if (plan.kind === 'bypass') return plan
    if (this.#foreign !== undefined) {
      this.#isUsed = true // so that it is noticed when the lease has run out
      return new Bypass(this.#foreign)
    }
    if (this.#closed.size === 0) return plan
    if (performance.now() >= this.#closedUntil) this.#closed = new Set()
    const name = plan.models.find(known => this.#closed.has(known))
    if (name === undefined) return plan
    return new Bypass(`another version of the application writes ${name} and may not know of this one yet`)
  }

  /** Whether reads of these models may use what is stored. */
  isOpen(models: readonly string[]): boolean {
    return this.#foreign === undefined && !models.some(name => this.#closed.has(name))
  }

  /** The keys that the other versions believe to be stale after such a write. */
  alsoStale(write: WriteTrace): readonly string[] {
    if (this.#everythingIsStale) return this.#options.epochs
    if (this.#others.length === 0) return []
    const { version, prefix, epochs } = this.#options
    const keys = this.#others.map(other =>
      other === undefined ? epochs : staleByOthers(write, version, other, prefix),
    )
    return [...new Set(keys.flat())]
  }

  /** Leaves a sign of life and learns of the others. False: Redis did not answer in time. */
  async checkIn(ms: number): Promise<boolean> {
    this.#isUsed = false
    const { source, epochs } = this.#options
    let replaces = ''
    let introduce = false
    // Take over a lease, introduce the version, and once more if another process was faster.
    for (let attempt = 0; attempt < 4; attempt++) {
      const sentAt = performance.now()
      const mySource = source() ?? ''
      const reply = await this.#send(mySource, replaces, introduce, ms)
      if (reply === undefined) return false
      const { status, owner } = reply
      if (status === 'refused') return this.#refused(sentAt)
      if (status === 'foreign') return this.#isForeign(sentAt, owner)
      if (status === 'ours') {
        this.#learn(sentAt, mySource !== '', reply)
        this.#options.reports?.watch(reply.watchedMs)
        return true
      }
      const stale = status === 'vacant' ? epochs : this.#staleSinceGone(reply)
      if (!(await this.#connection.del(stale, ms))) return false
      if (status === 'vacant') replaces = `=${owner}`
      introduce = true
    }
    return false
  }

  async #send(source: string, replaces: string, introduce: boolean, ms: number): Promise<CheckedIn | undefined> {
    const { version, settings, reports } = this.#options
    const { leaseMs } = this.#times
    const knowledge = introduce ? version.text : ''
    const known = [...this.#versions].flatMap(([digest, theirs]) => (theirs === undefined ? [] : [digest]))
    const times = [leaseMs, REMEMBERED_MS, KNOWLEDGE_KEPT_MS]
    const args = [source, version.digest, ...times, replaces, knowledge, settings ?? '', reports?.id ?? '', ...known]
    const replies = await this.#connection.send([['eval', CHECK_IN, 1, this.#key, ...args]], ms)
    const [reply] = replies ?? []
    const refusal = refusalOf(reply)
    if (refusal !== undefined) return PASSING.test(refusal) ? undefined : REFUSED
    return Array.isArray(reply) ? this.#read(reply) : undefined
  }

  #read([status, owner, ageMs, watchedMs, ...others]: readonly Reply[]): CheckedIn {
    const found: { digest: string; alive: boolean }[] = []
    for (let i = 0; i < others.length; i += 3) {
      const digest = String(others[i])
      const knowledge = String(others[i + 2])
      if (knowledge !== '' || !this.#versions.has(digest)) this.#versions.set(digest, readVersion(digest, knowledge))
      found.push({ digest, alive: String(others[i + 1]) === '1' })
    }
    return {
      status: String(status) as CheckedIn['status'],
      owner: String(owner),
      ageMs: Number(ageMs ?? 0),
      watchedMs: Number(watchedMs ?? 0),
      others: found,
    }
  }

  /** What others may have made stale, without naming it, while no process of this version was there. */
  #staleSinceGone({ ageMs, others }: CheckedIn): readonly string[] {
    const { version, epochs, prefix } = this.#options
    // Nothing is known of who had the keys.
    if (ageMs === 0 && others.length === 0) return epochs
    const versions = others.map(({ digest }) => this.#versions.get(digest))
    if (versions.includes(undefined)) return epochs
    const names = versions.flatMap(other => [...differingNames(version, other as Version)])
    return [...new Set(names)].flatMap(name => version.epochsOf(name)).map(epoch => prefix + epoch)
  }

  #learn(sentAt: number, isOurs: boolean, { ageMs, others }: CheckedIn): void {
    const { version, emit } = this.#options
    const { leaseMs, freshMs } = this.#times
    const alive = others.filter(other => other.alive).map(({ digest }) => digest)
    this.#others = alive.map(digest => this.#versions.get(digest))
    this.#everythingIsStale = false
    this.#foreign = undefined
    this.#ours = isOurs
    const text = alive.toSorted().join()
    const left = leaseMs - ageMs
    if (left > 0 && alive.length > 0 && text !== this.#othersText) {
      const names = this.#others.flatMap(other =>
        other === undefined ? version.names : [...differingNames(version, other)],
      )
      this.#closed = new Set(names)
      this.#closedUntil = sentAt + left
    }
    if (text !== this.#othersText) emit({ type: 'versions', others: alive.length })
    this.#othersText = text
    this.#freshUntil = sentAt + freshMs
  }

  #isForeign(sentAt: number, owner: string): true {
    const { freshMs } = this.#times
    if (this.#foreign === undefined) {
      const message =
        `The keys under this prefix belong to another source (${owner}), so nothing is cached here; writes still invalidate. ` +
        `Give each database and each Postgres schema a prefix of its own: prefix: ({ database, schema }) => …`
      this.#options.emit({ type: 'error', code: 'PREFIX_IN_USE', message })
    }
    this.#foreign = `the keys under this prefix belong to another source (${owner})`
    this.#ours = false
    this.#others = []
    this.#freshUntil = sentAt + freshMs
    return true
  }

  /** The Redis user may not leave signs of life. Others can't know of this process, so its writes name nothing. */
  #refused(sentAt: number): true {
    const { freshMs } = this.#times
    this.#ours = false
    this.#everythingIsStale = true
    this.#freshUntil = sentAt + freshMs
    return true
  }
}
