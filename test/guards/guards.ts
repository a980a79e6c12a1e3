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
const POOL = 'promises/pool-errors.test.ts'
const ADAPTERS = 'promises/adapters.test.ts'
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
    file: 'redis/look-ups.ts',
    find: 'batch.answer(isCurrent ? replies : undefined, memory)',
    instead: 'batch.answer(replies, memory)',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'no guess without proof',
    without: 'a row is served by a unique value that it has no more',
    file: 'read/row-entry.ts',
    find: "found !== 'absent' && isPinnedBy(lookup, found)",
    instead: "found !== 'absent'",
    tests: ['promises/uniques.test.ts', 'promises/aliases.test.ts'],
  },
  {
    name: 'own id',
    without: 'each read under a spelling that the database folds leaves a pointer that proves itself never',
    file: 'read/row-entry.ts',
    find: 'id === undefined || by.idOf(row) !== lookup.id',
    instead: 'id === undefined',
    tests: ['promises/uniques.test.ts'],
  },
  {
    name: 'absence alone in its batch',
    without: 'Prisma says null to another spelling of a row that is there, and that is kept',
    file: 'read/row-entry.ts',
    find: "if (by.equality === 'text' && !unbatched) return 'unproven'",
    instead: '',
    tests: ['promises/aliases.test.ts'],
  },
  {
    name: 'what is there stays',
    without: 'a row found by another unique overwrites the newer one at its key',
    file: 'redis/batches.ts',
    find: "'PX', ms, 'NX'])",
    instead: "'PX', ms])",
    tests: ['promises/uniques.test.ts', RACES],
  },
  {
    name: 'a fill is not awaited',
    without: 'a miss takes one trip more',
    file: 'read/read.ts',
    find: 'shared = reading.fillAndShare(found, tokens, loaded, loadMs)',
    instead: 'shared = reading.fillAndShare(found, tokens, loaded, loadMs)\n    await reading.lookUp(deadline)',
    tests: [TRIPS],
  },
]

const sharing: readonly Guard[] = [
  {
    name: 'who may share a load',
    without: 'a reader gets a value from before it came',
    file: 'local/flights.ts',
    find: 'return began < this.#closedAt',
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
    find: "if (outcome.kind === 'failed') return queryOrStale(context, reading, times)",
    instead: "if (outcome.kind === 'failed') throw new Error('the load of another')",
    tests: [RACES],
  },
  {
    name: 'a copy for each',
    without: 'two callers hold one object',
    file: 'read/row.ts',
    find: "return row === null ? 'absent' : payload",
    instead:
      "Object.assign(this.#plan.cached.codec, { decode: () => row })\n    return row === null ? 'absent' : payload",
    tests: [RACES],
  },
  {
    name: 'the source in each entry',
    without: 'one tenant is given the rows of another, where nothing else stops it',
    file: 'assemble.ts',
    find: 'const source = () => overrides.source ?? database.facts?.source.id',
    instead: "const source = () => overrides.source ?? (database.facts && 'one')",
    tests: ['promises/tenants.test.ts', 'promises/fleet.test.ts'],
  },
  {
    name: 'access of the database user',
    without: 'one database user is given rows that another may see',
    file: 'source/access.ts',
    find: "if (plan.kind === 'bypass') return plan",
    instead: 'if (plan.kind !== undefined) return plan',
    tests: ['promises/access.test.ts', 'promises/row-security.test.ts'],
  },
  {
    name: 'hooks behind the cache',
    without: 'what a guard per tenant lets through is kept for all',
    file: 'prisma7/operation.ts',
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
    find: 'Promise.race([...outcomes, ...this.#lateAfter(longestMs)])',
    instead: 'Promise.race(outcomes)',
    tests: ['local/flights.test.ts', 'promises/hanging.test.ts'],
  },
]

