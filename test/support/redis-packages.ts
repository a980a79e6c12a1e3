import * as fs from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, run, systemEnv } from './commands.js'
import { watch } from './lifeline.js'

/** A Redis server out of the distribution's packages, with the libraries it needs. */
export interface UnpackedRedis {
  command: string
  env: NodeJS.ProcessEnv
}

// Inside the project, so that it works without a home folder and goes away with node_modules; in the home folder where
// the project is somebody else's (installed by root in an image, run by a user).
const project = fileURLToPath(new URL('../../node_modules', import.meta.url))
const caches = [project, homedir()]
  .filter(Boolean)
  .map(folder => join(folder, '.cache/prisma-extension-cache-aside/redis'))

/**
 * Redis without installing it, on Debian and Ubuntu and without root: the distribution's packages, downloaded and
 * unpacked into a cache folder. Throws with the reason where that cannot be done.
 */
export async function unpackRedis(): Promise<UnpackedRedis> {
  if (!findProgram('apt-get', systemEnv['PATH']) || !findProgram('dpkg', systemEnv['PATH'])) {
    throw new Error('no apt-get and dpkg to get it with')
  }
  // One folder per distribution: the project may be mounted into different containers.
  const folders = caches.map(cache => join(cache, distribution()))
  for (const folder of folders.filter(name => fs.existsSync(name))) {
    const cached = await tryOut(folder).catch(() => undefined)
    if (cached) return cached
  }
  const folder = folders.find(isWritable)
  if (!folder) throw new Error(`none of these can be written: ${caches.join(', ')}`)
  fs.rmSync(folder, { recursive: true, force: true }) // if it is there, it does not work
  const temporary = fs.mkdtempSync(join(dirname(folder), 'new-'))
  const lifeline = watch({ remove: temporary }) // in case we are interrupted
  try {
    await fill(temporary)
    await tryOut(temporary)
    fs.chmodSync(temporary, 0o755) // made for us alone, of use to everybody
    moveInto(folder, temporary)
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true })
    await lifeline.release()
  }
  return tryOut(folder)
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
async function fill(temporary: string): Promise<void> {
  const downloads = join(temporary, 'downloads')
  const root = join(temporary, 'root')
  fs.mkdirSync(downloads)
  fs.mkdirSync(root)
  await download(downloads, []).catch(async () => {
    // A fresh container has no package lists, an old one has outdated lists. Then lists of our own.
    const ownLists = ['lists', 'archives'].map(name => join(temporary, name))
    for (const folder of ownLists) fs.mkdirSync(join(folder, 'partial'), { recursive: true })
    const options = ['-o', `Dir::State::lists=${ownLists[0]}`, '-o', `Dir::Cache=${temporary}`]
    await aptGet(['update', ...options, '-o', 'Acquire::Languages=none'], temporary)
    await download(downloads, options)
    for (const folder of ownLists) fs.rmSync(folder, { recursive: true })
  })
  for (const file of fs.readdirSync(downloads).filter(name => name.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(downloads, file), root], { withinMs: 60_000 })
  }
  fs.rmSync(downloads, { recursive: true })
  // redis-tools holds the server under the name of a checking tool: the program looks at the name it is started with.
  fs.symlinkSync('redis-check-rdb', join(root, 'usr/bin/redis-server'))
}

async function download(folder: string, options: string[]): Promise<void> {
  // What apt would install is what this system lacks: redis-tools and those of its libraries that are not here yet.
  const plan = await aptGet(['install', '--simulate', '--no-install-recommends', ...options, 'redis-tools'], folder)
  const lacking = [...plan.matchAll(/^Inst (\S+)/gm)].map(match => match[1] ?? '')
  await aptGet(['download', ...options, ...new Set(['redis-tools', ...lacking])], folder)
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

async function tryOut(folder: string): Promise<UnpackedRedis> {
  const root = join(folder, 'root')
  const command = join(root, 'usr/bin/redis-server')
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
