/** Which transactions other sessions can see. */

/** What `pg_current_snapshot()` answers on the primary: `10:20:10,14,15`. */
export class Snapshot {
  readonly #min: bigint
  readonly #max: bigint
  readonly #running: ReadonlySet<bigint>

  constructor(text: string) {
    const [min = '0', max = '0', running = ''] = text.split(':')
    this.#min = BigInt(min)
    this.#max = BigInt(max)
    this.#running = new Set(running.split(',').filter(Boolean).map(BigInt))
  }

  /** @param xid - the lower 32 bits of a transaction's id, as the WAL has it */
  sees(xid: number): boolean {
    const whole = this.#whole(BigInt(xid))
    if (whole < this.#min) return true
    return whole < this.#max && !this.#running.has(whole)
  }

  /** The id with these lower bits that is nearest to the snapshot. */
  #whole(xid: bigint): bigint {
    const near = ((this.#max >> 32n) << 32n) + xid
    if (near > this.#max + (1n << 31n)) return near - (1n << 32n)
    return near + (1n << 31n) < this.#max ? near + (1n << 32n) : near
  }
}
