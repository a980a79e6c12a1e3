/**
 * The bytes around every value. An entry is one valid msgpack document, so that any Redis viewer shows it: an array whose
 * first fields have fixed widths, because the fill script, and processes of other versions, read them at constant offsets.
 *
 * ```
 *  0  97                fixarray(7); 92 for an entry that is only a token
 *  1  01                format
 *  2  c4 10 <16 bytes>  token: what a fill must find unchanged
 * 20  c4 08 <8 bytes>   fingerprint of the model's fields and of the source (`assemble.ts` mixes the source in)
 * 30  c4 10 <16 bytes>  stamp: the epoch that the entry was made under
 * 48  ce <4 bytes>      crc32 over all that follows
 * 53  kind              small integer, from 17
 * 54  94                fixarray(4)
 * 55  cb <8 bytes>      expiry: when the entry ends, in ms since 1970 by the clock of Redis
 * 64  ce <4 bytes>      load cost: how long the load took, in ms, or what it counts as at least
 * 69  ce <4 bytes>      grace: how long Redis keeps the entry past its expiry, in ms
 * 74  payload           any msgpack value
 * ```
 *
 * Format and token keep their offsets for all time. `test/wire` pins the bytes. An earlier version had kinds from 1, and the payload
 * at 54, without the times: its processes take our entries for a miss, and we take theirs for one. The format byte stays, because tokens
 * and epochs are shared with them: both fill under the tokens of the other.
 */
import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { keptOf, rememberKept } from './kept.js'

const FORMAT = 1
/** Where the random bytes of a token are. */
export const TOKEN_AT = 4
const TOKEN_END = 20
const FINGERPRINT_AT = 22
const FINGERPRINT_END = 30
const STAMP_AT = 32
const STAMP_END = 48
const CRC_AT = 49
const KIND_AT = 53
const TIMES_AT = 54
const EXPIRY_AT = 56
const LOAD_AT = 65
const GRACE_AT = 70

/** Where the payload begins: the size of the envelope. */
export const PAYLOAD_AT = 74

/**
 * A token as Redis holds it: `[format, token]`, 20 bytes. The value of an epoch, and of a key under load. An entry begins with its
 * token, so it may stand for it.
 */
export type Token = Buffer

/** What an entry says; each kind names the epoch in its stamp. Up to 16 they were those of entries without times. */
export const Kind = {
  /** A row, stamped with `@rows`. */
  row: 17,
  /** "There is no such row", at the key of a row or of a pointer; stamped with `@any`. */
  absent: 18,
  /** A row that was loaded by another unique, so that its token could not be taken before; stamped with `@any`. */
  rowUnderAny: 19,
  /** The id of a row that had a value of a unique; proves itself by the row. */
  pointer: 20,
  /** A value of `getOrSet`; stamped with the sum of all epochs that it depends on. */
  value: 21,
  /** Related rows, or their number; stamped with the sum of their relation tags, list epochs and unnamed-writes epochs. */
  related: 22,
  /** The same, stamped with the sum of every-write epochs: the tag was not known before the load. */
  relatedUnderAny: 23,
  /** The result of a query; stamped with the sum of all that it depends on. */
  result: 24,
} as const

const LAST_WITHOUT_TIMES = 16

/** The payload of an entry that says nothing more: msgpack's nil. */
export const NOTHING: Buffer = Buffer.from([0xc0])

/** A short text as payload, always as msgpack's `str 8`, so that it begins at a constant offset. */
export function textPayload(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([0xd9, bytes.length]), bytes])
}

/** The text of an entry whose payload is one, and empty when it is something else: then it leads nowhere. */
export function textOf(entry: Buffer): string {
  const isText = entry[PAYLOAD_AT] === 0xd9 && entry[PAYLOAD_AT + 1] === entry.length - PAYLOAD_AT - 2
  return isText ? entry.toString('utf8', PAYLOAD_AT + 2) : ''
}

const TOKEN_HEAD = Buffer.from([0x92, FORMAT, 0xc4, 16])
const ENTRY_HEAD = Buffer.from([0x97, FORMAT, 0xc4, 16])
const TIMES = Buffer.alloc(PAYLOAD_AT - TIMES_AT)
TIMES[0] = 0x94
TIMES[EXPIRY_AT - 1 - TIMES_AT] = 0xcb
TIMES[LOAD_AT - 1 - TIMES_AT] = 0xce
TIMES[GRACE_AT - 1 - TIMES_AT] = 0xce