const elsewhere: readonly Guard[] = [
  {
    name: 'the question to the Sentinels waits for its connection',
    without: 'behind Sentinels, a client without an offline queue never comes back from a short hang',
    file: 'redis/sentinels.ts',
    find: 'enableOfflineQueue: true,',
    instead: '',
    tests: ['promises/sentinel.test.ts'],
  },
  {
    name: 'a replay that an unknown server acknowledged',
    without: 'the same for what was in the journal',
    file: 'redis/health.ts',
    find: 'if (isOwed) this.#server.acknowledged(connects)',
    instead: '',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'the mark of the server that was invalidated',
    without: 'a server is taken for a known one whose epochs another one has deleted',
    file: 'redis/known-servers.ts',
    find: "if (!isSame()) return 'unanswered'",
    instead: '',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'invalidations that an unknown server acknowledged',
    without: 'a client that was with another server for a moment leaves stale rows on its own',
    file: 'redis/server-check.ts',
    find: 'this.#unidentified = isOnly ? sentAt : Number.NaN',
    instead: '',
    tests: ['promises/another-redis.test.ts'],
  },
]

const NEAR = 'promises/near.test.ts'
const near: readonly Guard[] = [
  {
    name: 'marks of the near cache',
    without: 'a reply from before a change that was told meanwhile is kept',
    file: 'redis/near-cache.ts',
    find: 'return marks.has(key)',
    instead: 'return true',
    tests: [NEAR],
  },
  {
    name: 'age of the near cache',
    without: 'what is kept is served while nothing is heard',
    file: 'redis/near-cache.ts',
    find: 'return ms > this.#options.maxStaleMs',
    instead: 'return false',
    tests: [NEAR],
  },
  {
    name: 'own writes in the near cache',
    without: 'a process reads its own write only once Redis has told it',
    file: 'redis/near-cache.ts',
    find: 'for (const key of keys) this.#forget(key)',
    instead: '',
    tests: [NEAR],
  },
  {
    name: 'the server of the near cache',
    without: 'it keeps what another server has',
    file: 'redis/near-cache.ts',
    find: 'return seen.identity === checked.identity',
    instead: 'return true',
    tests: [NEAR],
  },
  {
    name: 'TTL in the near cache',
    without: 'an entry is served past its TTL',
    file: 'redis/near-cache.ts',
    find: 'return expiryOf(entry) + graceOf(entry)',
    instead: 'return Number.POSITIVE_INFINITY',
    tests: [NEAR],
  },
  {
    name: 'fills beside the near cache',
    without: 'a read behind a miss is a miss again',
    file: 'redis/near-cache.ts',
    find: 'if (this.#filling.size > 0 && keys.some(key => this.#filling.has(key))) return false',
    instead: '',
    tests: [NEAR],
  },
]

