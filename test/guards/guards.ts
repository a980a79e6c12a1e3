/**
 * What the promises rest on. Each guard is a piece of the sources that can be taken out, and the tests that have to go red
 * then: `npm run guards` does both. A guard whose absence no test notices is none, or its test says nothing.
 */
import { type Rule, RULES } from '../../src/plan/effects.js'

export interface Guard {
  readonly name: string
  /** What goes wrong without it. */
  readonly without: string
  /** Where it is. */
  readonly file: string
  /** The text that is taken out; it is there exactly once. */
  readonly find: string
  /** What stands there instead. */
  readonly instead: string
  /** Files of tests, below `test/`. */
  readonly tests: readonly string[]
}

const RACES = 'schedules/races.test.ts'
const UNKNOWN = 'schedules/unknown-outcomes.test.ts'
const TRIPS = 'promises/round-trips.test.ts'

const loads: readonly Guard[] = [
  {
    name: 'token at the fill',
    without: 'a load that a write has overtaken leaves the old row behind it',
    file: 'redis/scripts.ts',
    find: "if redis.call('GETRANGE', KEYS[1], 1, 19) ~= ARGV[1] then return 0 end",
    instead: '',
    tests: [RACES],
  },
  {
    name: 'stamp',
    without: 'a write that names no rows leaves them in the cache',
    file: 'wire/envelope.ts',
    find: 'return hasToken(epoch) && entry.length >= STAMP_END && same(entry, STAMP_AT, epoch, TOKEN_AT, 16)',
    instead: 'return hasToken(epoch) && entry.length >= STAMP_END',
    tests: [RACES],
  },
  {
    name: 'generation of a look',
    without: 'a reply of a server that took over meanwhile is believed',
    file: 'redis/store.ts',
    find: 'batch.answer(isCurrent ? replies : undefined)',
    instead: 'batch.answer(replies)',
    tests: ['promises/partition.test.ts', 'promises/outage.test.ts', 'promises/hanging.test.ts'],
  },
  {
    name: 'no guess without proof',
    without: 'a row is served by a unique value that it has no more',
    file: 'read/row-entry.ts',
    find: "found !== 'absent' && by.idOf(found) === id",
    instead: "found !== 'absent'",
    tests: ['promises/uniques.test.ts', 'promises/aliases.test.ts'],
  },
  {
    name: 'own id',
    without: 'a row is kept under a spelling that the database folds',
    file: 'read/fill.ts',
    find: 'id === undefined || by.idOf(row) !== lookup.id',
    instead: 'id === undefined',
    tests: ['promises/uniques.test.ts', 'promises/events.test.ts', 'promises/regressions.test.ts'],
  },
  {
    name: 'absence alone in its batch',
    without: 'Prisma says null to another spelling of a row that is there, and that is kept',
    file: 'read/fill.ts',
    find: "if (by.spelling === 'text' && !alone) return 'unproven'",
    instead: '',
    tests: ['promises/aliases.test.ts'],
  },
  {
    name: 'what is there stays',
    without: 'a row found by another unique overwrites the newer one at its key',
    file: 'redis/store.ts',
    find: "'PX', ms, 'NX'])",
    instead: "'PX', ms])",
    tests: ['promises/uniques.test.ts', RACES],
  },
  {
    name: 'nobody waits for a fill',
    without: 'a miss takes one trip more',
    file: 'read/row.ts',
    find: 'row = await source.load()\n      keep(row)',
    instead:
      'row = await source.load()\n      keep(row)\n      await this.#store.look(read.key, read.model.keys, this.#store.deadline(), () => 0)',
    tests: [TRIPS],
  },
]

