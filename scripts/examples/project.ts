/** What is tried: the README's first steps, and each folder of `examples/`, with the packed package. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checks } from './checks/index.js'
import { firstHour } from './first-hour.js'
import type { Lab } from './lab.js'
import { migrating } from './migrating.js'
import { NAME, PNPM, type Project, root } from './package.js'
import { run, type Where } from './process.js'

interface Manifest {
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly packageManager?: string
}

type Make = (cwd: string, tarball: string) => Promise<Project>

const examples = Object.entries(checks).map(([name, check]): [string, Make] => [
  name,
  (cwd, tarball) => example(name, cwd, tarball, check),
])

/** The longest first: two run at a time. */
export const projects: Readonly<Record<string, Make>> = {
  ...Object.fromEntries(examples.slice(0, 1)),
  'docs/migrating.md': migrating,
  'README with npm': (cwd, tarball) => firstHour(cwd, tarball, ['npm']),
  'README with pnpm': (cwd, tarball) => firstHour(cwd, tarball, ['npx', '--yes', PNPM]),
  ...Object.fromEntries(examples.slice(1)),
}

/** Copies an example, with the tarball in the place of the version. What an author has built or installed there stays there. */
async function example(
  name: string,
  cwd: string,
  tarball: string,
  check: (lab: Lab) => Promise<void>,
): Promise<Project> {
  const left = /[\\/](?:node_modules|generated|dist|\.next|package-lock\.json|pnpm-lock\.yaml)$/
  await cp(join(root, 'examples', name), cwd, { recursive: true, filter: path => !left.test(path) })
  const manifest = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8')) as Manifest
  if (!(NAME in manifest.dependencies)) throw new Error(`${name} does not depend on ${NAME}`)
  manifest.dependencies[NAME] = `file:${tarball}`
  await writeFile(join(cwd, 'package.json'), JSON.stringify(manifest, null, 2))
  const { scripts, packageManager } = manifest
  return {
    scripts,
    migrations: await migrationsOf(cwd),
    install: async where => void (await install(where, packageManager)),
    check,
  }
}

function install(where: Where, packageManager: string | undefined): Promise<string> {
  const cheap = ['install', '--prefer-offline']
  if (packageManager === undefined) {
    return run(where, 300_000, 'npm', ...cheap, '--no-audit', '--no-fund', '--loglevel', 'error')
  }
  return run(where, 300_000, 'npx', '--yes', packageManager, ...cheap, '--no-frozen-lockfile')
}

/** `prisma migrate deploy` does the same, with an engine that not every machine can download. */
async function migrationsOf(cwd: string): Promise<string[]> {
  const folder = join(cwd, 'prisma/migrations')
  const entries = await readdir(folder, { withFileTypes: true })
  const inOrder = entries.filter(entry => entry.isDirectory()).map(entry => entry.name)
  return Promise.all(inOrder.toSorted().map(entry => readFile(join(folder, entry, 'migration.sql'), 'utf8')))
}

/** The folders of `examples/`. */
export async function folders(): Promise<string[]> {
  const entries = await readdir(join(root, 'examples'), { withFileTypes: true })
  return entries.filter(entry => entry.isDirectory()).map(({ name }) => name)
}
