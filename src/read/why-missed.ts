/** Why a read was not answered from Redis, for its event. */
import type { WhyMissed } from '../events.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import { isTokenAlone, Kind, otherEpochs, verifiedKind } from '../wire/envelope.js'
import { EVERY_WRITE, nameOfEpoch, UNNAMED_WRITES } from '../wire/keys.js'

/**
 * Why an entry was not served.
 *
 * @param epochs - names of the epochs in the snapshot
 * @param tagged - of an entry of related rows: how many of the first epochs it is under, if it is under tags
 */
export function whyMissed(
  snapshot: Snapshot | undefined,
  deadline: Deadline,
  fingerprint: Buffer,
  epochs: readonly string[],
  tagged = 0,
): WhyMissed {
  // Without a round trip there was no Redis to wait for.
  if (snapshot === undefined) return { why: deadline.roundTrips > 0 ? 'timeout' : 'unusable' }
  const { entry, held } = snapshot
  if (held) return { why: 'held' }
  if (entry === null || isTokenAlone(entry)) return { why: 'absent' }
  const kind = verifiedKind(entry, fingerprint)
  if (kind === undefined) return { why: 'foreign' }
  const [from, to] = epochsOfStamp(kind, tagged)
  const others = otherEpochs(entry, snapshot.epochs.slice(from, to)).map(i => epochs[i + from] as string)
  const staleBy = others.map(epoch => ({ key: epoch, name: nameOfEpoch(epoch) }))
  return staleBy.length === 0 ? { why: 'foreign' } : { why: 'stale', staleBy }
}

/** Which epochs the stamp of an entry is made of, of those that are looked up with it. */
export function epochsOfStamp(kind: number, tagged: number): [from: number, to?: number] {
  switch (kind) {
    case Kind.row:
      return [UNNAMED_WRITES, UNNAMED_WRITES + 1]
    case Kind.rowUnderAny:
    case Kind.absent:
      return [EVERY_WRITE, EVERY_WRITE + 1]
    case Kind.related:
      return [0, tagged]
    case Kind.relatedUnderAny:
      return [tagged]
    case Kind.pointer:
      return [0, 0]
    default:
      return [0]
  }
}
