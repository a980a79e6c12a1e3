/** A read under tags of the caller's: a result as a whole, which depends on them besides, and on every write to what it reads. */
import { tagKey, hashName } from '../wire/keys.js'
import { listCodec, rowOrNullCodec } from '../wire/results.js'
import { type Args, ModelsRead } from './args.js'
import type { CachedPlan, ResultRead } from './read.js'
import { type RowRead, type RowsRead, strategyOf } from './rows.js'
import { type ClientTraits, meaningsOf, ttlMsOf } from './selection.js'
import { epochsOf, selectedIn } from './tree.js'

/** @param args - of the query, which has the plan */
export function underTags(
  plan: CachedPlan,
  operation: string,
  args: Args,
  tags: readonly string[],
  prefix: string,
  client: ClientTraits,
): ResultRead {
  const { model } = plan
  const result = plan.kind === 'result' ? plan : resultOf(plan, operation, args, client)
  const { epochs, holds } = result.dependsOn
  return {
    ...result,
    key: model.keys.query(
      hashName(`${result.key} ${JSON.stringify(tags)}`),
      plan.kind === 'result' ? plan.key : undefined,
    ),
    dependsOn: { epochs: [...epochs, ...tags.map(tag => tagKey(prefix, tag))], holds },
  }
}

/** Rows that are read by their keys, as a whole. */
function resultOf(plan: RowRead | RowsRead, operation: string, args: Args, client: ClientTraits): ResultRead {
  const { model, cached, by, filters, models } = plan
  const selection = client.selections.of(model, args, strategyOf(args, client) === 'join', client)
  const modelsRead = new ModelsRead()
  modelsRead.add(selectedIn(selection).modelsRead)
  modelsRead.model(model)
  const { everyWriteEpochs: epochs, holds } = epochsOf(modelsRead)
  const keys = plan.kind === 'row' ? [plan.key] : plan.rows.map(({ key }) => key)
  const kind = plan.kind === 'row' ? 'row' : operation
  const text = JSON.stringify([kind, keys, filters.map(({ field, text: value }) => [field.name, value])])
  return {
    kind: 'result',
    model,
    cached,
    key: `${text}${meaningsOf(modelsRead)}${selection.text}`,
    dependsOn: { epochs, holds },
    list: undefined,
    codec: plan.kind === 'row' ? rowOrNullCodec(selection) : listCodec(selection),
    ttlMs: ttlMsOf(selection, cached.policy.ttlMs),
    models,
    // Prisma may put the query into one statement with others, and then takes a row that is spelled differently for missing.
    isNullUnproven: plan.kind === 'row' && by.equality === 'text',
  }
}