const sharing: readonly Guard[] = [
  {
    name: 'who may share a load',
    without: 'a reader gets a value from before it came',
    file: 'local/flights.ts',
    find: 'return began < this.#askedAt',
    instead: 'return true',
    tests: [RACES],
  },
  {
    name: 'one load at a time',
    without: 'each reader of a missing row sends its own query',
    file: 'local/flights.ts',
    find: 'return this.#flights.get(key)',
    instead: 'return undefined',
    tests: [TRIPS],
  },
  {
    name: 'a failure is not shared',
    without: 'readers fail for the query of another',
    file: 'read/read.ts',
    find: 'if (shared === undefined) return reading.ask()',
    instead: "if (shared === undefined) throw new Error('the load of another')",
    tests: [RACES],
  },
  {
    name: 'a copy for each',
    without: 'two callers hold one object',
    file: 'read/row.ts',
    find: 'shared = row === null ? ',
    instead: 'Object.assign(read.cached.codec, { decode: () => row })\n      shared = row === null ? ',
    tests: [RACES],
  },
  {
    name: 'the source in each entry',
    without: 'one tenant is given the rows of another, where nothing else stops it',
    file: 'assemble.ts',
    find: 'const source = () => parts.source ?? database.facts?.source.id',
    instead: "const source = () => parts.source ?? (database.facts && 'one')",
    tests: ['promises/tenants.test.ts', 'promises/fleet.test.ts'],
  },
  {
    name: 'access of the database user',
    without: 'one database user is given rows that another may see',
    file: 'source/access.ts',
    find: "if (plan.kind === 'bypass' || facts === undefined) return plan",
    instead: 'if (facts !== null) return plan',
    tests: ['promises/access.test.ts', 'promises/row-security.test.ts'],
  },
  {
    name: 'hooks behind the cache',
    without: 'what a guard per tenant lets through is kept for all',
    file: 'prisma7/client.ts',
    find: 'if (hooks[last] === hook) return false',
    instead: 'if (last >= 0) return false',
    tests: ['promises/hooks-behind.test.ts'],
  },
  {
    name: 'other versions of the schema',
    without: 'what only the other version can name stays stale during a deploy',
    file: 'fleet/fleet.ts',
    find: 'if (this.#others.length === 0) return []',
    instead: 'if (this.#others.length >= 0) return []',
    tests: ['promises/versions.test.ts'],
  },
  {
    name: 'a version that has just come',
    without: 'it reads what others write without knowing of it',
    file: 'fleet/fleet.ts',
    find: 'if (this.#closed.size === 0) return plan',
    instead: 'if (this.#closed.size >= 0) return plan',
    tests: ['promises/versions.test.ts'],
  },
  {
    name: 'a load that hangs',
    without: 'its followers hang with it',
    file: 'local/flights.ts',
    find: 'const outcome = await Promise.race([...answers, stuck])',
    instead: 'const outcome = await Promise.race(answers)',
    tests: ['local/flights.test.ts', 'promises/hanging.test.ts'],
  },
]

const writes: readonly Guard[] = [
  {
    name: 'dropped before the promise resolves',
    without: 'a read after a write is answered from before it',
    file: 'write/write.ts',
    find: "await drop(writer, plan.effects, 'write')\n  return result",
    instead: "setTimeout(() => void drop(writer, plan.effects, 'write'), 50)\n  return result",
    tests: ['promises/read-your-writes.test.ts'],
  },
  {
    name: 'dropped on failure',
    without: 'a write that fails after the server has done it leaves the old rows',
    file: 'write/write.ts',
    find: 'await dropAfterFailure(writer, operation, plan, error)',
    instead: 'void dropAfterFailure',
    tests: [UNKNOWN],
  },
  {
    name: 'dropped at the end of a transaction',
    without: 'readers fill the old row again before COMMIT',
    file: 'write/write.ts',
    find: "if (transaction?.kind === 'interactive') return writeInTransaction",
    instead: 'if (transaction === null) return writeInTransaction',
    tests: [RACES],
  },
  {
    name: 'reads of a transaction',
    without: 'what is not committed is cached',
    file: 'extension.ts',
    find: 'if (core.transactionOf(operation) !== undefined) return',
    instead: "if (core.transactionOf(operation)?.kind === 'batch') return",
    tests: [RACES],
  },
  {
    name: 'hold',
    without: 'what the server commits after we gave up stays stale',
    file: 'write/write.ts',
    find: "outcome === 'unknown' ? effects.dropsOfUnknownOutcome() : effects.drops()",
    instead: "outcome === 'unknown' ? effects.drops() : effects.drops()",
    tests: [RACES, UNKNOWN],
  },
  {
    name: 'a hold is looked at',
    without: 'models under a hold are filled',
    file: 'redis/batches.ts',
    find: 'held: on.holds.some(place => replies[place] !== null),',
    instead: 'held: false,',
    tests: [RACES, UNKNOWN],
  },
  {
    name: 'raw SQL whose connection is cut',
    without: 'it is taken for a statement that has failed, and may be committed later',
    file: 'prisma7/client.ts',
    find: "if (code === 'P2010') return 'unknown'",
    instead: '',
    tests: [UNKNOWN],
  },
  {
    name: 'outcomes that are not known',
    without: 'a time-out is taken for a failure',
    file: 'write/write.ts',
    find: "if (outcome === 'unknown') return drop(",
    instead: "if (outcome === 'never') return drop(",
    tests: [UNKNOWN],
  },
]

