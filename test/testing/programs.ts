/** Random programs of commands: what is sent to a real Redis and to the stand-in. */
import * as fc from 'fast-check'
import { CHECK_IN } from '../../src/fleet/fleet.js'
import { FILL, RENEW, TAKE_OVER } from '../../src/redis/scripts.js'

/** A TTL that no other command of the program has: two that are compared never differ by the time that passed between them. */
export interface Life {
  readonly rank: number
  /** As `PX` and `PEXPIRE` take it, or as a point in time. */
  readonly as: 'ms' | 's' | 'ms at' | 's at'
}

export type Word = string | Buffer | Life

export type Step =
  /** Sent in one tick, as one pipeline. */
  | { readonly kind: 'commands'; readonly commands: readonly (readonly Word[])[] }
  /** What it stores has ended before the next step. */
  | { readonly kind: 'short'; readonly command: readonly Word[] }
  /** Whether the server has memory left. */
  | { readonly kind: 'full' | 'room' }

export type Program = readonly Step[]

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values)

const binary = Buffer.from([0, 255, 13, 10, 36])
const FLEET = 'p:@fleet'
const keys = one<Word>('a', 'b', 'a:b', '', binary, 'ü[x]*')
const tokens = [1, 2].map(byte => Buffer.alloc(20, byte))
const [token, other] = tokens as [Buffer, Buffer]
const entry = Buffer.concat([token, binary])
const values = one<Word>('', 'x', '12', binary, token, other, entry)
const badNumbers = one<Word>(
  '0',
  '-1',
  '1.5',
  'x',
  '',
  ' 1',
  '+1',
  '01',
  '-0',
  '9223372036854775807',
  '9223372036854775808',
)

const life = (as: Life['as']) => fc.integer({ min: 1, max: 9 }).map((rank): Word => ({ rank, as }))
const number = (as: Life['as']) => fc.oneof({ weight: 5, arbitrary: life(as) }, badNumbers)
const option = fc.oneof(
  ...(['NX', 'XX', 'GET', 'KEEPTTL', 'nx', 'Get', 'FOO'] as const).map(word => fc.constant<Word[]>([word])),
  fc.tuple(one<Word>('PX', 'px'), number('ms')),
  fc.tuple(one<Word>('EX'), number('s')),
  fc.tuple(one<Word>('PXAT'), number('ms at')),
  fc.tuple(one<Word>('EXAT'), number('s at')),
)
// As the cache sends them, besides what is random.
const usual = fc.oneof(
  life('ms').map((ms): Word[] => ['PX', ms]),
  life('ms').map((ms): Word[] => ['PX', ms, 'NX']),
  life('ms').map((ms): Word[] => ['NX', 'GET', 'PX', ms]),
  life('ms').map((ms): Word[] => ['NX', 'PX', ms]),
)
const options = fc.oneof(
  usual,
  fc.array(option, { maxLength: 3 }).map(parts => parts.flat()),
)

const set = fc
  .tuple(one<Word>('set', 'SET'), keys, values, options)
  .map(([name, key, value, rest]) => [name, key, value, ...rest])
const get = fc.tuple(one<Word>('get'), keys)
const several = fc
  .tuple(one<Word>('mget', 'del', 'exists'), fc.array(keys, { minLength: 1, maxLength: 4 }))
  .map(([name, words]) => [name, ...words])
const pexpire = fc
  .tuple(keys, number('ms'), fc.array(one<Word>('GT', 'gt', 'LT', 'NX', 'XX', 'FOO'), { maxLength: 2 }))
  .map(([key, ms, flags]): Word[] => ['pexpire', key, ms, ...flags])
const left = fc.tuple(one<Word>('pttl', 'ttl'), keys)
const range = fc.tuple(
  fc.constant<Word>('getrange'),
  keys,
  one<Word>('0', '1', '-3', '-1', 'x'),
  one<Word>('0', '20', '-2', '-1', '-9'),
)
const guard = one<Word>(token.subarray(1), other.subarray(1), '')
const fill = fc
  .tuple(keys, guard, values, number('ms'))
  .map(([key, ...rest]): Word[] => ['eval', FILL, '1', key, ...rest])
const renew = fc
  .tuple(keys, one<Word>(token, other, ''), number('ms'))
  .map(([key, ...rest]): Word[] => ['eval', RENEW, '1', key, ...rest])
const takeOver = fc
  .tuple(keys, one<Word>(token, other, ''), one<Word>(token, other), number('ms'))
  .map(([key, ...rest]): Word[] => ['eval', TAKE_OVER, '1', key, ...rest])
const badEval = one<readonly Word[]>(
  ['eval', FILL],
  ['eval', FILL, '1'],
  ['eval', FILL, '0'],
  ['eval', FILL, '-1', 'a'],
  ['eval', FILL, 'x', 'a'],
  ['eval', FILL, '1', 'a'],
  ['eval', FILL, '1', 'a', token.subarray(1)],
  ['eval', RENEW, '1', 'a', token],
  ['eval', TAKE_OVER, '1', 'a', token],
)

