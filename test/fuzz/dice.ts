/** Choices of a template as a list of numbers: what fast-check can repeat and make smaller. */
import type { Fields } from './space.js'

export interface Dice {
  /** One of the values: the first ones are what the database begins with. */
  <T>(values: readonly T[]): T
  /** One of the fields with one of its values; seldom all of them. */
  some(fields: Fields): Record<string, unknown>
  /** Each of the fields with one of its values. */
  each(fields: Fields): Record<string, unknown>
  /** These, and each of the others or not. */
  record(required: Fields, optional: Fields): Record<string, unknown>
  /** True so many times in a hundred. */
  chance(percent: number): boolean
}

export const FACES = 60

export function diceOf(numbers: readonly number[]): Dice {
  let at = 0
  const roll = () => numbers[at++ % numbers.length] as number
  const one = <T>(values: readonly T[]): T => {
    if (values.length === 0) throw new RangeError('Nothing to choose from')
    return values[roll() % values.length] as T
  }
  const each = (fields: Fields) =>
    Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, one(values)]))
  const chance = (percent: number) => roll() >= FACES - (percent * FACES) / 100
  return Object.assign(one, {
    each,
    chance,
    some(fields: Fields) {
      if (Object.keys(fields).length === 0 || chance(15)) return each(fields)
      const [name, values] = one(Object.entries(fields))
      return { [name]: one(values) }
    },
    record(required: Fields, optional: Fields) {
      const some = Object.fromEntries(Object.entries(optional).filter(() => chance(50)))
      return each({ ...required, ...some })
    },
  })
}

/** Numbers that follow from a seed, without fast-check. */
export function numbersFrom(seed: number, count: number): number[] {
  // mulberry32
  let state = seed | 0
  return Array.from({ length: count }, () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % FACES
  })
}
