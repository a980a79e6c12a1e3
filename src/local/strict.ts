/** Which models are in strict mode, and what happens when Redis acknowledges no intent. */
import type { Emit } from '../events.js'
import type { Config } from '../options.js'

export class Strict {
  readonly #config: Pick<Config, 'policies' | 'strictByDefault'>
  readonly #emit: Emit
  /** Whether a write without an intent is refused. */
  readonly rejects: boolean
  /** The life of an intent. */
  readonly holdMs: number
  #hasFailed = false

  /** Undefined: no model is in strict mode. */
  static of(config: Config, holdMs: number, emit: Emit): Strict | undefined {
    const isUsed = config.strictByDefault || [...config.policies.values()].some(({ strict }) => strict)
    return isUsed ? new Strict(config, holdMs, emit) : undefined
  }

  private constructor(config: Config, holdMs: number, emit: Emit) {
    this.#config = config
    this.#emit = emit
    this.rejects = config.rejectsWithoutIntent
    this.holdMs = holdMs
  }

  /** @param models - that are written */
  concerns(models: readonly string[]): boolean {
    const { policies, strictByDefault } = this.#config
    return models.some(name => policies.get(name)?.strict ?? strictByDefault)
  }

  writesThrough(model: string): boolean {
    return this.#config.policies.get(model)?.writeThrough === true
  }

  /** Says it once, until Redis acknowledges an intent again. */
  answered(isSet: boolean): void {
    if (!isSet && !this.#hasFailed) {
      const what = this.rejects ? 'are refused (onIntentFailure)' : 'go on as in standard mode'
      const message = `Redis has not acknowledged the intent of a write in strict mode: such writes ${what} until it does.`
      this.#emit({ type: 'error', code: 'INTENT_FAILED', message })
    }
    this.#hasFailed = !isSet
  }
}
