/** Random programs: data that can be printed, repeated and made smaller. */
import * as fc from 'fast-check'
import { diceOf, FACES } from './dice.js'
import { printed, printedCall, type Read } from './reads.js'
import type { Body, Kind, Statement, Write } from './writes/write.js'

/** Who writes: one of the two cached clients, its `$uncached`, or a worker that caches nothing of what it writes. */
export interface Who {
  readonly client: 0 | 1
  readonly through: 'itself' | '$uncached' | 'worker'
}

export interface Step {
  readonly who: Who
  readonly kind: Kind
  /** Tried one after the other, until the database does what the kind is about. */
  readonly writes: readonly Write[]
  /** Whether reads are started in the tick of the write, too. */
  readonly together: boolean
  /** Which client reads first afterwards, and so meets what the write has left. */
  readonly first: 0 | 1
  /** Whether all reads are started in one tick, or a few at a time. */
  readonly oneTick: boolean
}

export interface Program {
  /** Done before the first write, so that there is something to go stale, and again after each. */
  readonly reads: readonly Read[]
  readonly steps: readonly Step[]
}

const client = fc.constantFrom<0 | 1>(0, 1)
const through = fc.constantFrom<Who['through']>(
  ...Array.from({ length: 8 }, () => 'itself' as const),
  '$uncached',
  'worker',
)
const often = (percent: number) => fc.integer({ min: 1, max: 100 }).map(die => die > 100 - percent)

const TRIES = 8

const writeOf = (kind: Kind) =>
  fc
    .record({ way: fc.nat(kind.ways.length - 1), dice: fc.array(fc.nat(FACES - 1), { minLength: 16, maxLength: 16 }) })
    .map(({ way, dice }) => (kind.ways[way] as Kind['ways'][number])(diceOf(dice)))

const step = (kind: Kind): fc.Arbitrary<Step> =>
  fc.record({
    who: fc.record({ client, through }),
    kind: fc.constant(kind),
    writes: fc.array(writeOf(kind), { minLength: TRIES, maxLength: TRIES }),
    together: often(10),
    first: client,
    oneTick: often(60),
  })

/**
 * A program with writes of these kinds, one after the other.
 *
 * @param pool - reads by shape, of which each program takes some
 */
export function programOf(
  some: readonly Kind[],
  pool: readonly (readonly Read[])[],
  ofEach: number,
): fc.Arbitrary<Program> {
  const reads = pool.map(of => {
    const length = Math.min(ofEach, of.length)
    return fc.shuffledSubarray([...of], { minLength: length, maxLength: length })
  })
  // Left out only when a program is made smaller.
  const steps = some.map(kind => fc.option(step(kind), { freq: 1_000_000 }))
  return fc.noBias(
    fc.record({
      reads: fc.tuple(...reads).map(each => each.flat()),
      steps: fc.tuple(...steps).map(each => each.filter(one => one !== null)),
    }),
  )
}

// ---- as text

export function printedProgram({ reads, steps }: Program): string {
  return [...reads.map(read => `read ${printedCall(read)}`), ...steps.map(printedStep)].join('\n')
}

function printedStep({ who, kind, writes, together, first, oneTick }: Step, n: number): string {
  const by = { itself: `client ${who.client}`, $uncached: `client ${who.client}.$uncached`, worker: 'the worker' }[
    who.through
  ]
  const how = `${together ? 'reads and ' : ''}${by}: ${kind.name}`
  const tries = writes.map((each, i) => `  ${i === 0 ? '' : 'or, if that is refused, '}${printedWrite(each)}`)
  return [
    `step ${n + 1}, ${how}`,
    ...tries,
    `  both read, client ${first} first${oneTick ? ', in one tick' : ''}`,
  ].join('\n')
}

export function printedWrite(write: Write): string {
  switch (write.how) {
    case 'alone':
      return printedStatement(write.statement)
    case 'at once':
      return `${printedStatement(write.statements[0])} and at once, the other client: ${printedStatement(write.statements[1])}`
    case 'batch':
      return `$transaction([${write.statements.map(printedStatement).join(', ')}])`
    case 'interactive':
      return printedBody(write.body)
    default:
      return `${printedBody(write.bodies[0])} and at once, the other client: ${printedBody(write.bodies[1])}`
  }
}

function printedStatement(statement: Statement): string {
  return 'text' in statement ? `${statement.method}(${printed(statement.text)})` : printedCall(statement)
}

function printedBody({ statements, nested, swallows, end }: Body): string {
  const inner = nested === undefined ? [] : [printedBody(nested)]
  const how = swallows === true ? ['whatever is refused'] : []
  return `$transaction(${[...statements.map(printedStatement), ...inner, ...how, end].join('; ')})`
}
