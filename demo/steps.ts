/** One line per step: the query, what reached Postgres, how long it took, and what the cache did. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheEvent } from '../src/index.js'
import { print, styled, WIDTH, wrapped } from './terminal.js'
import type { Connected } from './client.js'

export type Step = <T>(what: string, run: () => PromiseLike<T>) => Promise<T>

export function stepsOf({ prisma, plain }: Connected): Step {
  const seen: string[] = []
  prisma.$cache.on(event => {
    const text = inWords(event)
    if (text !== undefined) seen.push(text)
  })
  let statements = 0
  plain.$on('query', () => statements++)

  return async (what, run) => {
    seen.length = 0
    statements = 0
    const began = performance.now()
    const result = await run()
    const ms = performance.now() - began
    await sleep(10) // events of the database come a little later
    const counts = [...new Set(seen)].map(text => {
      const times = seen.filter(other => other === text).length
      return times === 1 ? text : `${times} × ${text}`
    })
    const colour = statements === 0 ? 'green' : 'yellow'
    const begin = `  ${what.padEnd(43)} `
    const facts = `${statements} SQL ${ms.toFixed(1).padStart(6)} ms  `
    const did = counts.join(', ')
    const fits = begin.length + facts.length + did.length <= WIDTH
    print(begin + styled(colour, fits ? facts + did : facts))
    if (!fits) print(styled(colour, wrapped(did, begin.length)))
    return result
  }
}

function inWords(event: CacheEvent): string | undefined {
  switch (event.type) {
    case 'hit':
      return event.negative ? 'hit: no such row' : 'hit'
    case 'miss':
    case 'shared':
      return event.type
    case 'bypass':
      return event.why === 'in a transaction' ? 'not cached' : event.why
    case 'invalidate':
      return `invalidates ${event.models.join(', ')}`
    default:
      return undefined
  }
}
