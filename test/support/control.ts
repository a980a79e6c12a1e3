import { it } from 'vitest'

/**
 * A control: with one guard taken out, the fault that it guards against is seen. On real servers it need not be seen at the first
 * attempt (a client may notice a change for another reason), only within a few; so a promise is tried once, and its control more
 * often.
 */
export function control(name: string, story: () => Promise<void>, timeout = 30_000): void {
  it(`(${name})`, { retry: 4, timeout }, story)
}
