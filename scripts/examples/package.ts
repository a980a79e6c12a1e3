/** The package under trial, and what a project that uses it is to a trial. */
import { fileURLToPath } from 'node:url'
import type { Lab } from './lab.js'
import type { Where } from './process.js'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const NAME = 'prisma-extension-cache-aside'

/** What installs the packages. One that still runs on Node 20. */
export const PNPM = 'pnpm@10.34.9'

export interface Project {
  /** Those of package.json. */
  readonly scripts: Readonly<Record<string, string>>
  /** The tables, as SQL. */
  readonly migrations: readonly string[]
  install: (where: Where) => Promise<void>
  check: (lab: Lab) => Promise<void>
}
