// Packs the package as npm would publish it, and holds the tarball to what it promises: resolvable types and code for every
// kind of consumer (publint, attw), nothing in it that is not meant to be published, and a size within its limits. Whatever a lock file fetches, on
// whatever platform, has a checksum. Needs no network.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { buildSync } from 'esbuild'

const PUBLISHED =
  /^(dist\/(esm|cjs)\/([\w-]+\/)?[\w.-]+\.(js|d\.ts)|dist\/cjs\/package\.json|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/

// What a change may cost. Raise a limit on purpose, in the commit that needs it.
const MOST_PACKED_BYTES = 412_000
const MOST_BUNDLED_BYTES = 72_500
const MOST_BUNDLED_TESTING_BYTES = 8_000
const MOST_BUNDLED_DOOR_BYTES = 2_300

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-package-'))
try {
  for (const lock of ['package-lock.json', 'bench/package-lock.json']) refuseUnchecked(lock)
  // The build is npm's prepack script.
  execFileSync('npm', ['pack', '--silent', '--offline', '--pack-destination', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const tarball = join(folder, readdirSync(folder)[0])
  refuseStrangers(tarball)
  refuseLarge(tarball)
  tool('publint/src/cli.js', '--strict', tarball)
  // All of them: node10, node16 from CJS and from ESM, bundlers.
  tool('@arethetypeswrong/cli/dist/index.js', '--profile', 'strict', '--no-definitely-typed', tarball)
} catch (error) {
  // A tool that fails has said why itself.
  if (error.status === undefined) console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}

// npm leaves the checksum out for platforms that it has not installed on, and then checks nothing there.
function refuseUnchecked(lock) {
  const fetched = Object.entries(JSON.parse(readFileSync(lock, 'utf8')).packages).filter(
    ([path, entry]) => path !== '' && entry.link !== true,
  )
  const unchecked = fetched.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-')).map(([path]) => path)
  if (unchecked.length > 0) {
    throw new Error(
      `${lock} has no integrity for ${unchecked.join(', ')}: take these entries out and run \`npm install --package-lock-only\``,
    )
  }
  console.log(`${fetched.length} packages in ${lock}, each with its checksum`)
}

function refuseStrangers(tarball) {
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
  const files = listed
    .trim()
    .split('\n')
    .map(name => name.replace(/^package\//, ''))
  const strangers = files.filter(name => !PUBLISHED.test(name))
  if (strangers.length > 0) throw new Error(`Not meant to be published: ${strangers.join(', ')}`)
  console.log(`${files.length} files, none that should not be there`)
}

function refuseLarge(tarball) {
  const sizes = [
    ['packed', statSync(tarball).size, MOST_PACKED_BYTES],
    ['bundled, minified, brotli', bundledBytes('dist/esm/index.js'), MOST_BUNDLED_BYTES],
    ['the same of /testing', bundledBytes('dist/esm/testing/index.js'), MOST_BUNDLED_TESTING_BYTES],
    ['the same of /otel', bundledBytes('dist/esm/observe/otel.js'), MOST_BUNDLED_DOOR_BYTES],
    ['the same of /prometheus', bundledBytes('dist/esm/observe/prometheus.js'), MOST_BUNDLED_DOOR_BYTES],
  ]
  for (const [what, bytes, most] of sizes) {
    console.log(`${bytes} bytes ${what}, of at most ${most}`)
    if (bytes > most) throw new Error(`The package is larger than its limit: ${bytes} bytes ${what}, at most ${most}`)
  }
}

function bundledBytes(entry) {
  const { outputFiles } = buildSync({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
    logLevel: 'error',
  })
  return brotliCompressSync(outputFiles[0].contents).length
}

function tool(file, ...args) {
  execFileSync(process.execPath, [join('node_modules', file), ...args], { stdio: 'inherit' })
}
