/** What somebody may write who knows the format, by the guard that refuses it; and how each guard is taken out. */
import type { Edit } from './run.js'

/** Small enough that whatever the reader makes of them is cheap: these are served, and the process lives. */
export const CHEAP = undefined

export const GUARDS = {
  budget: [['src/wire/msgpack-check.ts', 'if (times * bytes > this.#left) return false', '']],
  'the size of a text': [['src/wire/msgpack-check.ts', "typeof value === 'string' ? 64 + 8 * value.length : 64", '8']],
  'bytes are never said once': [
    ['src/wire/rows.ts', "if (typeof value === 'object' && value !== null) return undefined", ''],
  ],
  'a number of rows is a count': [['src/wire/results.ts', '!isCount(length) || !(', '!(']],
  'counts are counts': [['src/wire/results.ts', 'counts.every(isCount) ? counts : fail()', 'counts']],
  'counts are of all rows': [['src/wire/results.ts', 'at === all.length ? column : fail()', 'column']],
  'one row is one': [['src/wire/results.ts', 'found.length > 1 ? fail() : (found[0] ?? null)', 'found[0] ?? null']],
  'one related row is one': [['src/wire/results.ts', 'if (!list && count > 1) throw INEXACT', '']],
  'the scan of rows and results': [['src/wire/msgpack-check.ts', 'bytes.length - start <= SMALL ||', 'true ||']],
  'the scan of values': [
    ['src/wire/values.ts', 'if (!isDocument(bytes, start, TYPES_OF_VALUES))', 'if (bytes.length === 0)'],
  ],
  'bytes are bytes': [
    [
      'src/wire/rows.ts',
      'bytes instanceof Uint8Array ? new Uint8Array(bytes) : refuse()',
      'new Uint8Array(bytes as Uint8Array)',
    ],
  ],
  'the exponent of a decimal': [
    ['src/wire/rows.ts', 'Math.abs(decimal.e) > MOST_DIGITS ? refuse() : decimal', 'decimal'],
  ],
  'the digits of a decimal': [['src/wire/rows.ts', '|| text.length > MOST_DIGITS', '']],
  'the digits of an integer': [['src/wire/results.ts', '&& first.length <= MOST_DIGITS', '']],
  'the classes of results': [
    [
      'src/wire/results.ts',
      'if (!Array.isArray(stored) || stored.length === 0) throw INEXACT',
      'if (!Array.isArray(stored)) return stored',
    ],
  ],
} as const satisfies Record<string, readonly Edit[]> // prettier-ignore

export const ATTACKS = {
  'a million rows, each column once': 'budget',
  'a million rows of no columns': 'budget',
  '100,000 rows of a Json of 3 kB': 'the size of a text',
  '20,000 rows of 10 kB of bytes': 'bytes are never said once',
  'a negative number of rows': 'a number of rows is a count',
  'counts that cancel each other': 'counts are counts',
  'a count that is not whole': 'counts are counts',
  'counts beyond what is there': 'counts are of all rows',
  'counts that leave some over': 'counts are of all rows',
  'two rows for one': 'one row is one',
  'two related rows for one': 'one related row is one',
  'texts from anywhere in a list': 'the scan of rows and results',
  'texts from anywhere in a result': 'the scan of rows and results',
  'texts from anywhere in a row': 'the scan of rows and results',
  'texts from anywhere in a value': 'the scan of values',
  'texts from anywhere in a small value': 'the scan of values',
  'an error in a value': 'the scan of values',
  'a function in a value': 'the scan of values',
  'a cycle in a value': 'the scan of values',
  'a number for bytes, which would be a length': 'bytes are bytes',
  'a decimal of 1e9000000000000000': 'the exponent of a decimal',
  'a decimal of 900,000 digits': 'the digits of a decimal',
  'an integer of 900,000 digits': 'the digits of an integer',
  'a regular expression for a text': 'the classes of results',
  'a map': 'the classes of results',
  'few texts from anywhere in a list, below 4 kB': CHEAP,
  'few texts from anywhere in a result, below 4 kB': CHEAP,
  'few texts from anywhere in a row, below 4 kB': CHEAP,
} as const satisfies Record<string, keyof typeof GUARDS | undefined>
