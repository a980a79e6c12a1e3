import type { FillOptions } from '../../src/redis/ticket.js'
import { complete } from '../../src/wire/envelope.js'

/** An entry as `Store.fill` would send it, for what is put in its place. */
export function completed(entry: Buffer, { ttlMs, loadMs, graceMs = 0 }: FillOptions): Buffer {
  return complete(entry, { expiresAt: Date.now() + ttlMs, loadMs, graceMs })
}
