/** The two things that keep versions right beside each other, taken out: without either the fuzzer has to find mismatches. */
import { Fleet } from '../../../src/fleet/fleet.js'
import type { AnyClient } from '../schemas/client.js'

/** `knowledge`: of other versions. `naming`: by tables and columns, and not by the text of the schema. */
export const WITHOUT = ['knowledge', 'naming'] as const
export type Without = (typeof WITHOUT)[number]

/** Knows of no other version. */
export class Alone extends Fleet {
  override alsoStale = () => []
  override check: Fleet['check'] = plan => plan
}

/** What is extended by `extend` reads a schema in which tables and columns are called as models and fields are. */
export function withNamesOfText<T>(client: AnyClient, extend: () => T): T {
  const { _engineConfig: config } = client as unknown as { _engineConfig: { inlineSchema: string } }
  const text = config.inlineSchema
  config.inlineSchema = text.replaceAll(/ *@@?map\("[^"]*"\)/g, '')
  try {
    return extend()
  } finally {
    config.inlineSchema = text
  }
}
