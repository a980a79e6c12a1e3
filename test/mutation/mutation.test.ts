/**
 * Bytes that are not ours, at our keys, for every decoder: rows, lists, related rows, counts, results, pointers, values of
 * `getOrSet`. A miss, or the very answer; never another one, a crash, a wrong class, or a large allocation: 64 MB of heap.
 */
import { expect, it } from 'vitest'
import type { Judgement } from './mutation.js'
import { type Edit, run, runWithout } from './run.js'
import { subjects } from './subjects.js'

const SEED = '20261123'
const LONGEST_MS = 110_000
const judged = (stdout: string) => JSON.parse(stdout) as Judgement

it(
  '20,000 damaged and hostile entries: each is refused, is the original, or was written so and is of the right types',
  async () => {
    const { status, stdout, stderr } = await run('judge.ts', ['20000', SEED], LONGEST_MS)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { examples, wrong, crashes, forgedOfWrongType, served, ...rest } = judged(stdout)
    expect({ wrong, crashes, forgedOfWrongType, examples }).toEqual({
      wrong: 0,
      crashes: 0,
      forgedOfWrongType: 0,
      examples: [],
    })
    expect(rest.refused).toBeGreaterThan(5000)
    expect(rest.same).toBeGreaterThan(0)
    // The harder class is there: each decoder was given entries with a right checksum that it could not refuse.
    const names = subjects().map(({ name }) => name)
    expect(names.filter(name => !/^(?:no|null) /.test(name) && !served.includes(name))).toEqual([])
    // The longest mutants have some MiB; a declared length of 2 GiB must not be believed.
    expect(rest.largestAllocation).toBeLessThan(64 * 1_048_576)
  },
  LONGEST_MS + 10_000,
)

/** What is taken out, and how it is seen. */
const GUARDS: Record<string, readonly Edit[]> = {
  'the checksum': [
    ['src/wire/envelope.ts', 'return bytes.readUInt32BE(CRC_AT) === crc32(bytes.subarray(KIND_AT))', 'return true'],
  ],
  'the types of values in rows': [
    [
      'src/wire/row-maker.ts',
      "`typeof ${value} === '${type}' || ${value} === null ? ${value} : refuse()`",
      '`${value}`',
    ],
  ],
  'the types of values in lists': [
    ['src/wire/rows.ts', 'if (typeof values[i] !== decoder.type && values[i] !== null) return undefined', ';'],
  ],
  'the bound of what is said once': [['src/wire/msgpack-check.ts', 'if (times * bytes > this.#left) return false', '']],
  'the types that values of getOrSet may have': [
    ['src/wire/values.ts', 'if (!isDocument(bytes, start, TYPES_OF_VALUES))', 'if (bytes.length === 0)'],
  ],
  'an own field __proto__ in results': [['src/wire/row-maker.ts', "if (name === '__proto__')", "if (name === '')"]],
} // prettier-ignore

it.each(Object.keys(GUARDS))(
  'without %s one of them is a fault: this can fail',
  async name => {
    const { status, stdout } = await runWithout(GUARDS[name] ?? [], 'judge.ts', ['20000', SEED, 'first'], LONGEST_MS)
    const { wrong, forgedOfWrongType, crashes } =
      status === 0 ? judged(stdout) : { wrong: 0, forgedOfWrongType: 0, crashes: 1 }
    expect(wrong + forgedOfWrongType + crashes).toBeGreaterThan(0)
  },
  LONGEST_MS + 10_000,
)
