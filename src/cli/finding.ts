/** What `doctor` says of one part of the set-up. */

/** `bad`: to be mended. `note`: fine under a condition that can't be seen from here. */
export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'note' | 'bad'
  readonly says: string
  /** What to do. */
  readonly remedy?: string
}

export const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says })
export const note = (check: string, says: string, remedy: string): Finding => ({ check, state: 'note', says, remedy })
export const bad = (check: string, says: string, remedy: string): Finding => ({ check, state: 'bad', says, remedy })
