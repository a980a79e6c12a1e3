/** How a process caches, as it tells the command line: what the bytes in Redis do not say. */
import type { Config, Policy } from '../options.js'

export interface Settings {
  readonly deadlineMs: number
  readonly models: ReadonlyMap<string, Pick<Policy, 'ttlMs' | 'queriesTtlMs' | 'jitter' | 'exclude' | 'rowSecurity'>>
}

type Stored = [
  deadlineMs: number,
  models: [name: string, ttlMs: number, queriesTtlMs: number, jitter: number, exclude: string[], sameForAll: boolean][],
]

export function settingsText({ deadlineMs, policies }: Pick<Config, 'deadlineMs' | 'policies'>): string {
  const models = Array.from(
    policies,
    ([name, { ttlMs, queriesTtlMs, jitter, exclude, rowSecurity }]): Stored[1][number] => [
      name,
      ttlMs,
      queriesTtlMs ?? 0,
      jitter,
      [...exclude],
      rowSecurity !== undefined,
    ],
  )
  return JSON.stringify([deadlineMs, models] satisfies Stored)
}

/** Undefined when the text is not one that this version can read. */
export function readSettings(text: string | undefined): Settings | undefined {
  try {
    const [deadlineMs, models] = JSON.parse(text ?? '') as Stored
    return {
      deadlineMs,
      models: new Map(
        models.map(([name, ttlMs, queriesTtlMs, jitter, exclude, sameForAll]) => [
          name,
          {
            ttlMs,
            queriesTtlMs: queriesTtlMs === 0 ? undefined : queriesTtlMs,
            jitter,
            exclude: new Set(exclude),
            rowSecurity: sameForAll ? 'same-for-all' : undefined,
          },
        ]),
      ),
    }
  } catch {
    return undefined
  }
}
