/** Runs a program on two clients at once, and answers the first reply that differs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Faults } from '../../src/testing/index.js'
import type { Life, Program, Step, Word } from './programs.js'

export interface Pair {
  readonly real: Redis
  readonly memory: Redis & { readonly faults: Faults }
  /** A connection of its own, for the settings of the real server. */
  readonly admin: Redis
}

export type Words = readonly (string | Buffer)[]

/** What takes 1 ms to end has ended by then. */
const PAUSE_MS = 6
/** By how much times may differ: the clock goes on between the two. */
const TOLERANCE_MS = 5_000
/** What is larger is a point in time: seconds or ms since 1970. */
const A_TIME = 1e9

export interface Difference {
  readonly words: Words
  readonly real: unknown
  readonly memory: unknown
}

/** @param broken - what the stand-in gets instead of a command, in a control */
export async function differenceIn(
  { real, memory, admin }: Pair,
  program: Program,
  broken: (words: Words) => Words = words => words,
): Promise<Difference | undefined> {
  await Promise.all([real, memory].map(client => client.flushall()))
  await Promise.all([real, memory].map(client => client.select(0)))
  const lives = new Lives()
  try {
    for (const step of program) {
      if (isOfMemory(step)) {
        await admin.config('SET', 'maxmemory', step.kind === 'full' ? 1 : 0)
        if (step.kind === 'full') memory.faults.full()
        else memory.faults.none()
        continue
      }
      const commands = commandsOf(step).map(words => words.map(word => lives.textOf(word)))
      const [expected, found] = await Promise.all([replies(real, commands), replies(memory, commands.map(broken))])
      if (step.kind === 'short') await sleep(PAUSE_MS)
      for (const [i, words] of commands.entries()) {
        const difference = { words, real: shown(expected[i]), memory: shown(found[i]) }
        if (!isSame(words, expected[i], found[i])) return difference
      }
    }
    return undefined
  } finally {
    memory.faults.none()
    await admin.config('SET', 'maxmemory', 0)
  }
}

type MemoryStep = Extract<Step, { kind: 'full' | 'room' }>

function isOfMemory(step: Step): step is MemoryStep {
  return step.kind === 'full' || step.kind === 'room'
}

function commandsOf(step: Exclude<Step, MemoryStep>): readonly (readonly Word[])[] {
  return step.kind === 'short' ? [step.command] : step.commands
}

/** Replies as buffers, errors as their messages. Several commands are one pipeline. */
async function replies(client: Redis, commands: readonly Words[]): Promise<unknown[]> {
  const isAlone = commands.length === 1
  if (!isAlone && commands.length % 2 === 0) {
    const pipeline = client.pipeline()
    for (const [name = '', ...words] of commands) pipeline.callBuffer(String(name), ...words)
    return ((await pipeline.exec()) ?? []).map(([error, reply]) => (error === null ? reply : error.message))
  }
  const sent = commands.map(([name = '', ...words]) => client.callBuffer(String(name), ...words))
  return (await Promise.allSettled(sent)).map(outcome =>
    outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error).message,
  )
}

function isLife(word: Word): word is Life {
  return typeof word === 'object' && 'rank' in word
}

class Lives {
  #used = 0

  textOf(word: Word): string | Buffer {
    return isLife(word) ? this.#text(word) : word
  }

  #text({ rank, as }: Life): string {
    const seconds = rank * 10_000 + 20 * this.#used++
    const from = as.endsWith('at') ? Math.floor(Date.now() / 1000) : 0
    return String((from + seconds) * (as.startsWith('ms') ? 1000 : 1))
  }
}

function isSame([name = '', script = '']: Words, real: unknown, memory: unknown): boolean {
  const command = String(name).toLowerCase()
  const isCheckIn = String(script).startsWith('#!lua')
  if (command === 'info') return typeof real === typeof memory
  if (command === 'pttl') return isNear(real, memory, TOLERANCE_MS)
  // A real Redis also counts what has ended and is not removed yet.
  if (command === 'dbsize' && typeof memory === 'number' && typeof real === 'number') return memory <= real
  if (command === 'ttl') return isNear(real, memory, TOLERANCE_MS / 1000)
  if (command === 'time' && Array.isArray(real) && Array.isArray(memory)) {
    return near(comparable(real[0]), comparable(memory[0])) && real.length === memory.length
  }
  if (command === 'keys') return same(sorted(real, 1), sorted(memory, 1))
  if (isCheckIn && Array.isArray(real) && Array.isArray(memory)) {
    const [[status, owner, time, watched, ...others], [status2, owner2, time2, watched2, ...others2]] = [
      real,
      memory,
    ].map(reply => reply.map(comparable)) as [unknown[], unknown[]]
    // With `ours` it is an age, which may be 0 on one side.
    const isSameTime = status === 'ours' ? isNear(time, time2, TOLERANCE_MS) : near(time, time2)
    const isSameHead = status === status2 && owner === owner2 && isSameTime && isNear(watched, watched2, TOLERANCE_MS)
    return isSameHead && same(sorted(others, 3), sorted(others2, 3))
  }
  return near(comparable(real), comparable(memory))
}

function isNear(real: unknown, memory: unknown, tolerance: number): boolean {
  if (typeof real !== 'number' || typeof memory !== 'number' || real < 0 || memory < 0) return same(real, memory)
  return Math.abs(real - memory) <= tolerance
}

/** Groups of `size` in one order: a set is answered in any. */
function sorted(reply: unknown, size: number): unknown {
  if (!Array.isArray(reply)) return comparable(reply)
  const groups: string[] = []
  for (let i = 0; i < reply.length; i += size) groups.push(JSON.stringify(reply.slice(i, i + size).map(comparable)))
  return groups.toSorted()
}

/** A value that is compared by what it says: the text of the fleet is JSON, whose order is any. */
function comparable(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(comparable)
  if (!(reply instanceof Buffer)) return reply
  const text = reply.toString('latin1')
  if (/^\{"|^\d{10,}$/.test(text)) {
    try {
      return JSON.parse(reply.toString()) as unknown
    } catch {
      return text
    }
  }
  return text
}

/** Equal, where points in time may differ by the time between the two clients. */
function near(real: unknown, memory: unknown): boolean {
  if (typeof real === 'number' && typeof memory === 'number') {
    return real === memory || (Math.min(real, memory) > A_TIME && Math.abs(real - memory) <= TOLERANCE_MS)
  }
  if (typeof real !== 'object' || typeof memory !== 'object' || real === null || memory === null) return real === memory
  const names = Object.keys(real).toSorted()
  if (!same(names, Object.keys(memory).toSorted())) return false
  return names.every(name => near((real as Record<string, unknown>)[name], (memory as Record<string, unknown>)[name]))
}

function same(real: unknown, memory: unknown): boolean {
  return JSON.stringify(real) === JSON.stringify(memory)
}

function shown(reply: unknown): unknown {
  return Array.isArray(reply) ? reply.map(shown) : reply instanceof Buffer ? reply.toString('latin1') : reply
}
