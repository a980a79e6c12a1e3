import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, run, systemEnv } from './commands.js'

/** A Redis server out of the distribution's packages, with the libraries it needs. */
export interface UnpackedRedis {
  command: string
  env: NodeJS.ProcessEnv
}

// Inside the project, so that it works without a home folder and goes away with node_modules.
const cache = fileURLToPath(new URL('../../node_modules/.cache/prisma-extension-cache-aside/redis', import.meta.url))

/**
 * Redis without installing it, on Debian and Ubuntu and without root: the distribution's packages, downloaded and
 * unpacked into a cache folder. Throws with the reason where that cannot be done.
 */
export async function unpackRedis(): Promise<UnpackedRedis> {
  if (!findProgram('apt-get', systemEnv['PATH']) || !findProgram('dpkg', systemEnv['PATH'])) {
    throw new Error('no apt-get and dpkg to get it with')
  }
  // One folder per distribution: the project may be mounted into different containers.
  const folder = join(cache, distribution())
  if (existsSync(folder)) {
    const cached = await tryOut(folder).catch(() => undefined)
    if (cached) return cached
    rmSync(folder, { recursive: true, force: true })
  }
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, 'new-'))
  try {
    await fill(temporary)
    await tryOut(temporary)
    moveInto(folder, temporary)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return tryOut(folder)
}

/** Puts the root folder of the unpacked packages at `temporary/root`. */
async function fill(temporary: string): Promise<void> {
  const downloads = join(temporary, 'downloads')
  const root = join(temporary, 'root')
  mkdirSync(downloads)
  mkdirSync(root)
  await download(downloads, []).catch(async () => {
    // A fresh container has no package lists, an old one has outdated lists. Then lists of our own.
    const ownLists = ['lists', 'archives'].map(name => join(temporary, name))
    for (const folder of ownLists) mkdirSync(join(folder, 'partial'), { recursive: true })
    const options = ['-o', `Dir::State::lists=${ownLists[0]}`, '-o', `Dir::Cache=${temporary}`]
    await aptGet(['update', ...options, '-o', 'Acquire::Languages=none'], temporary)
    await download(downloads, options)
    for (const folder of ownLists) rmSync(folder, { recursive: true })
  })
  for (const file of readdirSync(downloads).filter(name => name.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(downloads, file), root], { withinMs: 60_000 })
  }
  rmSync(downloads, { recursive: true })
  // redis-tools holds the server under the name of a checking tool: the program looks at the name it is started with.
  symlinkSync('redis-check-rdb', join(root, 'usr/bin/redis-server'))
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
    renameSync(temporary, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
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
  if (!existsSync(parent)) return []
  return readdirSync(parent, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.so(\.|$)/.test(name))
    .map(name => dirname(join(parent, name)))
    .filter((folder, index, all) => all.indexOf(folder) === index)
}

function distribution(): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const field = (name: string): string => new RegExp(`^${name}="?([\\w.-]+)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${field('ID')}-${field('VERSION_ID')}-${process.arch}`
}
