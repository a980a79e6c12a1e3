/**
 * What happened, as each process wrote it down before and after every operation: one JSON array per line, written at once,
 * so that it survives the SIGKILL of its process. Times are of the machine's one monotonic clock, in µs.
 */
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'

/** `counter:<id>`: a row that everybody increments. `tag:<id>`, `post:<id>`: a row that one process creates, changes, deletes. */
export type Key = string

/** What a read saw of a key: the count, the text, or that there is no such row. */
export type Value = number | string | null

export type Line =
  /** A write begins. Of a register: the number of the state that it leads to, and the state. */
  | ['begin', op: number, at: number, keys: readonly Key[], state?: number, value?: Value]
  /** It has resolved. `queuedAt`: when it was told that its invalidation is in the journal; 0: it was acknowledged. */
  | ['end', op: number, at: number, queuedAt: number, versions: readonly (readonly [Key, number])[]]
  | ['read', from: number, at: number, kind: string, key: Key, value: Value, hit: boolean, asked: string | undefined]
  /** It has rejected. */
  | ['error', from: number, at: number, kind: string, what: string, op: number, queuedAt: number]
  /** The process trusts Redis, and owes it nothing. */
  | ['trust', at: number]
  /** The invalidation of a write: from the answer to its COMMIT until Redis has acknowledged its `DEL`. */
  | ['invalidated', op: number, from: number, at: number]
  /** The write is committed, its `DEL` is not sent: the process kills itself now. */
  | ['dies', op: number, at: number]

export function now(): number {
  return Math.round(Number(process.hrtime.bigint()) / 1000)
}

export class Recorder {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** All that one process wrote; a last line that was cut off by its death is left out. */
export function readHistory(path: string): Line[] {
  const text = readFileSync(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Line)
}

/** The same, and the process goes on with an empty file. It must not be writing now. */
export function takeHistory(path: string): Line[] {
  const lines = readHistory(path)
  truncateSync(path)
  return lines
}
