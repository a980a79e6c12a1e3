/** The Prisma schema from its file or folder, as the cache knows it: no Prisma is needed. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readSchema, type Schema } from './schema.js'
import { parseBlocks, readAttributes, tokenize } from './text.js'

const PLACES = ['prisma/schema.prisma', 'prisma/schema', 'schema.prisma', 'prisma']

/**
 * @param path - a file, or a folder whose `.prisma` files are one schema. Default: where Prisma looks
 * @param failure - makes the error that is thrown when there is none, or it can't be read
 */
export function schemaFrom(path: string | undefined, failure: (message: string) => Error): Schema {
  const place = path ?? PLACES.find(each => existsSync(each))
  if (place === undefined || !existsSync(place)) {
    const where = path === undefined ? `at ${PLACES.join(', ')}` : `at ${path}`
    throw failure(`There is no Prisma schema ${where}. Say where it is: --schema path/to/schema.prisma`)
  }
  const text = statSync(place).isDirectory() ? textOfFolder(place) : readFileSync(place, 'utf8')
  const known = fieldsKnownToClient(text)
  const schema = readSchema(text, model => known.get(model) ?? new Set())
  if (schema.models.size === 0) throw failure(`The Prisma schema at ${place} has no models. Is it the right file?`)
  return schema
}

function textOfFolder(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.prisma'))
    .toSorted()
    .map(name => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
}

/** What a generated client does not know: `@ignore`, `@@ignore`, and types that Prisma does not support. */
function fieldsKnownToClient(text: string): Map<string, ReadonlySet<string>> {
  const models = parseBlocks(tokenize(text)).filter(({ kind }) => kind === 'model' || kind === 'view')
  return new Map(
    models.map(({ name, lines, attributes }) => {
      const isHidden = attributes.some(attribute => attribute.name === 'ignore')
      const fields = isHidden
        ? []
        : lines.filter(line => line[1]?.text !== 'Unsupported' && !readAttributes(line.slice(2)).has('ignore'))
      return [name, new Set(fields.map(([field]) => field?.text ?? ''))]
    }),
  )
}
