/** Makes a program that failed smaller: both versions side by side, only the read that was wrong, fewer rows and writes. */
import { printedCall } from '../reads.js'
import type { SchemaRead } from '../schemas/reads.js'
import { Mismatch } from '../schemas/world.js'
import type { VersionName } from './pair.js'
import { printedStatement, printedStep, type Program, type SeedStep, type WriteStep } from './program.js'
import type { VersionsWorld } from './world.js'

interface Small {
  readonly seeds: readonly SeedStep[]
  readonly writes: readonly WriteStep[]
}

/** The smallest program that was found to fail, as text; undefined: it does not fail in this way. */
export async function smallest(
  open: () => Promise<VersionsWorld>,
  program: Program,
  { read, version }: Mismatch,
  seconds: number,
): Promise<string | undefined> {
  if (read === undefined || version === undefined) return undefined
  const until = performance.now() + seconds * 1000
  let best: { small: Small; error: Mismatch } | undefined
  const tried = async (small: Small): Promise<boolean> => {
    if (performance.now() > until) return false
    const error = await failing(open, small, read, version as VersionName)
    if (error !== undefined) best = { small, error }
    return error !== undefined
  }
  if (!(await tried(program))) return undefined
  for (const part of ['writes', 'seeds', 'writes'] as const) {
    for (let size = Math.ceil((best as unknown as { small: Small }).small[part].length / 2); size >= 1; size >>= 1) {
      for (let from = 0; from < (best as unknown as { small: Small }).small[part].length; ) {
        const { small } = best as unknown as { small: Small }
        if (!(await tried({ ...small, [part]: small[part].toSpliced(from, size) }))) from += size
      }
    }
  }
  const { small, error } = best as unknown as { small: Small; error: Mismatch }
  return [
    ...small.seeds.map(({ version: by, statement }) => `plain ${by}: ${printedStatement(statement)}`),
    `both processes of ${version} read ${printedCall(read)}`,
    ...small.writes.map(printedStep),
    error.message,
  ].join('\n')
}

async function failing(
  open: () => Promise<VersionsWorld>,
  { seeds, writes }: Small,
  read: SchemaRead,
  version: VersionName,
): Promise<Mismatch | undefined> {
  const world = await open()
  const compare = (at: string) => world.compare(version, [read], { first: 0, at }, () => undefined)
  try {
    world.start('old')
    world.start('new')
    for (const { version: by, statement } of seeds) await world.seed(by, statement)
    await world.acquainted()
    await compare('at first')
    for (const [n, { who, write }] of writes.entries()) {
      await world.write(write, who)
      await world.acknowledged()
      await compare(`after write ${n + 1}`)
    }
    return undefined
  } catch (error) {
    if (error instanceof Mismatch) return error
    throw error
  } finally {
    await world.close()
  }
}
