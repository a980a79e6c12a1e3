/**
 * The protocol, in all orders of its steps within small bounds (`SHORT`). `npm run model` goes further and shows traces.
 */
import { describe, expect, test } from 'vitest'
import { CONTROLS, runControl } from './controls.js'
import { CLEAN, EXPECTED, NEVER_INVALIDATED, WINDOW } from './expected.js'
import { explore, type Verdict } from './explore.js'
import { ANOMALIES } from './questions.js'
import { faultSets, runCell, SHORT } from './scenarios.js'
import { type Fault, type Mode, MODES, RULES, type Rule } from './state.js'

function lineOf({ verdicts }: { verdicts: Record<(typeof ANOMALIES)[number], Verdict> }): Verdict[] {
  return ANOMALIES.map(anomaly => verdicts[anomaly])
}

describe.each(MODES)('in %s mode', mode => {
  const lines = faultSets(mode, 1).map(faults => ({ faults, name: faults[0] ?? ('none' as const) }))
  test.each(lines.filter(({ name }) => EXPECTED[mode][name] !== undefined))(
    'each anomaly can occur exactly as far as the table says, with fault: $name',
    ({ faults, name }) => {
      const cell = runCell(mode, faults, SHORT[mode])
      expect(lineOf(cell)).toEqual(EXPECTED[mode][name])
    },
  )

  test('what was written is served from the cache afterwards, so the answers are not right for want of a cache', () => {
    const { servesRow, servesResult } = runCell(mode, [], SHORT[mode])
    expect({ servesRow, servesResult }).toEqual({ servesRow: true, servesResult: true })
  })
})

describe('with two faults', () => {
  const two = (mode: Mode, faults: readonly Fault[]) => lineOf(explore({ mode, writes: ['A'], loads: [1, 1], faults }))

  test('a strict writer that dies leaves nothing stale, unless its intent is lost as well', () => {
    expect(two('strict', ['crash', 'eviction'])).toEqual(CLEAN)
    expect(two('strict', ['crash', 'unknown outcome'])).toEqual(CLEAN)
    expect(two('strict', ['crash', 'intent expiry'])).toEqual(NEVER_INVALIDATED)
    expect(two('strict', ['crash', 'failover'])).toEqual(NEVER_INVALIDATED)
  })

  test('a lost DEL is made up for by the journal, unless the writer dies as well', () => {
    expect(two('standard', ['lost DEL', 'lost DEL'])).toEqual(WINDOW)
    expect(two('standard', ['lost DEL', 'crash'])).toEqual(NEVER_INVALIDATED)
  })
})

test('a write-through is served without any load', () => {
  const { servesRow } = explore({ mode: 'write-through', writes: ['A'], loads: [0, 0], faults: [] })
  expect(servesRow).toBe(true)
})

describe('the model sees what a rule is for', () => {
  test.each(CONTROLS)(
    'without the rule $without in $mode mode, $breaks: more can occur than with it (faults: $faults)',
    control => {
      const { withRule, withoutRule, isRed } = runControl(control)
      expect({ with: lineOf(withRule), without: lineOf(withoutRule), isRed }).toMatchObject({ isRed: true })
    },
  )

  test('every rule has a control', () => {
    const controlled = new Set(CONTROLS.map(({ without }) => without))
    expect((Object.keys(RULES) as Rule[]).filter(rule => !controlled.has(rule))).toEqual([])
  })
})
