/**
 * What the scripts of the cache do, in JavaScript: there is no Lua here. A script is recognised by its text, so one that was
 * changed is refused until it is changed here as well.
 */
import { CHECK_IN } from '../fleet/fleet.js'
import { LAG } from '../fleet/feed-watch.js'
import { FILL, INTEND, RELEASE, RENEW, TAKE_OVER } from '../redis/scripts.js'
import { integerOf } from './arguments.js'
import { checkIn } from './check-in.js'
import { intend, release } from './intents.js'
import { type Lua, luaOf, type Run } from './lua.js'
import { Refusal, type Reply } from './resp.js'
import type { Session } from './server.js'

const SCRIPTS = new Map<string, (lua: Lua) => Reply>([
  [FILL, fill],
  [RENEW, renew],
  [TAKE_OVER, takeOver],
  [CHECK_IN, checkIn],
  [INTEND, intend],
  [RELEASE, release],
  // No change feed can write to this memory.
  [LAG, () => -1],
])

function fill({ keys: [key], argv: [token, entry, ms], call }: Lua): Reply {
  if (!isSame(call('GETRANGE', key, '1', '19'), token)) return 0
  call('SET', key, entry, 'PX', ms)
  return 1
}

function renew({ keys: [key], argv: [token, ms], call }: Lua): Reply {
  if (!isSame(call('GETRANGE', key, '0', '20'), token)) return 0
  return call('PEXPIRE', key, ms)
}

function takeOver({ keys: [key], argv: [token, own, ms], call }: Lua): Reply {
  if (!isSame(call('GETRANGE', key, '0', '20'), token)) return 0
  call('SET', key, own, 'PX', ms)
  return 1
}

function isSame(reply: Reply, bytes: Buffer | undefined): boolean {
  return reply instanceof Buffer && bytes !== undefined && reply.equals(bytes)
}

/** `EVAL`. @param run - runs a command that a script calls */
export function evaluate([text, count, ...words]: readonly Buffer[], session: Session, run: Run): Reply {
  const keyCount = Number(integerOf(count))
  if (keyCount > words.length) throw new Refusal("ERR Number of keys can't be greater than number of args")
  if (keyCount < 0) throw new Refusal("ERR Number of keys can't be negative")
  const script = String(text)
  const meaning = SCRIPTS.get(script)
  if (meaning === undefined) {
    throw new Refusal(
      'ERR memoryRedis has no Lua: it knows the scripts of prisma-extension-cache-aside, in the version that it comes with. ' +
        'Use a real Redis for other scripts.',
    )
  }
  return meaning(luaOf(script, words.slice(0, keyCount), words.slice(keyCount), session, run))
}
