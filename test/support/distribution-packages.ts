import * as fs from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, run, systemEnv } from './commands.js'
import { watch } from './lifeline.js'

/** A program out of the distribution's packages, with the libraries it needs. */
export interface Unpacked {
  command: string
  env: NodeJS.ProcessEnv
}

/** What is unpacked. */
interface Wanted {
  /** The folder that it is kept in. */
  readonly name: string
  readonly package: string
  /** Whether the packages that it depends on are needed too. */
  readonly needsOthers: boolean
  /** Where the program is, and whether it has another name there. */
  readonly program: string
  readonly alias?: string
  /** Whether it is among what Debian adds to a stable release. */
  readonly isBackported?: boolean
}

const REDIS: Wanted = {
  name: 'redis',
  package: 'redis-tools',
  needsOthers: true,
  program: 'usr/bin/redis-server',
  // The package holds the server under the name of a checking tool: the program looks at the name it is started with.
  alias: 'redis-check-rdb',
}
const VALKEY: Wanted = {
  name: 'valkey',
  package: 'valkey-tools',
  needsOthers: true,
  program: 'usr/bin/valkey-server',
  alias: 'valkey-check-rdb',
  isBackported: true,
}
const PROMETHEUS: Wanted = {
  name: 'prometheus',
  package: 'prometheus',
  needsOthers: false,
  program: 'usr/bin/prometheus',
}

export const unpackRedis = (): Promise<Unpacked> => unpack(REDIS)
export const unpackValkey = (): Promise<Unpacked> => unpack(VALKEY)
export const unpackPrometheus = (): Promise<Unpacked> => unpack(PROMETHEUS)

// Inside the project, so that it works without a home folder and goes away with node_modules; in the home folder where
// the project is somebody else's (installed by root in an image, run by a user).
const project = fileURLToPath(new URL('../../node_modules', import.meta.url))
const caches = [project, homedir()].filter(Boolean).map(folder => join(folder, '.cache/prisma-extension-cache-aside'))

/**
 * A program without installing it, on Debian and Ubuntu and without root: the distribution's packages, downloaded and
 * unpacked into a cache folder. Throws with the reason where that cannot be done.
 */
async function unpack(wanted: Wanted): Promise<Unpacked> {
  if (!findProgram('apt-get', systemEnv['PATH']) || !findProgram('dpkg', systemEnv['PATH'])) {
    throw new Error('no apt-get and dpkg to get it with')
  }
  // One folder per distribution: the project may be mounted into different containers.
  const folders = caches.map(cache => join(cache, wanted.name, distribution()))
  for (const folder of folders.filter(name => fs.existsSync(name))) {
    const cached = await tryOut(wanted, folder).catch(() => undefined)
    if (cached) return cached
  }
  const folder = folders.find(isWritable)
  if (!folder) throw new Error(`none of these can be written: ${caches.join(', ')}`)
  fs.rmSync(folder, { recursive: true, force: true }) // if it is there, it does not work
  const temporary = fs.mkdtempSync(join(dirname(folder), 'new-'))
  const lifeline = watch({ remove: temporary }) // in case we are interrupted
  try {
    await fill(wanted, temporary)
    await tryOut(wanted, temporary)
    fs.chmodSync(temporary, 0o755) // made for us alone, of use to everybody
    moveInto(folder, temporary)
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true })
    await lifeline.release()
  }
  return tryOut(wanted, folder)
}

function isWritable(folder: string): boolean {
  try {
    fs.mkdirSync(dirname(folder), { recursive: true })
    fs.accessSync(dirname(folder), fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Puts the root folder of the unpacked packages at `temporary/root`. */
async function fill(wanted: Wanted, temporary: string): Promise<void> {
  const downloads = join(temporary, 'downloads')
  const root = join(temporary, 'root')
  fs.mkdirSync(downloads)
  fs.mkdirSync(root)
  await download(wanted, downloads, []).catch(async () => {
    // A fresh container has no package lists, an old one has outdated lists. Then lists of our own.
    const ownLists = ['lists', 'archives'].map(name => join(temporary, name))
    for (const folder of ownLists) fs.mkdirSync(join(folder, 'partial'), { recursive: true })
    const options = ['-o', `Dir::State::lists=${ownLists[0]}`, '-o', `Dir::Cache=${temporary}`]
    if (wanted.isBackported) options.push('-o', `Dir::Etc::SourceList=${await withBackports(temporary)}`)
    await aptGet(['update', ...options, '-o', 'Acquire::Languages=none'], temporary)
    await download(wanted, downloads, options)
    for (const folder of ownLists) fs.rmSync(folder, { recursive: true })
  })
  for (const file of fs.readdirSync(downloads).filter(name => name.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(downloads, file), root], { withinMs: 60_000 })
  }
  fs.rmSync(downloads, { recursive: true })
  if (wanted.alias !== undefined) fs.symlinkSync(wanted.alias, join(root, wanted.program))
}

/** A list with the backports of each release that this system has packages of, at the same place. */
async function withBackports(folder: string): Promise<string> {
  const known = await aptGet(['indextargets', '--format', '$(REPO_URI) $(RELEASE)', 'Created-By: Packages'], folder)
  const releases = [...known.matchAll(/^(\S+) (\w+)$/gm)]
  const file = join(folder, 'backports.list')
  fs.writeFileSync(file, releases.map(([, uri, release]) => `deb ${uri} ${release}-backports main\n`).join(''))
  return file
}

async function download(wanted: Wanted, folder: string, options: string[]): Promise<void> {
  const names = new Set([wanted.package])
  if (wanted.needsOthers) {
    // What apt would install is what this system lacks: the package and those of its libraries that are not here yet.
    const plan = await aptGet(['install', '--simulate', '--no-install-recommends', ...options, wanted.package], folder)
    for (const [, name = ''] of plan.matchAll(/^Inst (\S+)/gm)) names.add(name)
  }
  await aptGet(['download', ...options, ...names], folder)
}

function aptGet(args: string[], cwd: string): Promise<string> {
  // As root, apt downloads as a user of its own, who may not write into our folder.
  const options = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'Acquire::http::Timeout=20']
  return run('apt-get', [...args, ...options], { cwd, withinMs: 180_000 })
}

/** Two runs may unpack at the same time: the first to rename wins, the other one uses what is there. */
function moveInto(folder: string, temporary: string): void {
  try {
    fs.renameSync(temporary, folder)
  } catch (error) {
    if (!fs.existsSync(folder)) throw error
  }
}

async function tryOut({ program }: Wanted, folder: string): Promise<Unpacked> {
  const root = join(folder, 'root')
  const command = join(root, program)
  const libraries = [...libraryFolders(join(root, 'usr/lib')), ...libraryFolders(join(root, 'lib'))]
  const searchPath = [...libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':')
  const env = { ...process.env, LD_LIBRARY_PATH: searchPath }
  await run(command, ['--version'], { env, withinMs: 10_000 })
  return { command, env }
}

/** Libraries are in a folder per architecture: usr/lib/x86_64-linux-gnu. */
function libraryFolders(parent: string): string[] {
  if (!fs.existsSync(parent)) return []
  return fs
    .readdirSync(parent, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.so(\.|$)/.test(name))
    .map(name => dirname(join(parent, name)))
    .filter((folder, index, all) => all.indexOf(folder) === index)
}

function distribution(): string {
  const release = fs.existsSync('/etc/os-release') ? fs.readFileSync('/etc/os-release', 'utf8') : ''
  const field = (name: string): string => new RegExp(`^${name}="?([\\w.-]+)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${field('ID')}-${field('VERSION_ID')}-${process.arch}`
}
