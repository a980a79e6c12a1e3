/** `CONSISTENCY=strict`: every process of a world writes in strict mode, and through. */
import { describe, it } from 'vitest'

export const isStrict = process.env['CONSISTENCY'] === 'strict'

/** For tests that count loads, and controls without a guard, whose fault strict mode makes up for. */
export const itInStandardMode = it.skipIf(isStrict)
export const describeInStandardMode = describe.skipIf(isStrict)