const writes: readonly Guard[] = [
  {
    name: 'invalidated before the promise resolves',
    without: 'a read after a write is answered from before it',
    file: 'write/write.ts',
    find: "await invalidate(context, plan.effects, 'write', { standing })\n  return result",
    instead: "setTimeout(() => void invalidate(context, plan.effects, 'write', { standing }), 50)\n  return result",
    tests: ['promises/read-your-writes.test.ts'],
  },
  {
    name: 'invalidated after a failure',
    without: 'a write that fails after the server has done it leaves the old rows',
    file: 'write/write.ts',
    find: 'await invalidateAfterFailure(context, operation, toRun, error, standing)',
    instead: 'void invalidateAfterFailure',
    tests: [UNKNOWN],
  },
  {
    name: 'invalidated at the end of a transaction',
    without: 'readers fill the old row again before COMMIT',
    file: 'write/write.ts',
    find: "if (transaction?.kind === 'interactive') return writeInTransaction",
    instead: 'if (transaction === null) return writeInTransaction',
    tests: [RACES],
  },
  {
    name: 'reads of a transaction',
    without: 'what is not committed is cached',
    file: 'read/model-read.ts',
    find: 'if (context.transactionOf(operation) !== undefined) return',
    instead: "if (context.transactionOf(operation)?.kind === 'batch') return",
    tests: [RACES],
  },
  {
    name: 'hold',
    without: 'what the server commits after we gave up stays stale',
    file: 'write/invalidate.ts',
    find: 'isOutcomeKnown ? effects.invalidation() : effects.invalidationOfUnknownOutcome()',
    instead: 'isOutcomeKnown ? effects.invalidation() : effects.invalidation()',
    tests: [RACES, UNKNOWN],
  },
  {
    name: 'a hold is looked at',
    without: 'models under a hold are filled',
    file: 'redis/batches.ts',
    find: 'if (holds.every(position => replies[from + position] === null)) return { epochs, held: undefined }',
    instead: 'if (holds.length >= 0) return { epochs, held: undefined }',
    tests: [RACES, UNKNOWN],
  },
  {
    name: 'raw SQL whose connection is cut',
    without: 'it is taken for a statement that has failed, and may be committed later',
    file: 'prisma7/errors.ts',
    find: "if (code === 'P2010' || code === 'P2028') return 'unknown'",
    instead: "if (code === 'P2028') return 'unknown'",
    tests: [UNKNOWN],
  },
  {
    name: 'errors from before a statement was sent',
    without: 'a write that got no connection holds its models, in all processes, when the database has least to spare',
    file: 'prisma7/errors.ts',
    find: 'wasNeverSent(error) || UNSENT.test(String(code)) || isTransactionNotBegun(error)',
    instead: 'code === true',
    tests: [POOL, ADAPTERS],
  },
  {
    name: 'writes that were never sent',
    without: 'each of them takes its row out of the cache, and there is no connection to load it again',
    file: 'write/write.ts',
    find: "else if (outcome === 'unsent') {",
    instead: "else if (outcome === ('never' as string)) {",
    tests: [POOL],
  },
  {
    name: 'hooks behind a write',
    without: 'a hook that fails when the write is done makes it look as if it was not done',
    file: 'write/write.ts',
    find: "if (outcome === 'failed' || hasHooksBehind) addResult",
    instead: "if (outcome === 'failed') addResult",
    tests: [ADAPTERS],
  },
  {
    name: 'a fetch that is cut in the middle of a statement',
    without: 'its TypeError is taken for one of Prisma, and the write may be committed later',
    file: 'prisma7/errors.ts',
    find: "return cause === undefined && !OF_FETCH.test(error.message) ? 'failed' : 'unknown'",
    instead: "return cause === null ? 'unknown' : 'failed'",
    tests: [ADAPTERS],
  },
  {
    name: "codes of Postgres that Prisma's errors don't have",
    without: 'a unique violation holds its model, with Neon over HTTP and Prisma Postgres',
    file: 'prisma7/errors.ts',
    find: '.originalCode, originalCode, code]',
    instead: '.originalCode]',
    tests: [ADAPTERS],
  },
  {
    name: 'transactions that were not begun or had ended',
    without: 'a batch that waited too long for a connection holds its models',
    file: 'prisma7/errors.ts',
    find: 'REFUSED.test(code) || isTransactionClosed(error)',
    instead: 'REFUSED.test(code)',
    tests: [ADAPTERS],
  },
  {
    name: 'outcomes that are not known',
    without: 'a time-out is taken for a failure',
    file: 'write/write.ts',
    find: "if (outcome === 'unknown') {",
    instead: "if (outcome === 'never') {",
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
    name: 'journal before use',
    without: 'Redis is read before it knows what was written meanwhile',
    file: 'redis/health.ts',
    find: 'if (!(await this.#journal.replay())) {',
    instead: 'setTimeout(() => void this.#journal.replay(), 300)\n    if (this.#closed) {',
    tests: ['promises/partition.test.ts', 'promises/outage.test.ts', 'promises/another-redis.test.ts'],
  },
  {
    name: 'no use of Redis while invalidations are pending',
    without: 'the writer itself reads what its lost invalidation should have invalidated',
    file: 'redis/health.ts',
    find: "this.#journal.add(holds, keys)\n    this.#suspend('it has not acknowledged an invalidation')",
    instead: 'this.#journal.add(holds, keys)',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'an unknown server',
    without: 'an old snapshot is served',
    file: 'redis/known-servers.ts',
    find: "if (!(await this.#connection.del(epochs, deadlineMs))) return 'unanswered'",
    instead: '',
    tests: ['promises/another-redis.test.ts'],
  },
  {
    name: 'strict: an intent before the write',
    without: 'a writer that dies leaves the old row',
    file: 'write/write.ts',
    find: 'const standing = await intend(context, effects, through)',
    instead: 'const standing = undefined',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'strict: an intent before COMMIT',
    without: 'a transaction whose writer dies leaves the old row',
    file: 'write/transaction.ts',
    find: 'standing = await intendBeforeCommit(context, scope)',
    instead: '',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'strict: holds are asked behind the tokens',
    without: 'an intent between the look-up and the token is not seen',
    file: 'redis/store.ts',
    find: 'for (const hold of dependsOn.holds) batch.ask(hold)',
    instead: 'if (!epochsKnown) for (const hold of dependsOn.holds) batch.ask(hold)',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'strict: an intent is prolonged',
    without: 'it ends before a long write',
    file: 'write/strict.ts',
    find: 'if (left-- > 0) void context.store.intend({ ...intent, through: undefined })',
    instead: 'if (left-- > 0) void 0',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'strict: links count as what is written',
    without: 'a write of links alone has no intent',
    file: 'write/strict.ts',
    find: '!strict.concerns(stale.concernedModels)',
    instead: '!strict.concerns(stale.models)',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'write-through: the token of the intent',
    without: 'the row of the writer that committed first is stored last',
    file: 'redis/scripts.ts',
    find: "isStored = redis.pcall('GETRANGE', KEYS[last - 1], 1, 19) == ARGV[4]",
    instead: 'isStored = true',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'write-through: no token beside another intent',
    without: 'a row is stored although a writer that was there first goes on',
    file: 'redis/scripts.ts',
    find: "if isAlone then isAlone = not names(lines, {'*', KEYS[#KEYS], KEYS[#KEYS - 1]}) end",
    instead: '',
    tests: ['promises/strict.test.ts'],
  },
  {
    name: 'an error of the client is no refusal',
    without: 'a process that checks in while a Cluster is down does not use it for ten seconds',
    file: 'fleet/fleet.ts',
    find: 'const refusal = refusalOf(reply)',
    instead: 'const refusal = refusalOf(reply) ?? (reply instanceof Error ? reply.name : undefined)',
    tests: ['promises/cluster.test.ts'],
  },
  {
    name: 'too many failures',
    without: 'each read waits out its deadline while Redis hangs',
    file: 'redis/failures.ts',
    find: 'return ++this.#count >= MOST',
    instead: 'return ++this.#count < 0',
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

const ages: readonly Guard[] = [
  {
    name: 'age',
    without: 'an entry is served past its TTL by a process that has no swr, or for as long as Redis keeps it',
    file: 'read/age.ts',
    find: 'if (!(lateMs < mayBeLate)) return withoutEntry(snapshot, entry)',
    instead: '',
    tests: ['promises/swr.test.ts', 'promises/stale-if-error.test.ts'],
  },
  {
    name: 'only a database that is away',
    without: 'an entry past its TTL hides an error of the query',
    file: 'read/age.ts',
    find: 'return isPermitted && isDatabaseAway(error)',
    instead: 'return isPermitted',
    tests: ['promises/stale-if-error.test.ts'],
  },
  {
    name: 'one refresh in the fleet',
    without: 'each process loads a hot entry anew',
    file: 'redis/leases.ts',
    find: "['set', lease, 1, 'NX', 'PX', LEASE_MS]",
    instead: "['set', lease, 1, 'PX', LEASE_MS]",
    tests: ['promises/refresh-ahead.test.ts', 'promises/swr.test.ts'],
  },
  {
    name: 'outside of the caller',
    without: 'a load in the background runs in the request of the caller that found it due',
    file: 'local/refreshes.ts',
    find: 'outside.runInAsyncScope(() => this.#later(() => void this.#run(refresh, rests)))',
    instead: 'this.#later(() => void this.#run(refresh, rests))',
    tests: ['promises/refresh-ahead.test.ts', 'promises/swr.test.ts'],
  },
  {
    name: 'entries without times',
    without: 'bytes of an older version are read at the places of this one',
    file: 'wire/envelope.ts',
    find: 'if ((bytes[KIND_AT] as number) <= LAST_WITHOUT_TIMES) return undefined',
    instead: '',
    tests: ['wire/envelope.test.ts'],
  },
]

const bytes: readonly Guard[] = [
  {
    name: 'checksum',
    without: 'a flipped bit is another row',
    file: 'wire/envelope.ts',
    find: 'return bytes.readUInt32BE(CRC_AT) === crc32(bytes.subarray(KIND_AT))',
    instead: 'return bytes.length > CRC_AT',
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
    file: 'plan/pins.ts',
    find: 'if (text === null ? value === null : canonicalize(value) === text) continue',
    instead: 'if (text === null ? value === null : true) continue',
    tests: ['promises/filters.test.ts'],
  },
  {
    name: 'maxBytes',
    without: 'a large row is kept',
    file: 'read/row-entry.ts',
    find: 'PAYLOAD_AT + payload.length > policy.maxBytes',
    instead: 'payload.length < 0',
    tests: ['promises/policy.test.ts'],
  },
  {
    name: 'jitter is downward',
    without: 'an entry lives longer than its TTL',
    file: 'plan/lives.ts',
    find: 'ttlMs * (1 - Math.random() * jitter)',
    instead: 'ttlMs * (1 + 0.2 + Math.random() * jitter)',
    tests: ['promises/time-to-live.test.ts'],
  },
]

/** How the sources lose a rule. */
function withoutRule(rule: Rule): Pick<Guard, 'find' | 'instead'> {
  switch (rule) {
    case 'every-write':
      return { find: 'if (this.#changed.has(model)) return this', instead: 'return this' }
    case 'row':
      return {
        find: 'this.changed(model)\n    const ids',
        instead: "this.changed(model)\n    if (_rule === 'row') return this\n    const ids",
      }
    case 'parent':
      return { find: 'this.#tags.add(tag)\n    return', instead: 'return' }
    case 'moved':
      return { find: 'if (model.lists.length > 0) this.#moved.add(model)', instead: '' }
    case 'link':
      return { find: 'this.#links.set(link, ends)\n    return', instead: 'return' }
    default:
      return {
        find: 'if (this.#unnamed.has(model)) return false',
        instead: `if (_rule === '${rule}' || this.#unnamed.has(model)) return false`,
      }
  }
}

/** The rules of what a write invalidates. `npm run fuzz -- --rules` shows for each a program that reads something wrong without it. */
const rules = (Object.keys(RULES) as Rule[]).map(
  (rule): Guard => ({
    name: `rule ${rule}`,
    without: RULES[rule],
    file: 'plan/effects.ts',
    ...withoutRule(rule),
    tests: ['plan/write.test.ts'],
  }),
)

const FRONT = 'promises/front.test.ts'

const front: readonly Guard[] = [
  {
    name: 'hooks before the front',
    without: 'a hit runs none of the query hooks that were applied before the cache',
    file: 'prisma7/calls.ts',
    find: 'const goesStraight = before >= 0 && hooks.slice(0, before).every(isInvalidationHook)',
    instead: 'const goesStraight = before >= 0',
    tests: [FRONT],
  },
  {
    name: 'methods before the front',
    without: 'the front answers in place of a method that an extension has put there',
    file: 'prisma7/calls.ts',
    find: 'if (operation in (_extensions.getAllModelExtensions(model) ?? {})) return `an extension replaces ${operation}`',
    instead: '',
    tests: [FRONT],
  },
  {
    name: 'computed fields in the front',
    without: 'hits have no computed fields',
    file: 'front/method.ts',
    find: "if (plan.kind === 'bypass' || of.computes(plan.models)) return undefined\n    this.#known",
    instead: "if (plan.kind === 'bypass') return undefined\n    this.#known",
    tests: [FRONT],
  },
  {
    name: 'hooks behind the front',
    without: 'a hit runs none of the query hooks that were applied after the cache',
    file: 'front/method.ts',
    find: 'if (this.#hasHooksBehind && !context.hooksAreSameForAll) return undefined',
    instead: '',
    tests: [FRONT, 'promises/hooks-behind.test.ts'],
  },
  {
    name: 'tracing in the front',
    without: 'hits have no spans of Prisma',
    file: 'front/method.ts',
    find: ' || of.isTraced) return undefined',
    instead: ') return undefined',
    tests: [FRONT],
  },
  {
    name: 'args of the front',
    without: 'a miss loads what the args of the application have become since the query began',
    file: 'front/method.ts',
    find: 'this.#planned(context, copyOf(args ?? {}))',
    instead: 'this.#planned(context, (args ?? {}) as Record<string, unknown>)',
    tests: [FRONT],
  },
  {
    name: 'one look-up of the front',
    without: 'a miss is looked up twice',
    file: 'read/first-look.ts',
    find: 'handedOver.set(args, look)',
    instead: 'void [args, look]',
    tests: [FRONT],
  },
]

export const GUARDS: readonly Guard[] = [
  ...loads,
  ...sharing,
  ...elsewhere,
  ...near,
  ...writes,
  ...redis,
  ...ages,
  ...bytes,
  ...front,
  ...rules,
]
