/** The server that several clients may share: its databases, its faults, its connections. */
import { randomBytes } from 'node:crypto'
import { Database } from './database.js'
import { FaultSwitch } from './faults.js'
import type { Protocol } from './resp.js'

/** One connection, as the server sees it. */
export interface Session {
  readonly server: MemoryServer
  db: number
  protocol: Protocol
  /** The client has said `QUIT`. */
  isOver: boolean
}

/** The server's end of a connection. */
export interface Peer {
  /** A fault has begun or ended: runs what is due now, or closes. */
  faultsChanged(): void
}

/** As many as a Redis has that nobody has configured. */
const DATABASES = 16

export class MemoryServer {
  /** By them the cache tells one server from another. */
  readonly runId = randomBytes(20).toString('hex')
  readonly replicationId = randomBytes(20).toString('hex')
  readonly databases: readonly Database[] = Array.from({ length: DATABASES }, () => new Database())
  readonly peers = new Set<Peer>()
  readonly faults = new FaultSwitch(() => {
    for (const peer of this.peers) peer.faultsChanged()
  })
}