let pool = Buffer.alloc(0)
let used = 0

/** A new random token. Random, never a counter: an eviction can't bring one back. */
export function newToken(): Token {
  if (used + 16 > pool.length) {
    pool = randomFillSync(Buffer.allocUnsafe(4096))
    used = 0
  }
  const token = Buffer.allocUnsafe(TOKEN_END)
  TOKEN_HEAD.copy(token)
  pool.copy(token, TOKEN_AT, used, used + 16)
  used += 16
  return token
}

/** Whether bytes begin with a token that this version can read: a token alone or an entry. */
export function hasToken(bytes: Buffer): boolean {
  if (bytes.length < TOKEN_END || bytes[1] !== FORMAT || bytes[2] !== 0xc4 || bytes[3] !== 16) return false
  return bytes[0] === 0x97 || (bytes[0] === 0x92 && bytes.length === TOKEN_END)
}

/** Whether nothing is there yet but a token. */
export function isTokenAlone(bytes: Buffer): boolean {
  return bytes.length === TOKEN_END && bytes[0] === 0x92
}

/** The part of a token or an entry that the fill script compares: format and token. */
export function guardOf(bytes: Buffer): Buffer {
  return bytes.subarray(1, TOKEN_END)
}

/**
 * Puts a payload into its envelope. `token` and `stamp` are tokens or entries that begin with one. Times and checksum are
 * missing yet: `complete` puts them in.
 */
export function seal(kind: number, payload: Buffer, token: Token, stamp: Token, fingerprint: Buffer): Buffer {
  const entry = Buffer.allocUnsafe(PAYLOAD_AT + payload.length)
  ENTRY_HEAD.copy(entry)
  token.copy(entry, TOKEN_AT, TOKEN_AT, TOKEN_END)
  entry.writeUInt16BE(0xc408, TOKEN_END)
  fingerprint.copy(entry, FINGERPRINT_AT)
  entry.writeUInt16BE(0xc410, FINGERPRINT_END)
  stamp.copy(entry, STAMP_AT, TOKEN_AT, TOKEN_END)
  entry[STAMP_END] = 0xce
  entry[KIND_AT] = kind
  TIMES.copy(entry, TIMES_AT)
  payload.copy(entry, PAYLOAD_AT)
  return entry
}

/** How long an entry lives, and what it cost. */
export interface EntryTimes {
  /** When it ends, in ms since 1970 by the clock of Redis. */
  readonly expiresAt: number
  /** How long its load took, in ms, or what it counts as at least. */
  readonly loadMs: number
  /** How long Redis keeps it past its expiry, in ms. */
  readonly graceMs: number
}

/** Puts times and checksum into a sealed entry, which is changed. */
export function complete(entry: Buffer, { expiresAt, loadMs, graceMs }: EntryTimes): Buffer {
  entry.writeDoubleBE(expiresAt, EXPIRY_AT)
  entry.writeUInt32BE(uint32(loadMs), LOAD_AT)
  entry.writeUInt32BE(uint32(graceMs), GRACE_AT)
  entry.writeUInt32BE(crc32(entry.subarray(KIND_AT)), CRC_AT)
  return entry
}

/** Of whole numbers, the nearest that has room: 49 days and more are 49 days. */
function uint32(ms: number): number {
  return Math.min(Math.max(Math.round(ms) || 0, 0), 0xffffffff)
}

/** Whether the times of these bytes can be read: they look like an entry. Whether they are whole is up to `verifiedKind`. */
export function hasTimes(bytes: Buffer): boolean {
  return bytes.length > PAYLOAD_AT && bytes[0] === 0x97 && (bytes[KIND_AT] as number) > LAST_WITHOUT_TIMES
}

/** An entry as if it had only its token: it serves as the token of a load, and says nothing. */
export function tokenOf(entry: Buffer): Token {
  return entry.subarray(0, TOKEN_END)
}

/** When an entry ends, in ms since 1970 by the clock of Redis. Of bytes that `hasTimes`, as all three of these. */
export function expiryOf(entry: Buffer): number {
  return entry.readDoubleBE(EXPIRY_AT)
}

