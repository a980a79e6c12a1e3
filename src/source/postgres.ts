/** Names and URLs of Postgres, as SQL and `pg` take them. */

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Of Prisma's URLs, what `pg` does not know. */
const OF_PRISMA = ['schema', 'connection_limit', 'pool_timeout', 'pgbouncer']

/**
 * A URL as Prisma has it.
 *
 * @returns the URL for `pg`, and where the tables are that declare no Postgres schema; undefined: it is none
 */
export function postgresUrl(text: string): { readonly address: string; readonly schemaName: string } | undefined {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const schemaName = url.searchParams.get('schema') ?? 'public'
  for (const name of OF_PRISMA) url.searchParams.delete(name)
  return { address: url.href, schemaName }
}
