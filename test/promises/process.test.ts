import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { ShortLivedAnswers, ShortLivedEnv } from '../support/scripts/short-lived.js'
import { useWorld } from '../support/world.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const script = fileURLToPath(new URL('../support/scripts/short-lived.ts', import.meta.url))
/** Nobody listens there. */
const NOWHERE = 'redis://127.0.0.1:1'
/** Far more than it takes, also on a busy machine. */
const PATIENCE_MS = 60_000

const world = useWorld()

/** Runs the process to its end and answers what it printed; throws with that if it has to be killed, or fails. */
async function shortLived(env: Omit<ShortLivedEnv, 'DATABASE_URL' | 'PREFIX'>): Promise<ShortLivedAnswers> {
  const prefix = `${world.prefix}${env.IOREDIS}:${env.END}:`
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: world.databaseUrl, PREFIX: prefix, ...env },
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  })
  const { stdout } = await run.catch((error: Error & { killed?: boolean; stdout?: string; stderr?: string }) => {
    const how = error.killed ? `did not exit within ${PATIENCE_MS} ms` : 'failed'
    throw new Error(`The process ${how}. It printed:\n${error.stdout}\n${error.stderr}`, { cause: error })
  })
  return JSON.parse(stdout) as ShortLivedAnswers
}

function answers(hits: number) {
  const email = expect.stringContaining('@x.org') as string
  return { email, again: email, renamed: 'Ada', after: 'Ada', inTransaction: 'Grace', absent: null, hits }
}

describe('a process that never calls $cache.close()', () => {
  it.each(['6', '5'] as const)(
    'exits by itself when its database and its Redis client (ioredis %s) are closed',
    async IOREDIS => {
      expect(await shortLived({ REDIS_URL: world.redisUrl, IOREDIS, END: 'quit' })).toEqual(answers(1))
    },
    2 * PATIENCE_MS,
  )

  it.each(['6', '5'] as const)(
    'is answered everything by the database when Redis (ioredis %s) is not there from the start, and exits by itself',
    async IOREDIS => {
      expect(await shortLived({ REDIS_URL: NOWHERE, IOREDIS, END: 'disconnect' })).toEqual(answers(0))
    },
    2 * PATIENCE_MS,
  )
})
