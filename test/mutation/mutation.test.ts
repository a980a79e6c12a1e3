/** Bytes that are not ours, at our keys: a miss, or the very row; never another row, a crash, or a large allocation. */
import { expect, it } from 'vitest'
import { mutate } from './mutation.js'

const SEED = 20_261_123

it('50,000 damaged and hostile entries: each is refused or is the original row', () => {
  const { examples, wrong, crashes, ...rest } = mutate(50_000, SEED)
  expect({ wrong, crashes, examples }).toEqual({ wrong: 0, crashes: 0, examples: [] })
  expect(rest.refused).toBeGreaterThan(20_000)
  expect(rest.same).toBeGreaterThan(0)
  expect(rest.forgedServed).toBeGreaterThan(0) // the harder class is there
  // The longest mutants have some 100 KiB; a declared length of 2 GiB must not be believed.
  expect(rest.largestAllocation).toBeLessThan(64 * 1_048_576)
})