const checkInWith = (lease: string, remembered: string) =>
  fc
    .tuple(
      one<Word>('', 's1', 's2'),
      one<Word>('d1', 'd2', 'd3'),
      one<Word>('1', '10000000'),
      one<Word>('', '=', '=s1', '=s2'),
      one<Word>('', '{"a":1}', 'x"y\\z/ü\u007f'),
      one<Word>('', '[50,[]]'),
      one<Word>('1-a', '2-b'),
      fc.subarray(['d1', 'd2', 'd3']),
    )
    .map(([source, digest, kept, replaces, knowledge, settings, id, known]): Word[] => {
      const args = [source, digest, lease, remembered, kept, replaces, knowledge, settings, id]
      return ['eval', CHECK_IN, '1', FLEET, ...args, ...known]
    })
const checkIn = checkInWith('60000', '1000000000')
const foreignFleet = one<readonly Word[]>(
  ['set', FLEET, 'x'],
  ['set', FLEET, ''],
  ['set', FLEET, 'null'],
  ['set', FLEET, '[1]'],
  ['set', FLEET, '{}'],
  ['set', FLEET, '{"source":1,"versions":{}}'],
  ['set', FLEET, '{"source":"s1","versions":[]}'],
  ['set', FLEET, '{"source":"s2","until":"5","versions":{"d1":{"last":1},"d2":5,"d3":{"last":"x"}}}'],
  ['set', FLEET, '{"source":"","until":9000000000000,"more":1,"versions":{"d2":{"last":9000000000000,"plan":"p"}}}'],
  ['set', FLEET, '{"source":"s1","until":0,"watched":9000000000000,"versions":{}}'],
  ['set', FLEET, '{"source":"","watched":"9000000000000","reporters":5,"versions":{}}'],
  ['del', FLEET],
)

const odd = one<readonly Word[]>(
  ['foo'],
  ['foo', 'a', binary, 'x'.repeat(200)],
  ['GETX', 'a\r\nb'],
  ['constructor'],
  ['ping'],
  ['ping', binary],
  ['echoes', ''],
  ['time'],
  ['dbsize'],
  ['flushdb'],
  ['flushall', 'async'],
  ['flushall', 'foo'],
  ['select', '1'],
  ['select', '0'],
  ['select', '99'],
  ['select', 'x'],
  ['auth', 'secret'],
  ['auth', 'default', 'secret'],
  ['auth', 'nobody', 'secret'],
  ['hello', '4'],
  ['hello', 'x'],
  ['hello', '2', 'foo'],
  ['client'],
  ['client', 'setname'],
  ['client', 'setname', 'me'],
  ['client', 'foo'],
)
const patterns = fc.tuple(
  fc.constant<Word>('keys'),
  one<Word>('*', 'a*', '?', 'a:?', '[ab]', '[^a]', '[a-b]*', '\\a', '*\\[x\\]*', '', 'p:*', '*]*', '.', 'a+'),
)
/** Too few words, or too many. */
const wrongCount = fc
  .tuple(
    one<Word>(
      'get',
      'mget',
      'set',
      'del',
      'pexpire',
      'getrange',
      'pttl',
      'ttl',
      'exists',
      'eval',
      'keys',
      'dbsize',
      'select',
      'time',
      'ping',
      'auth',
      'flushall',
    ),
    fc.array(one<Word>('a', '1'), { maxLength: 4 }),
  )
  .filter(([name, words]) => !(name === 'eval' && words.length >= 2) && !(name === 'select' && words.length === 1))
  .map(([name, words]) => [name, ...words])

const command: fc.Arbitrary<readonly Word[]> = fc.oneof(
  { weight: 6, arbitrary: set },
  { weight: 3, arbitrary: get },
  { weight: 4, arbitrary: several },
  { weight: 4, arbitrary: pexpire },
  { weight: 3, arbitrary: left },
  { weight: 2, arbitrary: range },
  { weight: 5, arbitrary: fill },
  { weight: 3, arbitrary: renew },
  { weight: 3, arbitrary: takeOver },
  { weight: 5, arbitrary: checkIn },
  { weight: 1, arbitrary: badEval },
  { weight: 2, arbitrary: foreignFleet },
  { weight: 2, arbitrary: fc.constant<readonly Word[]>(['get', FLEET]) },
  { weight: 2, arbitrary: odd },
  { weight: 1, arbitrary: patterns },
  { weight: 2, arbitrary: wrongCount },
)

const short: fc.Arbitrary<readonly Word[]> = fc.oneof(
  fc.tuple(keys, values).map(([key, value]): Word[] => ['set', key, value, 'PX', '1']),
  keys.map((key): Word[] => ['pexpire', key, '1']),
  fc.tuple(keys, guard, values).map(([key, before, value]): Word[] => ['eval', FILL, '1', key, before, value, '1']),
  keys.map((key): Word[] => ['eval', RENEW, '1', key, token, '1']),
  checkInWith('1', '1000000000'),
  checkInWith('1', '1'),
)

export const programs: fc.Arbitrary<Program> = fc.array(
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc
        .array(command, { minLength: 1, maxLength: 6 })
        .map((commands): Step => ({ kind: 'commands', commands })),
    },
    { weight: 3, arbitrary: short.map((words): Step => ({ kind: 'short', command: words })) },
    { weight: 1, arbitrary: one<Step>({ kind: 'full' }, { kind: 'room' }) },
  ),
  { minLength: 1, maxLength: 20, size: 'max' },
)
