import { crc32 } from 'node:zlib'
import { Decimal } from '@prisma/client/runtime/client'
import * as fc from 'fast-check'
import { unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { rowCodec } from '../../src/wire/rows.js'
import {
  combinedStamp,
  complete,
  expiryOf,
  graceOf,
  guardOf,
  hasStamp,
  hasToken,
  Kind,
  loadMsOf,
  newToken,
  otherEpochs,
  PAYLOAD_AT,
  seal,
  verifiedKind,
} from '../../src/wire/envelope.js'
import { modelNamed } from '../support/catalog.js'

const codec = rowCodec(modelNamed('User').definition.scalars, Decimal)
const USER = { id: 42, email: 'ada@x.org', name: null, role: 'ADMIN', createdAt: new Date(5), updatedAt: new Date(6) }
const payload = codec.encode(USER) as Buffer
const token = newToken()
const stamp = newToken()
const TIMES = { expiresAt: 1_795_000_000_123.25, loadMs: 12, graceMs: 30_000 }
const sealed = (...parts: Parameters<typeof seal>) => complete(seal(...parts), TIMES)
const timesOf = (bytes: Buffer) => ({ expiresAt: expiryOf(bytes), loadMs: loadMsOf(bytes), graceMs: graceOf(bytes) })
const entry = sealed(Kind.row, payload, token, stamp, codec.fingerprint)

/** The row that a reader would be given, as `read.ts` does it. */
function served(bytes: Buffer, epoch = stamp, fingerprint = codec.fingerprint): unknown {
  if (verifiedKind(bytes, fingerprint) !== Kind.row || !hasStamp(bytes, epoch)) return undefined
  return codec.decode(bytes, PAYLOAD_AT)
}

describe('an entry', () => {
  it('is served under the epoch that it was made under', () => expect(served(entry)).toEqual(USER))

  it('is one valid msgpack document', () => {
    expect(unpack(entry)).toEqual([
      1,
      token.subarray(4),
      Buffer.from(codec.fingerprint),
      stamp.subarray(4),
      expect.any(Number),
      Kind.row,
      [TIMES.expiresAt, TIMES.loadMs, TIMES.graceMs, [42, 'ada@x.org', null, 'ADMIN', 5, 6]],
    ])
    const absent = sealed(Kind.absent, Buffer.from([0xc0]), token, stamp, codec.fingerprint)
    expect((unpack(absent) as unknown[]).slice(5)).toEqual([
      Kind.absent,
      [TIMES.expiresAt, TIMES.loadMs, TIMES.graceMs, null],
    ])
  })

  it('says when it ends, what its load took and how long it is kept past its end', () => {
    expect(timesOf(entry)).toEqual(TIMES)
    const times = fc.record({
      expiresAt: fc.double({ min: 0, max: 1e15, noNaN: true }),
      loadMs: fc.nat(0xffffffff),
      graceMs: fc.nat(0xffffffff),
    })
    fc.assert(
      fc.property(times, each => {
        const changed = complete(Buffer.from(entry), each)
        expect(timesOf(changed)).toEqual(each)
        expect(served(changed)).toEqual(USER)
      }),
    )
  })

  it('has whole numbers for load cost and grace, as large as there is room', () => {
    const changed = (loadMs: number) => loadMsOf(complete(Buffer.from(entry), { ...TIMES, loadMs }))
    expect([0.4, 0.5, 1e12, -1, Number.NaN].map(changed)).toEqual([0, 1, 0xffffffff, 0, 0])
  })

  it('begins with the token of the load that made it, which the fill script compares', () => {
    expect(guardOf(entry)).toEqual(guardOf(token))
    expect(guardOf(entry)).toHaveLength(19)
    expect(entry.subarray(1, 20)).toEqual(token.subarray(1, 20))
  })

  it('may be sealed with entries in the place of tokens: an entry begins with one', () => {
    const again = sealed(Kind.row, payload, entry, entry, codec.fingerprint)
    expect(guardOf(again)).toEqual(guardOf(token))
    expect(hasStamp(again, token)).toBe(true)
    expect(hasStamp(again, stamp)).toBe(false)
  })

  it('is refused under another epoch', () => {
    expect(served(entry, newToken())).toBeUndefined()
    expect(served(entry, token)).toBeUndefined()
  })

  it('is refused under another fingerprint', () => {
    for (const other of ['Post', 'Tag', 'Product']) {
      const { fingerprint } = rowCodec(modelNamed(other).definition.scalars, Decimal)
      expect(verifiedKind(entry, fingerprint)).toBeUndefined()
    }
  })

  it('of another format is refused, and so is its token', () => {
    for (let format = 0; format < 256; format++) {
      if (format === 1) continue
      const other = Buffer.from(entry)
      other[1] = format
      expect(served(other)).toBeUndefined()
      expect(hasToken(other)).toBe(false)
      const epoch = Buffer.from(stamp)
      epoch[1] = format
      expect(served(entry, epoch)).toBeUndefined()
    }
  })

  it('of a kind that this version does not know is not a row', () => {
    for (const kind of [17 + 16, 3 + 16, 0x7f]) {
      expect(verifiedKind(sealed(kind, payload, token, stamp, codec.fingerprint), codec.fingerprint)).toBe(kind)
      expect(served(sealed(kind, payload, token, stamp, codec.fingerprint))).toBeUndefined()
    }
  })
})

describe('an entry of the version without times', () => {
  const ofOldKind = (kind: number) => {
    const bytes = Buffer.concat([entry.subarray(0, 54), payload])
    bytes[53] = kind
    bytes.writeUInt32BE(crc32(bytes.subarray(53)), 49)
    return bytes
  }

  it('is not served, whatever it is, and its token serves as guard and as epoch', () => {
    for (let kind = 0; kind <= 16; kind++) {
      const old = ofOldKind(kind)
      expect(verifiedKind(old, codec.fingerprint), `${kind}`).toBeUndefined()
      expect(hasToken(old)).toBe(true)
      expect(guardOf(old)).toEqual(guardOf(token))
      expect(hasStamp(sealed(Kind.row, payload, token, old, codec.fingerprint), token)).toBe(true)
    }
  })

  it('is not served either where a process writes times into it', () => {
    const bytes = Buffer.from(entry)
    bytes[53] = 1
    expect(verifiedKind(complete(bytes, TIMES), codec.fingerprint)).toBeUndefined()
  })
})

describe('bytes that changed on their way', () => {
  it('by one bit are refused, or give the same row', () => {
    const outcomes = { refused: 0, same: 0 }
    for (let bit = 0; bit < entry.length * 8; bit++) {
      const flipped = Buffer.from(entry)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      const row = served(flipped)
      if (row === undefined) outcomes.refused++
      else {
        expect(row, `bit ${bit}`).toEqual(USER)
        outcomes.same++
        // Nothing that says what the row is: the token, or the frame of a field of fixed width.
        expect([...range(4, 20), 20, 21, 30, 31, 48], `bit ${bit}`).toContain(bit >> 3)
      }
    }
    expect(outcomes.refused).toBeGreaterThan(outcomes.same)
  })

  it('by one bit in the stamp match no epoch, and in the token no load', () => {
    for (let bit = 0; bit < 128; bit++) {
      const flip = (at: number) => {
        const flipped = Buffer.from(entry)
        flipped[at + (bit >> 3)] = (flipped[at + (bit >> 3)] as number) ^ (1 << (bit & 7))
        return flipped
      }
      expect(hasStamp(flip(32), stamp)).toBe(false)
      expect(guardOf(flip(4)).equals(guardOf(token))).toBe(false)
    }
  })

  it('by some bits anywhere never give another row', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(entry.length * 8 - 1), { minLength: 1, maxLength: 8 }), bits => {
        const flipped = Buffer.from(entry)
        for (const bit of bits) flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        const row = served(flipped)
        if (row !== undefined) expect(row).toEqual(USER)
      }),
      { numRuns: 5000 },
    )
  })

  it('cut off at any length are refused', () => {
    for (let length = 0; length < entry.length; length++) {
      expect(verifiedKind(entry.subarray(0, length), codec.fingerprint), `${length}`).toBeUndefined()
    }
  })

  it('with more behind them are refused', () => {
    for (const more of [[0], [0xc0], [...entry]]) {
      expect(verifiedKind(Buffer.concat([entry, Buffer.from(more)]), codec.fingerprint)).toBeUndefined()
    }
  })

  it('into garbage never throw', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // Garbage behind a good header.
      fc.uint8Array({ maxLength: 100 }).map(tail => Buffer.concat([entry.subarray(0, PAYLOAD_AT), tail])),
    )
    fc.assert(
      fc.property(garbage, bytes => {
        const buffer = Buffer.from(bytes)
        expect(served(buffer)).toBeUndefined()
        expect(hasStamp(entry, buffer)).toBe(false)
        hasToken(buffer)
        guardOf(buffer)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a token', () => {
  it('is one valid msgpack document of 20 bytes: format and 16 random bytes', () => {
    const one = newToken()
    expect(one).toHaveLength(20)
    expect(unpack(one)).toEqual([1, one.subarray(4)])
    expect(hasToken(one)).toBe(true)
  })

  it('never comes twice', () => {
    const tokens = Array.from({ length: 100_000 }, () => newToken().toString('latin1'))
    expect(new Set(tokens).size).toBe(tokens.length)
  })

  it('stays as it is when more are made', () => {
    const one = newToken()
    const copy = Buffer.from(one)
    for (let i = 0; i < 1000; i++) newToken()
    expect(one).toEqual(copy)
  })

  it('is no entry, and no epoch when it is cut off or goes on', () => {
    expect(verifiedKind(stamp, codec.fingerprint)).toBeUndefined()
    for (let length = 0; length < 20; length++) expect(hasToken(stamp.subarray(0, length))).toBe(false)
    expect(hasToken(Buffer.concat([stamp, Buffer.from([0])]))).toBe(false)
    expect(hasToken(Buffer.from('1'))).toBe(false)
    expect(hasToken(Buffer.alloc(0))).toBe(false)
  })
})

describe('a stamp over several epochs', () => {
  const sealedUnder = (epochs: readonly Buffer[]) =>
    sealed(Kind.result, payload, token, combinedStamp(epochs) as Buffer, codec.fingerprint)
  const isCurrent = (bytes: Buffer, epochs: readonly Buffer[]) => hasStamp(bytes, combinedStamp(epochs) as Buffer)

  it.each([2, 3, 9])('changes with each of %i', count => {
    const epochs = Array.from({ length: count }, newToken)
    const made = sealedUnder(epochs)
    expect(isCurrent(made, epochs)).toBe(true)
    for (const at of epochs.keys()) expect(isCurrent(made, epochs.with(at, newToken()))).toBe(false)
  })

  it('changes with one that is named twice', () => {
    const [other, twice] = [newToken(), newToken()]
    const made = sealedUnder([twice, other, twice])
    expect(isCurrent(made, [twice, other, twice])).toBe(true)
    const dropped = newToken()
    expect(isCurrent(made, [dropped, other, dropped])).toBe(false)
  })

  /** An epoch with another first byte, and so on: of random ones, one in 256 has the same. */
  const changed = (epoch: Buffer) => Buffer.concat([epoch.subarray(0, 4), epoch.subarray(4).map(byte => byte ^ 0xff)])

  it.each([1, 2, 3, 6])('tells which of %i has changed, and which of them is missing', count => {
    const epochs = Array.from({ length: count }, newToken)
    const made = sealedUnder(epochs)
    expect(otherEpochs(made, epochs)).toEqual([])
    for (const at of epochs.keys()) {
      expect(otherEpochs(made, epochs.with(at, changed(epochs[at] as Buffer)))).toEqual([at])
      expect(otherEpochs(made, (epochs as (Buffer | null)[]).with(at, null))).toEqual([at])
    }
    expect(otherEpochs(made, epochs.map(changed))).toEqual([...epochs.keys()])
  })

  it('of more than six it may be any', () => {
    const epochs = Array.from({ length: 7 }, newToken)
    const made = sealedUnder(epochs)
    expect(otherEpochs(made, epochs.with(3, newToken()))).toEqual([...epochs.keys()])
  })

  it('names all where the changed one has the same byte by chance', () => {
    const epochs = [newToken(), newToken(), newToken()]
    const sameByte = newToken()
    sameByte[5] = (epochs[1] as Buffer)[5] as number
    expect(otherEpochs(sealedUnder(epochs), epochs.with(1, sameByte))).toEqual([0, 1, 2])
  })

  it('leaves the epochs as they are, and is none when one of them is missing', () => {
    const epochs = [newToken(), newToken()]
    const before = epochs.map(epoch => epoch.toString('hex'))
    combinedStamp(epochs)
    expect(epochs.map(epoch => epoch.toString('hex'))).toEqual(before)
    expect(combinedStamp([newToken(), null])).toBeUndefined()
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
