/** The commands for keys and their values. */
import { expiryOf, integerOf, setOptionsOf } from './arguments.js'
import { ANY, type Command } from './command.js'
import type { Database } from './database.js'
import { matcherOf } from './glob.js'
import { Refusal, type Reply } from './resp.js'
import type { Session } from './server.js'

export const keyCommands: Readonly<Record<string, Command>> = {
  get: { words: [2, 2], run: ([key], session) => databaseOf(session).get(key as Buffer)?.value ?? null },
  mget: { words: [2, ANY], run: (keys, session) => keys.map(key => databaseOf(session).get(key)?.value ?? null) },
  getrange: { words: [4, 4], run: getRange },
  set: { words: [3, ANY], needsMemory: true, run: set },
  del: { words: [2, ANY], run: (keys, session) => keys.filter(key => databaseOf(session).delete(key)).length },
  exists: { words: [2, ANY], run: (keys, session) => keys.filter(key => databaseOf(session).get(key)).length },
  pexpire: { words: [3, ANY], run: pexpire },
  pttl: { words: [2, 2], run: ([key], session) => timeLeft(databaseOf(session), key as Buffer, 1) },
  ttl: { words: [2, 2], run: ([key], session) => timeLeft(databaseOf(session), key as Buffer, 1000) },
  keys: {
    words: [2, 2],
    run: ([pattern], session) =>
      databaseOf(session)
        .keys()
        .filter(matcherOf(pattern as Buffer)),
  },
  dbsize: { words: [1, 1], run: (_, session) => databaseOf(session).keys().length },
  flushdb: { words: [1, ANY], run: (mode, session) => flush(mode, [databaseOf(session)]) },
  flushall: { words: [1, ANY], run: (mode, { server }) => flush(mode, server.databases) },
}

const ENDLESS = Number.POSITIVE_INFINITY

const databaseOf = ({ server, db }: Session) => server.databases[db] as Database

function set([key, value, ...options]: readonly Buffer[], session: Session): Reply {
  const database = databaseOf(session)
  const { expiry, keepTtl, condition, answersOld } = setOptionsOf(options)
  const until = expiry === undefined ? ENDLESS : expiryOf(expiry, 'set')
  const old = database.get(key as Buffer)
  const isSet = condition === undefined || (condition === 'NX') === (old === undefined)
  if (isSet) database.set(key as Buffer, value as Buffer, keepTtl ? (old?.until ?? ENDLESS) : until)
  if (answersOld) return old?.value ?? null
  return isSet ? 'OK' : null
}

function getRange([key, first, last]: readonly Buffer[], session: Session): Reply {
  const [from, to] = [Number(integerOf(first)), Number(integerOf(last))]
  const value = databaseOf(session).get(key as Buffer)?.value ?? Buffer.alloc(0)
  if (from < 0 && to < 0 && from > to) return Buffer.alloc(0)
  const at = (position: number) => Math.max(position < 0 ? value.length + position : position, 0)
  return value.subarray(at(from), at(to) + 1)
}

function pexpire([key, ms, ...flags]: readonly Buffer[], session: Session): Reply {
  const wanted = new Set(flags.map(flag => flag.toString('latin1').toUpperCase()))
  const foreign = [...wanted].findIndex(flag => !['NX', 'XX', 'GT', 'LT'].includes(flag))
  if (foreign >= 0) throw new Refusal(`ERR Unsupported option ${String(flags[foreign])}`)
  if (wanted.has('NX') && wanted.size > 1) {
    throw new Refusal('ERR NX and XX, GT or LT options at the same time are not compatible')
  }
  if (wanted.has('GT') && wanted.has('LT')) {
    throw new Refusal('ERR GT and LT options at the same time are not compatible')
  }
  const database = databaseOf(session)
  const until = expiryOf({ unit: 'PX', value: integerOf(ms), mayBePast: true }, 'pexpire')
  const found = database.get(key as Buffer)
  if (found === undefined) return 0
  const isEndless = found.until === ENDLESS
  if (wanted.has('NX') && !isEndless) return 0
  if (wanted.has('XX') && isEndless) return 0
  if (wanted.has('GT') && until <= found.until) return 0
  if (wanted.has('LT') && until >= found.until) return 0
  if (until <= Date.now()) database.delete(key as Buffer)
  else database.set(key as Buffer, found.value, until)
  return 1
}

function timeLeft(database: Database, key: Buffer, unitMs: number): number {
  const found = database.get(key)
  if (found === undefined) return -2
  if (found.until === ENDLESS) return -1
  const ms = found.until - Date.now()
  return unitMs === 1 ? ms : Math.floor((ms + unitMs / 2) / unitMs)
}

function flush([mode, ...more]: readonly Buffer[], databases: readonly Database[]): Reply {
  if (more.length > 0 || (mode !== undefined && !/^a?sync$/i.test(String(mode)))) throw new Refusal('ERR syntax error')
  for (const database of databases) database.clear()
  return 'OK'
}
