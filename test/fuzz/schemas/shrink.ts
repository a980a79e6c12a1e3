/** Makes a program that failed smaller: fewer steps, fewer rows to begin with, and only the read that was wrong. */
import type { SchemaProgram } from './schema-fuzzer.js'
import { Mismatch, type SchemaWorld } from './world.js'

interface Failed {
  readonly program: SchemaProgram
  readonly error: Mismatch
}

export async function smallest(
  world: SchemaWorld,
  program: SchemaProgram,
  error: Mismatch,
  seconds: number,
): Promise<Failed> {
  const until = performance.now() + seconds * 1000
  let best: Failed = { program, error }
  const tried = async (smaller: SchemaProgram): Promise<boolean> => {
    if (performance.now() > until) return false
    const wrong = await failing(world, smaller, error)
    if (wrong !== undefined) best = { program: smaller, error: wrong }
    return wrong !== undefined
  }
  if (!(await tried(program))) return best
  for (const part of ['steps', 'seeds', 'steps', 'seeds'] as const) {
    for (let size = Math.ceil(best.program[part].length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = best.program[part].length - size; from > -size; from -= size) {
        const at = Math.max(from, 0)
        await tried({ ...best.program, [part]: best.program[part].toSpliced(at, size) })
      }
    }
  }
  return best
}

/** The program, with only the read that was wrong. */
async function failing(
  world: SchemaWorld,
  { seeds, steps }: SchemaProgram,
  { read }: Mismatch,
): Promise<Mismatch | undefined> {
  await world.reset()
  for (const statement of seeds) await world.seed(statement)
  const reads = read === undefined ? [] : [read]
  try {
    await world.compare(reads, { first: 0, oneTick: false, at: 'before all steps' })
    for (const [n, { who, write, first }] of steps.entries()) {
      await world.write(write, who, read === undefined)
      await world.compare(reads, { first, oneTick: false, at: `after step ${n + 1}` })
    }
    await world.compareEntries(reads)
    return undefined
  } catch (error) {
    if (error instanceof Mismatch) return error
    throw error
  }
}
