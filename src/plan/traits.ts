/** Traits: what the plan has to know of one client, beside its schema. */
import { type ClientFacts, isSkip, nameOfConstant } from '../prisma7/client.js'
import { READ_REPLICAS } from './bypass.js'
import { ArgsReader } from './args.js'
import { SelectionCache } from './make-selection.js'
import type { ClientTraits } from './selection.js'

export function traitsOf(facts: ClientFacts): ClientTraits {
  const { schema, computed } = facts
  return {
    globalOmit: model => facts.globalOmit(model),
    computed,
    reader: new ArgsReader({ nameOf: nameOfConstant, isSkip }, schema.previewFeatures.has('strictUndefinedChecks')),
    joins: schema.previewFeatures.has('relationJoins'),
    unseen: facts.hasReplicas ? READ_REPLICAS : undefined,
    selections: new SelectionCache(),
  }
}

/** A client was extended further: its computed fields count too, and what was planned without them does not. */
export function addTraitsOf(client: object, { computed, selections }: ClientTraits): void {
  if (computed.addThoseOf(client)) selections.forget()
}
