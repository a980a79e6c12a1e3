/** What the words behind a command mean, read as Redis reads them. */
import { Refusal } from './resp.js'

export interface Expiry {
  readonly unit: 'EX' | 'PX' | 'EXAT' | 'PXAT'
  readonly value: bigint
  /** `PEXPIRE` takes 0 and less: then the key ends at once. */
  readonly mayBePast?: true
}

export interface SetOptions {
  readonly expiry: Expiry | undefined
  readonly keepTtl: boolean
  readonly condition: 'NX' | 'XX' | undefined
  /** `GET`: the old value is the answer. */
  readonly answersOld: boolean
}

const MOST = 2n ** 63n - 1n
const LEAST = -(2n ** 63n)
const SYNTAX = 'ERR syntax error'

/** A whole number of 64 bits, written the one way that Redis takes: no sign `+`, no zeros in front, no spaces. */
export function integerOf(word: Buffer | undefined): bigint {
  const text = String(word)
  const value = /^(?:0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : MOST + 1n
  if (value > MOST || value < LEAST) throw new Refusal('ERR value is not an integer or out of range')
  return value
}

/** When a key ends, in ms since 1970. */
export function expiryOf({ unit, value, mayBePast }: Expiry, command: string): number {
  const ms = unit.startsWith('EX') ? value * 1000n : value
  const until = unit.endsWith('AT') ? ms : ms + BigInt(Date.now())
  if ((value <= 0n && !mayBePast) || ms > MOST || ms < LEAST || until > MOST) {
    throw new Refusal(`ERR invalid expire time in '${command}' command`)
  }
  return Number(until)
}

export function setOptionsOf(words: readonly Buffer[]): SetOptions {
  let expiry: { unit: Expiry['unit']; word: Buffer | undefined } | undefined
  let condition: SetOptions['condition']
  let keepTtl = false
  let answersOld = false
  for (let i = 0; i < words.length; i++) {
    const word = String(words[i]).toUpperCase()
    if ((word === 'NX' || word === 'XX') && (condition ?? word) === word) condition = word
    else if (word === 'GET') answersOld = true
    else if (word === 'KEEPTTL' && expiry === undefined) keepTtl = true
    else if (isUnit(word) && !keepTtl && (expiry?.unit ?? word) === word && i + 1 < words.length) {
      expiry = { unit: word, word: words[++i] }
    } else throw new Refusal(SYNTAX)
  }
  return {
    expiry: expiry && { unit: expiry.unit, value: integerOf(expiry.word) },
    keepTtl,
    condition,
    answersOld,
  }
}

function isUnit(word: string): word is Expiry['unit'] {
  return ['EX', 'PX', 'EXAT', 'PXAT'].includes(word)
}
