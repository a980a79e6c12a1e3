/** Places in the WAL of Postgres: `16/B374D848` is `0x16_B374_D848n`. */
export type Lsn = bigint

export function lsnOf(text: string): Lsn {
  const [high, low] = text.split('/').map(part => BigInt(`0x${part}`)) as [bigint, bigint]
  return (high << 32n) + low
}

export function textOfLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}
