/** What an error of Redis says, without the keys that may be in it. */

/** The first word of an error that Redis answered; undefined for errors of the client (a lost connection, a time-out). */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  // Redis 7.0 says `ERR The user executing the script can't run this command`.
  if (/^ERR .*(?:executing the script can't|ACL failure|NOPERM)/.test(error.message)) return 'NOPERM'
  return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR'
}

/** What the Redis user may not do. The message of Redis names commands in quotes; of a script, 7.0 does not say which. */
export function forbiddenIn(message: string, script: string | undefined): string {
  const named = /'([a-z]+(?:\|[a-z]+)?)' (?:command|subcommand)/i.exec(message)?.[1]
  if (named !== undefined) return named.toLowerCase()
  if (/\bkeys?\b/i.test(message)) return 'some keys'
  if (script === undefined) return 'a command'
  const called = [...script.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, name = '']) => name.toLowerCase())
  return `in a script one of ${[...new Set(called)].join(', ')}`
}
