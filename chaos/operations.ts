/** Runs the reads and writes of a process, and writes down what came of them, with what the cache said meanwhile. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { PrismaClient } from '../generated/prisma/client.js'
import type { CacheApi } from '../src/cache-api.js'
import { now, type Recorder } from './history.js'
import type { Read, Write } from './workload.js'

type Cache = Pick<CacheApi<PrismaClient>, 'on' | 'stats'>

/** What the cache said while an operation ran. */
interface Said {
  /** 0: a read. */
  readonly op: number
  hit: boolean
  queuedAt: number
}

export class Operations {
  readonly #saying = new AsyncLocalStorage<Said>()
  readonly #recorder: Recorder
  #lastOp = 0
  #cache: Cache | undefined
  trusted = false

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** Listens to the cache that the operations use. */
  listen(cache: Cache): void {
    this.#cache = cache
    cache.on(event => {
      const said = this.#saying.getStore()
      if (event.type === 'hit' && said) said.hit = true
      if (event.type === 'invalidate' && event.outcome === 'queued' && said) said.queuedAt ||= now()
      if (event.type !== 'redis') return
      this.trusted = event.usable
      if (this.isSettled) this.#recorder.write(['trust', now()])
    })
  }

  /** The process trusts Redis, and owes it nothing. */
  get isSettled(): boolean {
    return this.trusted && this.#cache?.stats().pendingInvalidations === 0
  }

  /** The write that is running where this is called. */
  get writing(): number | undefined {
    return this.#saying.getStore()?.op || undefined
  }

  /** Answers what was found, and whether the cache had it; undefined when it was rejected. */
  async read({ kind, run }: Read): Promise<{ hit: boolean; found: Awaited<ReturnType<Read['run']>> } | undefined> {
    const from = now()
    const said: Said = { op: 0, hit: false, queuedAt: 0 }
    try {
      const found = await this.#saying.run(said, run)
      const at = now()
      for (const [key, value, asked] of found) {
        this.#recorder.write(['read', from, at, kind, key, value, said.hit, asked])
      }
      return { hit: said.hit, found }
    } catch (error) {
      this.#recorder.write(['error', from, now(), kind, whatOf(error), 0, 0])
      return undefined
    }
  }

  /** Answers whether it has resolved. */
  async write({ kind, keys, run }: Write, state?: { number: number; value: string | null }): Promise<boolean> {
    const op = ++this.#lastOp
    const from = now()
    const said: Said = { op, hit: false, queuedAt: 0 }
    this.#recorder.write(
      state === undefined ? ['begin', op, from, keys] : ['begin', op, from, keys, state.number, state.value],
    )
    try {
      const versions = await this.#saying.run(said, run)
      this.#recorder.write(['end', op, now(), said.queuedAt, versions])
      return true
    } catch (error) {
      this.#recorder.write(['error', from, now(), kind, whatOf(error), op, said.queuedAt])
      return false
    }
  }
}

function whatOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: string }
  return `${error.name} ${code ?? ''} ${error.message.trim().split('\n').at(-1)}`.slice(0, 200)
}
