/** A short run of `npm run verify`, and one without a guard, which has to go red: or the green one would say nothing. */
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { Line } from '../../chaos/history.js'
import { type FaultName, KILLED, LOST, NONE } from '../../verify/faults.js'
import { judge } from '../../verify/judge.js'
import { type ModeName, TTL_MS } from '../../verify/modes.js'
import { type Round, run } from '../../verify/run.js'

const adminUrl = inject('databaseUrl')
const SEED = 20_261_128
/** Far more than it takes, also on a busy machine. */
const PATIENCE_MS = 240_000

describe('real histories', () => {
  const of: Round[] = []
  beforeAll(async () => {
    const plan = { adminUrl, seed: SEED, seconds: 1 }
    of.push(...(await run({ ...plan, modes: ['standard'], faults: [NONE, KILLED] })))
    of.push(...(await run({ ...plan, modes: ['near'], faults: [NONE] })))
    of.push(...(await run({ ...plan, modes: ['strict'], faults: [KILLED] })))
    of.push(...(await run({ ...plan, modes: ['write-through'], faults: [LOST] })))
  }, PATIENCE_MS)
  const round = (mode: ModeName, fault: FaultName) => of.find(one => one.mode === mode && one.fault === fault) as Round

  it.each(['standard', 'near'] as const)(
    '%s, without a crash: no answer outside the window that the mode documents, nothing stale at rest',
    mode => {
      const { red, judged, stale, compared } = round(mode, NONE)
      expect(red).toEqual([])
      expect(stale).toEqual([])
      expect(judged.writes).toBeGreaterThan(0)
      expect(judged.hits).toBeGreaterThan(0)
      expect(compared.served).toBeGreaterThan(0)
    },
  )

  it('standard, without a crash: no read in any process is older than a write that was acknowledged before it began', () => {
    const { below } = round('standard', NONE).judged
    const older = below.filter(({ kind }) => kind === 'older than acknowledged')
    // On a machine that stalls, Redis does not answer a DEL in time: it has not acknowledged it, and it is in the journal.
    expect(older.filter(({ window }) => window !== 'in the journal')).toEqual([])
  })

  it('a writer that is killed between COMMIT and DEL leaves an entry stale, which has its cause, and is gone after the TTL', () => {
    const { red, stale, staleAfterTtl, judged } = round('standard', KILLED)
    expect(red).toEqual([])
    expect(stale.length).toBeGreaterThan(0)
    expect(new Set(stale.map(({ cause }) => cause))).toEqual(new Set([KILLED]))
    expect(staleAfterTtl).toEqual([])
    expect(judged.below.map(({ window }) => window)).toContain('writer killed there')
  })

  it.each([
    ['strict', KILLED],
    ['write-through', LOST],
  ] as const)('%s: %s, and no read is older than a write or goes back, nothing is stale at rest', (mode, fault) => {
    const { red, judged, stale } = round(mode, fault)
    expect({ red, below: judged.below, stale }).toEqual({ red: [], below: [], stale: [] })
    expect(judged.writes).toBeGreaterThan(0)
    // Hits are few: while an intent stands, reads go to the database.
    expect(judged.reads).toBeGreaterThan(0)
  })

  it(
    'strict, without intents it goes red',
    async () => {
      const plan = { adminUrl, seed: SEED, seconds: 3, modes: ['strict'], faults: [LOST], writes: 0.2 } as const
      const [lost] = await run({ ...plan, without: 'intent' })
      expect(lost?.red).not.toEqual([])
    },
    PATIENCE_MS,
  )

  it(
    'without the token of a load it goes red',
    async () => {
      let red: readonly string[] = []
      for (let seed = SEED; seed < SEED + 6 && red.length === 0; seed++) {
        const plan = { adminUrl, seed, seconds: 6, modes: ['standard'], faults: ['database: slow'] } as const
        red = (await run({ ...plan, processes: 3, without: 'token', writes: 0.2 })).flatMap(one => one.red)
      }
      expect(red.join()).toContain('outside every window')
    },
    PATIENCE_MS,
  )
})

const ms = (time: number) => 1000 * time
const KEY = 'counter:1'

/** A process that wrote version 1 from 10 to 20 ms. */
const writer = {
  process: '0.0',
  killedAt: undefined,
  lines: [
    ['begin', 1, ms(10), [KEY]],
    ['end', 1, ms(20), 0, [[KEY, 1]]],
  ] satisfies Line[],
}

const reader = (...reads: [from: number, at: number, value: number][]) => ({
  process: '1.0',
  killedAt: undefined,
  lines: reads.map(([from, at, value]): Line => ['read', ms(from), ms(at), 'by key', KEY, value, true, undefined]),
})

describe('the judge of histories', () => {
  const standard = { staleMs: 0, ttlMs: TTL_MS }

  it('lets a read answer either while the write is not acknowledged, but not go back outside of a window', () => {
    const { below, above } = judge([writer, reader([11, 12, 0], [13, 14, 1], [15, 16, 0], [21, 22, 1])], standard)
    expect(below).toMatchObject([{ kind: 'went back', value: 0, known: 1, ms: 1, window: 'between COMMIT and DEL' }])
    expect(above).toEqual([])
  })

  it('finds a read that is older than an acknowledged write, and says how much', () => {
    const { below } = judge([writer, reader([25, 26, 0])], standard)
    expect(below).toMatchObject([{ kind: 'older than acknowledged', known: 1, ms: 5, window: undefined }])
  })

  it('permits that with a near cache up to maxStaleMs, and never in the process of the writer', () => {
    const near = { staleMs: 300, ttlMs: TTL_MS }
    const found = (reads: ReturnType<typeof reader>) => judge([writer, reads], near).below.map(({ window }) => window)
    expect(found(reader([25, 26, 0]))).toEqual(['near cache'])
    expect(found(reader([321, 322, 0]))).toEqual([undefined])
    expect(found({ ...reader([25, 26, 0]), process: '0.0' })).toEqual([undefined])
  })

  it('finds a read of a version that nobody had begun to write', () => {
    expect(judge([writer, reader([5, 6, 1])], standard).above).toHaveLength(1)
    expect(judge([writer, reader([25, 26, 2])], standard).above).toHaveLength(1)
  })

  it('lets reads miss the write of a writer that died between COMMIT and DEL until the TTL, and not longer', () => {
    const dead = {
      process: '0.0',
      killedAt: ms(16),
      lines: [
        ['begin', 1, ms(10), [KEY]],
        ['dies', 1, ms(15)],
      ] satisfies Line[],
    }
    const after = (time: number) => judge([dead, reader([16, 17, 1], [time, time + 1, 0])], standard)
    expect(after(TTL_MS).below).toMatchObject([{ kind: 'went back', window: 'writer killed there' }])
    expect(after(TTL_MS).owed).toMatchObject([{ key: KEY, cause: KILLED }])
    expect(after(2 * TTL_MS).below).toMatchObject([{ kind: 'went back', window: undefined }])
  })
})
