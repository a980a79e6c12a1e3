// Builds both module formats with plain tsc: dist/esm (nodenext) and dist/cjs (commonjs, marked as such). The command line is a
// program, not a library: in one format, without types.
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
rmSync('dist', { recursive: true, force: true })
for (const project of ['tsconfig.build-cli.json', 'tsconfig.build.json', 'tsconfig.build-cjs.json']) {
  execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' })
}
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
chmodSync('dist/esm/cli/main.js', 0o755)