const redis: readonly Guard[] = [
  {
    name: 'journal',
    without: 'an invalidation that Redis did not acknowledge is lost',
    file: 'redis/journal.ts',
    find: 'for (const key of keys) if (!this.#overflow) this.#keys.add(key)',
    instead: '',
    tests: ['promises/partition.test.ts', 'promises/outage.test.ts'],
  },
  {
    name: 'journal before trust',
    without: 'Redis is read before it knows what was written meanwhile',
    file: 'redis/health.ts',
    find: 'if (!(await this.#journal.repay())) {',
    instead: 'setTimeout(() => void this.#journal.repay(), 300)\n    if (this.#closed) {',
    tests: ['promises/partition.test.ts', 'promises/outage.test.ts', 'promises/another-redis.test.ts'],
  },
  {
    name: 'distrust while something is owed',
    without: 'the writer itself reads what its lost invalidation should have dropped',
    file: 'redis/health.ts',
    find: 'this.#journal.add(holds, keys)\n    this.#distrust()',
    instead: 'this.#journal.add(holds, keys)',
    tests: ['promises/partition.test.ts', 'promises/outage.test.ts'],
  },
  {
    name: 'an unknown server',
    without: 'an old snapshot is served',
    file: 'redis/marks.ts',
    find: "if (!(await this.#connection.del(epochs, deadlineMs))) return 'unanswered'",
    instead: '',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'too many failures',
    without: 'each read waits out its deadline while Redis hangs',
    file: 'redis/health.ts',
    find: 'if (++this.#failures < FAILURES_TO_DISTRUST) return',
    instead: 'if (++this.#failures > 0) return',
    tests: ['promises/hanging.test.ts', 'promises/outage.test.ts'],
  },
  {
    name: 'a master that became a replica',
    without: 'it goes on being believed',
    file: 'redis/health.ts',
    find: "if (code === 'READONLY' && this.#trusted) {",
    instead: "if (code === '' && this.#trusted) {",
    tests: ['promises/another-redis.test.ts'],
  },
]

const bytes: readonly Guard[] = [
  {
    name: 'checksum',
    without: 'a flipped bit is another row',
    file: 'wire/envelope.ts',
    find: 'if (bytes.readUInt32BE(CRC_AT) !== crc32(bytes.subarray(KIND_AT))) return undefined',
    instead: '',
    tests: ['wire/envelope.test.ts', 'promises/hostile.test.ts'],
  },
  {
    name: 'fingerprint',
    without: 'rows of another schema are decoded by this one',
    file: 'wire/envelope.ts',
    find: 'if (!same(bytes, FINGERPRINT_AT, fingerprint, 0, 8)) return undefined',
    instead: '',
    tests: ['wire/envelope.test.ts', 'promises/schema-change.test.ts'],
  },
  {
    name: 'encoded ids',
    without: 'two identities share a key',
    file: 'wire/keys.ts',
    find: "parts.map(encodePart).join(':')",
    instead: "parts.join(':')",
    tests: ['wire/keys.test.ts', 'promises/aliases.test.ts'],
  },
  {
    name: 'further filters',
    without: 'a row is served that the filter excludes',
    file: 'plan/read.ts',
    find: 'return text === null ? value === null : canon(value) === text',
    instead: 'return text === null ? value === null : true',
    tests: ['promises/filters.test.ts'],
  },
  {
    name: 'maxBytes',
    without: 'a large row is kept',
    file: 'read/fill.ts',
    find: 'PAYLOAD_AT + payload.length > policy.maxBytes',
    instead: 'payload.length < 0',
    tests: ['promises/policy.test.ts'],
  },
  {
    name: 'jitter is downward',
    without: 'an entry lives longer than its TTL',
    file: 'read/fill.ts',
    find: 'ttlMs * (1 - Math.random() * jitter)',
    instead: 'ttlMs * (1 + 0.2 + Math.random() * jitter)',
    tests: ['promises/time-to-live.test.ts'],
  },
]

/** The rules of what a write drops. `npm run fuzz -- --rules` shows for each a program that reads something wrong without it. */
const rules = (Object.keys(RULES) as Rule[]).map(
  (rule): Guard => ({
    name: `rule ${rule}`,
    without: RULES[rule],
    file: 'plan/effects.ts',
    find: 'this.#without = without\n',
    instead: `this.#without = without ?? '${rule}'\n`,
    tests: ['plan/write.test.ts'],
  }),
)

export const GUARDS: readonly Guard[] = [...loads, ...sharing, ...writes, ...redis, ...bytes, ...rules]

/** Guards that no test misses yet: to be given one, or to be taken out for good. */
export const UNNOTICED: readonly string[] = ['own id']
