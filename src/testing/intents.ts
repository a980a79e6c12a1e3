/** The scripts of strict mode (`redis/scripts.ts`), line by line: intents in the holds of models, and their release. */
import type { Lua } from './lua.js'
import type { Reply } from './resp.js'

interface Line {
  readonly member: string
  readonly until: number
  readonly keys: string
}

export function intend({ keys, argv, call }: Lua): Reply {
  const [count, member = '', lifeMs, line = ''] = argv.map(String)
  const [, , , , token, newEpoch, epochMs] = argv
  const holds = Number(count)
  const now = timeOf(call)
  const named = keys.slice(holds)
  let isAlone = token !== undefined && token.length > 0
  const guarded = new Set(['*', ...(isAlone ? named.slice(-2).map(String) : [])])
  let isNew = false
  for (const hold of keys.slice(0, holds)) {
    const { lines, isOwn } = linesOf(call, hold, member, now)
    isNew ||= !isOwn
    if (lines.some(each => each.keys.split(' ').some(key => guarded.has(key)))) isAlone = false
    store(call, hold, [...lines, { member, until: now + Number(lifeMs), keys: line }], now)
  }
  if (!isNew) return 1
  const epoch = token !== undefined && token.length > 0 ? named.pop() : undefined
  for (const key of named) call('DEL', key)
  if (!isAlone) return 1
  call('SET', named.at(-1), token, 'PX', lifeMs)
  const reply = tried(() => call('SET', epoch, newEpoch, 'NX', 'GET', 'PX', epochMs))
  return reply === undefined ? 1 : (reply ?? (newEpoch as Buffer))
}

export function release({ keys, argv, call }: Lua): Reply {
  const [count, member = ''] = argv.map(String)
  const [, , entry, guard, ttlMs] = argv
  const holds = Number(count)
  const now = timeOf(call)
  const isStored = entry !== undefined && entry.length > 0
  const stale = isStored ? keys.slice(holds, -2) : keys.slice(holds)
  const held = isStored ? tried(() => call('GETRANGE', keys.at(-2), '1', '19')) : undefined
  for (const key of stale) call('DEL', key)
  for (const hold of keys.slice(0, holds)) {
    const { lines } = linesOf(call, hold, member, now)
    tried(() => store(call, hold, lines, now))
  }
  if (!(held instanceof Buffer && guard !== undefined && held.equals(guard))) return 0
  return tried(() => call('SET', keys.at(-1), entry, 'PX', ttlMs)) === undefined ? 0 : 1
}

/** `redis.pcall`; undefined: an error. */
function tried(call: () => Reply): Reply | undefined {
  try {
    return call()
  } catch {
    return undefined
  }
}

function timeOf(call: Lua['call']): number {
  const [seconds, microseconds] = call('TIME') as readonly Buffer[]
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

function linesOf(call: Lua['call'], hold: Buffer | undefined, member: string, now: number) {
  const stored = tried(() => call('GET', hold))
  const text = stored instanceof Buffer ? String(stored) : ''
  if (text !== '' && !text.includes(' ')) {
    const left = Number(call('PTTL', hold))
    return { lines: left > 0 ? [{ member: 'hold', until: now + left, keys: '*' }] : [], isOwn: false }
  }
  const all = text.split('\n').flatMap((line): Line[] => {
    const [, who, until, keys = ''] = /^(\S+) (\d+) (.*)$/.exec(line) ?? []
    return who === undefined || Number(until) <= now ? [] : [{ member: who, until: Number(until), keys }]
  })
  const lines = all.filter(line => line.member !== member)
  return { lines, isOwn: lines.length < all.length }
}

function store(call: Lua['call'], hold: Buffer | undefined, lines: readonly Line[], now: number): Reply {
  if (lines.length === 0) return call('DEL', hold)
  const last = Math.max(...lines.map(({ until }) => until))
  const text = lines.map(({ member, until, keys }) => `${member} ${until} ${keys}`).join('\n')
  return call('SET', hold, text, 'PX', String(last - now))
}
