/** A short run of `npm run chaos`, and runs without a guard, which have to go red: or the green one would say nothing. */
import { describe, expect, inject, it } from 'vitest'
import { type Plan, redOfHeaps, run } from '../../chaos/run.js'

const adminUrl = inject('databaseUrl')
const SEED = 20_261_123
/** Far more than it takes, also on a busy machine. */
const PATIENCE_MS = 300_000

describe('chaos', () => {
  it(
    'whatever happens to Redis, the network, the database and the processes: no wrong answer, no error of ours, nothing stale without a cause',
    async () => {
      const outcome = await run({ adminUrl, seed: SEED, seconds: 40 })
      expect(outcome.red).toEqual([])
      expect(outcome.verdict.hits).toBeGreaterThan(0)
      expect(outcome.verdict.queued).toBeGreaterThan(0)
      expect(outcome.compared.entries).toBeGreaterThan(0)
      expect(outcome.compared.unasked, 'entries that nothing was compared with').toEqual([])
      // Entries under an epoch that was renewed are there and not served: of those there is nothing to compare.
      expect(outcome.compared.served).toBeGreaterThan(0)
      expect(outcome.heaps.length).toBeGreaterThan(0)
      expect(outcome.faults.size).toBeGreaterThan(10)
    },
    PATIENCE_MS,
  )

  it.each([
    ['a Cluster of 3 + 3, whatever happens to its masters and slots', 'cluster', 30],
    ['a master with two replicas behind three Sentinels, whatever happens to it', 'sentinels', 25],
  ] as const)(
    'on %s: no wrong answer, no error of ours, nothing stale without a cause, and all processes use the cache at the end',
    async (_, on, seconds) => {
      const outcome = await run({ adminUrl, seed: SEED, seconds, on, kinds: 4 })
      expect(outcome.red).toEqual([])
      expect(outcome.verdict.hits).toBeGreaterThan(0)
      expect(outcome.compared.unasked, 'entries that nothing was compared with').toEqual([])
      expect(outcome.compared.served).toBeGreaterThan(0)
      expect(outcome.faults.size).toBeGreaterThan(3)
    },
    PATIENCE_MS,
  )

  it('is red when the heap of a process grows', () => {
    expect(redOfHeaps([{ process: '0.0', early: 100, late: 150 }], 40)).toEqual([])
    expect(redOfHeaps([{ process: '0.0', early: 100, late: 150 }], 600)).toHaveLength(1)
    expect(redOfHeaps([{ process: '0.0', early: 100, late: 170 }], 40)).toEqual([
      'the heap of process 0.0 has grown to 1.70 times',
    ])
  })

  // Those of the near cache are in promises/near and in the fuzzer. Each with the fault that it guards against, until it shows; chance decides when. Not the hold: a commit that comes late is too
  // rare here. schedules/unknown-outcomes runs each of its cases without it.
  const without: [title: string, plan: Omit<Plan, 'adminUrl' | 'seed' | 'seconds'>][] = [
    ['the journal', { without: 'journal', faults: ['network: refused'], writes: 0.03 }],
    ['knowing the server', { without: 'run_id', faults: ['Redis killed, back from an old snapshot'], writes: 0.03 }],
    ['the token of a load', { without: 'token', faults: ['database: slow'], writes: 0.15 }],
  ]
  it.each(without)(
    'without %s there are wrong answers',
    async (_, plan) => {
      let wrong = 0
      for (let round = 0; round < 6 && wrong === 0; round++) {
        const { verdict } = await run({ adminUrl, seed: SEED + round, seconds: 10, ...plan })
        wrong = verdict.wrong.length
      }
      expect(wrong).toBeGreaterThan(0)
    },
    PATIENCE_MS,
  )
})