/** What the load of an entry cost, in ms. */
export function loadMsOf(entry: Buffer): number {
  return entry.readUInt32BE(LOAD_AT)
}

/** How long Redis keeps an entry past its expiry, in ms. */
export function graceOf(entry: Buffer): number {
  return entry.readUInt32BE(GRACE_AT)
}

/**
 * The kind of an entry whose bytes are whole and were written by this schema; undefined for everything else: a token
 * alone, another format or fingerprint, an entry without times, bytes that are not ours, or were changed on their way (without the
 * checksum half of all single-bit flips were served as wrong rows).
 */
export function verifiedKind(bytes: Buffer, fingerprint: Buffer): number | undefined {
  if (bytes.length <= PAYLOAD_AT || bytes[0] !== 0x97 || !hasToken(bytes)) return undefined
  if ((bytes[KIND_AT] as number) <= LAST_WITHOUT_TIMES) return undefined
  if (!same(bytes, FINGERPRINT_AT, fingerprint, 0, 8)) return undefined
  if (keptOf(bytes) === undefined && !isWhole(bytes)) return undefined
  return bytes[KIND_AT]
}

function isWhole(bytes: Buffer): boolean {
  return bytes.readUInt32BE(CRC_AT) === crc32(bytes.subarray(KIND_AT))
}

/**
 * For bytes that are kept, and never change: their checksum is not computed again for each read. Answers whether they are a whole entry,
 * of whatever schema.
 */
export function rememberWhole(bytes: Buffer): boolean {
  if (bytes.length <= PAYLOAD_AT || !hasToken(bytes) || !isWhole(bytes)) return false
  rememberKept(bytes)
  return (bytes[KIND_AT] as number) > LAST_WITHOUT_TIMES
}

/** Whether an entry was made under an epoch as Redis holds it now. */
export function hasStamp(entry: Buffer, epoch: Token): boolean {
  return hasToken(epoch) && entry.length >= STAMP_END && same(entry, STAMP_AT, epoch, TOKEN_AT, 16)
}

/** Faster, for so few bytes, than a call into native code. */
function same(a: Buffer, aAt: number, b: Buffer, bAt: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false
  return true
}

/** Of no more epochs than this, each has a byte of the stamp for itself. */
const NAMED_EPOCHS = 6

/**
 * One stamp for several epochs, their sum byte by byte: an entry is valid only while all of them are current, for a new token
 * is random in all of its bytes. Not their exclusive or: an epoch that is named twice would cancel itself. Of a few epochs,
 * the first byte is that of the first one alone, and so on, so that a stale entry says which of them has changed. Undefined when
 * one can't be read.
 */
export function combinedStamp(epochs: readonly (Token | null | undefined)[]): Token | undefined {
  const summedFrom = TOKEN_AT + namedEpochs(epochs.length)
  let stamp: Buffer | undefined
  for (let i = 0; i < epochs.length; i++) {
    const epoch = epochs[i]
    if (epoch === null || epoch === undefined || !hasToken(epoch)) return undefined
    if (stamp === undefined) {
      if (epochs.length === 1) return epoch
      stamp = Buffer.from(epoch.subarray(0, TOKEN_END))
      continue
    }
    const own = TOKEN_AT + i
    if (own < summedFrom) stamp[own] = epoch[own] as number
    for (let at = summedFrom; at < TOKEN_END; at++) stamp[at] = (stamp[at] as number) + (epoch[at] as number)
  }
  return stamp
}

function namedEpochs(count: number): number {
  return count > NAMED_EPOCHS ? 0 : count
}

/** Which epochs are others than those of an entry's stamp, by index: all of them where the stamp does not tell. */
export function otherEpochs(entry: Buffer, epochs: readonly (Token | null)[]): number[] {
  const all = [...epochs.keys()]
  const missing = all.filter(i => !hasToken(epochs[i] ?? NOTHING))
  if (missing.length > 0) return missing
  const stamp = combinedStamp(epochs)
  if (stamp === undefined || hasStamp(entry, stamp)) return []
  const others = all.filter(i => i < namedEpochs(all.length) && entry[STAMP_AT + i] !== stamp[TOKEN_AT + i])
  return others.length > 0 ? others : all
}
