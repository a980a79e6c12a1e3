/** What a server says of itself in `INFO`: which one it is, and whether it can be used. */

export interface ServerInfo {
  /**
   * Its process and its history. The history changes when a replica is promoted or the data of another server is taken over, which
   * leaves the process as it is. `''`: the server does not tell.
   */
  readonly identity: string
  readonly tooOld: string | undefined
  /** Whether it follows another server: it may not have seen all invalidations. */
  readonly replica: boolean
  /** Its time, in ms since 1970; undefined: it does not tell. */
  readonly timeMs: number | undefined
}

const OLDEST = 7

/** @param info - empty where it is not permitted: then servers can't be told apart, and every connect is one to an unknown server */
export function serverInfoOf(info: string): ServerInfo {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
  const version = field('redis_version')
  const micros = Number(field('server_time_usec'))
  return {
    identity: [field('run_id'), field('master_replid')].filter(Boolean).join('.'),
    tooOld: version !== undefined && Number.parseInt(version, 10) < OLDEST ? version : undefined,
    replica: field('role') === 'slave',
    timeMs: micros > 0 ? micros / 1000 : undefined,
  }
}
