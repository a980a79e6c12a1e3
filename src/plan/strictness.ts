/** Which models are in strict mode, and what a write does without an intent. */
import type { Config } from '../options.js'

export class Strictness {
  readonly #config: Pick<Config, 'policies' | 'strictByDefault'>
  /** Whether a write is refused when Redis has not acknowledged its intent. */
  readonly rejects: boolean
  /** The life of an intent. */
  readonly intentMs: number

  /** Undefined: no model is in strict mode. */
  static of(config: Config, intentMs: number): Strictness | undefined {
    const isUsed = config.strictByDefault || [...config.policies.values()].some(({ strict }) => strict)
    return isUsed ? new Strictness(config, intentMs) : undefined
  }

  private constructor(config: Config, intentMs: number) {
    this.#config = config
    this.rejects = config.rejectsWithoutIntent
    this.intentMs = intentMs
  }

  /** @param models - that are written */
  concerns(models: readonly string[]): boolean {
    const { policies, strictByDefault } = this.#config
    return models.some(name => policies.get(name)?.strict ?? strictByDefault)
  }

  writesThrough(model: string): boolean {
    return this.#config.policies.get(model)?.writeThrough === true
  }
}
