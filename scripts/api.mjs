// The public types of the package, rolled into one text: every declaration that can be reached from what `index.d.ts` and
// the other doors export, without comments and without the names of modules, which may change.
// `--write` records it in test/package/api.txt; test/package/api.test.ts compares. (API Extractor brings a TypeScript of its
// own, which can't read what version 7 writes.)
import { readFileSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))

/**
 * @param entry - the module that users import, below `folder`
 * @param folder - of the built declarations
 */
function publicTypes(entry, folder = `${root}dist/esm`) {
  const modules = new Map()
  const moduleOf = name => {
    if (!modules.has(name)) modules.set(name, parsed(readFileSync(`${folder}/${name}.d.ts`, 'utf8'), name))
    return modules.get(name)
  }
  const reached = new Map()
  const reach = (module, name) => {
    const { declarations, imports } = moduleOf(module)
    const from = imports.get(name)
    if (from !== undefined) return reach(from.module, from.name)
    const text = declarations.get(name)
    if (text === undefined || reached.has(`${module} ${name}`)) return
    const code = withoutComments(text)
    reached.set(`${module} ${name}`, { name, code })
    for (const word of new Set(code.match(/[A-Za-z_$][\w$]*/g))) if (word !== name) reach(module, word)
  }
  const { exported } = moduleOf(entry)
  for (const name of exported) reach(entry, name)
  const texts = [...reached.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const of = entry === 'index' ? '' : `${posix.dirname(entry)}: `
  return `${of}exports ${[...exported].toSorted((a, b) => (a < b ? -1 : 1)).join(', ')}\n\n${texts.map(({ code }) => code).join('\n\n')}\n`
}

function parsed(text, name) {
  const declarations = new Map()
  const imports = new Map()
  const exported = new Set()
  for (const statement of statementsOf(text)) {
    const code = withoutComments(statement).trim()
    const [, names, from] = /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)\.js'/.exec(code) ?? []
    if (names !== undefined) {
      const module = posix.join(posix.dirname(name), from)
      for (const part of names.split(',')) {
        const [theirs, ours = theirs] = part
          .trim()
          .replace(/^type /, '')
          .split(' as ')
        if (ours === '') continue
        imports.set(ours, { module, name: theirs })
        if (code.startsWith('export')) exported.add(ours)
      }
      continue
    }
    const [, isExported, kind, declared] =
      /^(export )?(?:default )?(?:declare )?(?:abstract )?(interface|type|class|function|const|enum) ([\w$]+)/.exec(
        code,
      ) ?? []
    if (kind === undefined) {
      const [, byDefault] = /^export default ([\w$]+)/.exec(code) ?? []
      if (byDefault !== undefined) exported.add('default')
      continue
    }
    if (isExported) exported.add(declared)
    declarations.set(declared, [declarations.get(declared), statement.trim()].filter(Boolean).join('\n'))
  }
  return { declarations, imports, exported }
}

/** tsc writes every statement from the first column on; comments of the members of a union begin there, too. */
function statementsOf(text) {
  const statements = []
  for (const line of text.split('\n')) {
    const begins = /^(export|import|declare|interface|type|class|\/\*\*|\/\/)/.test(line)
    if (statements.length === 0 || (begins && isComplete(statements.at(-1)))) statements.push(line)
    else statements[statements.length - 1] += `\n${line}`
  }
  return statements
}

/** A comment is not: it belongs to the declaration behind it. */
function isComplete(statement) {
  const code = withoutComments(statement).trim()
  return code.endsWith(';') || (code.endsWith('}') && !/^(export )?(declare )?type /.test(code))
}

function withoutComments(text) {
  return text
    .replace(/\/\*[\s\S]*?(\*\/|$)/g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^\s*\n/gm, '')
    .trimEnd()
}

const types = ['index', 'testing/index', 'observe/otel', 'observe/prometheus', 'feed/index']
  .map(entry => publicTypes(entry))
  .join('\n')
if (process.argv[2] === '--write') writeFileSync(`${root}test/package/api.txt`, types)
else process.stdout.write(types)
