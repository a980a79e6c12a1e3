/** The commands by which ioredis connects, and by which the cache learns which server it is. */
import { integerOf } from './arguments.js'
import { ANY, type Command, wrongCount } from './command.js'
import { Refusal, type Reply } from './resp.js'
import type { Session } from './server.js'

export const connectionCommands: Readonly<Record<string, Command>> = {
  hello: { words: [1, ANY], run: hello },
  auth: { words: [2, ANY], run: auth },
  select: { words: [2, 2], run: select },
  client: { words: [2, ANY], run: client },
  info: { words: [1, ANY], run: info },
  time: { words: [1, 1], run: time },
  ping: { words: [1, 2], run: ([message]) => message ?? 'PONG' },
  quit: { words: [1, ANY], run: quit },
}

/** The cache asks for 7.0 or newer. */
const VERSION = '7.4.0'

function time(): Reply {
  const now = Date.now()
  return [Math.floor(now / 1000), (now % 1000) * 1000].map(part => Buffer.from(String(part)))
}

/** What the cache and ioredis look for in it. */
function info(_: readonly Buffer[], { server }: Session): Reply {
  const facts = {
    redis_version: VERSION,
    redis_mode: 'standalone',
    server_time_usec: Date.now() * 1000,
    run_id: server.runId,
    loading: 0,
    role: 'master',
    master_replid: server.replicationId,
  }
  const lines = Object.entries(facts).map(([name, value]) => `${name}:${value}\r\n`)
  return Buffer.from(`# memoryRedis of prisma-extension-cache-aside\r\n${lines.join('')}`)
}

function hello(words: readonly Buffer[], session: Session): Reply {
  const [version, ...options] = words.map(String)
  if (version !== undefined && !/^\d+$/.test(version)) {
    throw new Refusal('ERR Protocol version is not an integer or out of range')
  }
  if (version !== undefined && version !== '2' && version !== '3') {
    throw new Refusal('NOPROTO unsupported protocol version')
  }
  for (let i = 0; i < options.length; ) {
    const option = options[i] as string
    const rest = words.slice(i + 2)
    if (/^auth$/i.test(option) && rest.length >= 2) {
      auth(rest.slice(0, 2))
      i += 3
    } else if (/^setname$/i.test(option) && rest.length > 0) i += 2
    else throw new Refusal(`ERR Syntax error in HELLO option '${option}'`)
  }
  if (version !== undefined) session.protocol = version === '3' ? 3 : 2
  return new Map<string, Reply>([
    ['server', Buffer.from('redis')],
    ['version', Buffer.from(VERSION)],
    ['proto', session.protocol],
    ['id', 1],
    ['mode', Buffer.from('standalone')],
    ['role', Buffer.from('master')],
    ['modules', []],
  ])
}

/** There is one user, `default`, who needs no password. */
function auth(words: readonly Buffer[]): Reply {
  if (words.length > 2) throw new Refusal('ERR syntax error')
  if (words.length === 1) {
    throw new Refusal(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    )
  }
  if (String(words[0]) !== 'default') throw new Refusal('WRONGPASS invalid username-password pair or user is disabled.')
  return 'OK'
}

function select([index]: readonly Buffer[], session: Session): Reply {
  const db = Number(integerOf(index))
  if (session.server.databases[db] === undefined) throw new Refusal('ERR DB index is out of range')
  session.db = db
  return 'OK'
}

/** ioredis says who it is. Nobody asks. */
function client([subcommand, ...words]: readonly Buffer[]): Reply {
  const name = String(subcommand).toLowerCase()
  const count = { setinfo: 2, setname: 1 }[name]
  if (count === undefined) throw new Refusal(`ERR unknown subcommand '${String(subcommand)}'. Try CLIENT HELP.`)
  if (words.length !== count) return wrongCount(`client|${name}`)
  return 'OK'
}

function quit(_: readonly Buffer[], session: Session): Reply {
  session.isOver = true
  return 'OK'
}
