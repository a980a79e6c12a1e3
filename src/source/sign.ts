/** No entry of one source can be read as one of another, whatever is stored under the prefix. */
import { hash } from 'node:crypto'
import type { Catalog } from '../plan/catalog.js'

/** Mixes the source into the fingerprints, in place. */
export function signWith(source: string, fingerprints: readonly Buffer[]): void {
  const mark = Buffer.from(hash('sha256', source, 'hex'), 'hex')
  for (const fingerprint of fingerprints) {
    for (let i = 0; i < fingerprint.length; i++) fingerprint[i] = (fingerprint[i] as number) ^ (mark[i] as number)
  }
}

export function fingerprintsOf(catalog: Catalog): Buffer[] {
  return [...catalog.values()].flatMap(({ cached }) => cached?.codec.fingerprint ?? [])
}
