/**
 * Strict mode: an intent stands in Redis from before the commit of a write until it is invalidated (`redis/intents.ts`). So a writer that
 * dies in between, or an invalidation that is lost, leaves nothing stale. In standard mode none of this happens.
 */
import type { Context } from '../context.js'
import { CacheAsideError } from '../errors.js'
import type { Effects } from '../plan/effects.js'
import type { Strictness } from '../plan/strictness.js'
import type { Intended, Intent, Release } from '../redis/intents.js'
import { newToken, TOKEN_AT } from '../wire/envelope.js'
import type { WriteThrough } from './through.js'

/** An intent that stands, from before the commit of a write until it is released. */
export class Standing {
  readonly #context: Context
  readonly #intent: Intent
  readonly #through: WriteThrough | undefined
  readonly #stamps: Intended['stamps']
  readonly #renewal: NodeJS.Timeout

  constructor(
    context: Context,
    intent: Intent,
    stamps: Intended['stamps'],
    through: WriteThrough | undefined,
    everyMs: number,
  ) {
    this.#context = context
    this.#intent = intent
    this.#stamps = stamps
    this.#through = through
    // A statement or a COMMIT may take longer than the life of an intent.
    let left = MOST_RENEWALS
    this.#renewal = setInterval(() => {
      // Without the row: where the intent was lost, another write may have come in between.
      if (left-- > 0) void context.store.intend({ ...intent, through: undefined })
      else this.leave()
    }, everyMs)
    this.#renewal.unref()
  }

  /** The write has ended, how is not known: the intent ends by itself. */
  leave(): void {
    clearInterval(this.#renewal)
  }

  /** The write was not run. */
  withdraw(): Promise<void> {
    this.leave()
    return this.#context.store.withdraw(this.#intent)
  }

  /** What is released with the invalidation of the write. */
  release(): Release {
    this.leave()
    const { guard } = this.#intent.through ?? {}
    const { buckets } = this.#context
    const row = guard === undefined ? undefined : this.#through?.row(guard, key => this.#stamps[buckets.of(key) ?? 0])
    return { intent: this.#intent, row }
  }
}

/** Of which it was said that Redis acknowledges no intents. */
const failing = new WeakSet<Strictness>()

function failedText({ rejects }: Strictness): string {
  const what = rejects ? 'are refused (onIntentFailure)' : 'go on as in standard mode'
  return `Redis has not acknowledged the intent of a write in strict mode: such writes ${what} until it does.`
}

/** How many times an intent is prolonged during its life. */
const RENEWALS = 3
/** In all. Prisma never ends a write of a batch that another one has kept from being sent. */
const MOST_RENEWALS = 30

/**
 * Puts an intent at all that a write may make stale. Undefined: in standard mode, or where the write goes on as in standard mode.
 *
 * @param effects - as far as they are known before the write
 * @param through - what of the result may be stored when the intent is released
 * @throws CacheAsideError `INTENT_REFUSED`
 */
export async function intend(
  context: Context,
  effects: () => Effects,
  through?: WriteThrough,
): Promise<Standing | undefined> {
  const { strict, store, fleet, events } = context
  if (strict === undefined) return undefined
  const stale = effects()
  if (stale.isEmpty || !strict.concerns(stale.concernedModels)) return undefined
  const guarded = through?.guardOf(stale)
  const intent: Intent = {
    ...stale.intent(),
    member: newToken().toString('base64url', TOKEN_AT),
    alsoStale: bucket => fleet.alsoStale(stale, bucket),
    through: guarded && { ...guarded, token: newToken() },
  }
  const { isSet, stamps } = await store.intend(intent)
  if (isSet) failing.delete(strict)
  else if (!failing.has(strict)) {
    failing.add(strict)
    events.emit({ type: 'error', code: 'INTENT_FAILED', message: failedText(strict) })
  }
  if (isSet) return new Standing(context, intent, stamps, through, strict.intentMs / RENEWALS)
  // It may be there in part.
  void store.withdraw(intent)
  if (strict.rejects) {
    throw new CacheAsideError(
      'INTENT_REFUSED',
      `The write to ${stale.concernedModels.join(', ')} was not run: it is in strict mode, Redis has not acknowledged its intent, and ` +
        `onIntentFailure is 'reject'. Try it again when Redis answers, or set onIntentFailure: 'proceed'.`,
    )
  }
  return undefined
}
