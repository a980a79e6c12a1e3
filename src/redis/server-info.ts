/** What servers say of themselves in `INFO`: which ones they are, and whether they can be used. */

export interface ServerInfo {
  /**
   * One per server, in a stable order: its process and its history. The history changes when a replica is promoted or the
   * data of another server is taken over, which leaves the process as it is. `''`: the server does not tell.
   */
  readonly identities: readonly string[]
  readonly tooOld: string | undefined
  /** Whether one of them follows another server: it may not have seen all invalidations. */
  readonly replica: boolean
}

const OLDEST = 7

/** @param infos - the `INFO` of each server; empty where it is not permitted */
export function serverInfoOf(infos: readonly string[]): ServerInfo {
  const field = (info: string, name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
  const versions = infos.map(info => field(info, 'redis_version')).filter(version => version !== undefined)
  return {
    // Where INFO is not permitted we can't tell servers apart: every connect is then one to an unknown server.
    identities: infos
      .map(info => [field(info, 'run_id'), field(info, 'master_replid')].filter(Boolean).join('.'))
      .toSorted(),
    tooOld: versions.find(version => Number.parseInt(version, 10) < OLDEST),
    replica: infos.some(info => field(info, 'role') === 'slave'),
  }
}
