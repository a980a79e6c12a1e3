/** Checks the options of strict mode: `consistency`, `onIntentFailure`, `writeThrough`, and `near` beside it. */
import { checkBoolean, wrong } from './check-values.js'
import { shown } from './errors.js'
import type { Policy, StrictConfig } from './options.js'

export const STANDARD: StrictConfig = { strict: false, writeThrough: false }

interface Strictness {
  readonly consistency?: unknown
  readonly writeThrough?: unknown
}

/** @param of - what the names of the options stand behind */
export function checkStrict(
  of: string,
  { consistency, writeThrough }: Strictness,
  byDefault: StrictConfig,
): StrictConfig {
  if (consistency !== undefined && consistency !== 'standard' && consistency !== 'strict') {
    throw wrong(`${of}consistency must be 'standard' or 'strict', got ${shown(consistency)}.`)
  }
  const strict = consistency === undefined ? byDefault.strict : consistency === 'strict'
  const given = writeThrough === undefined ? undefined : checkBoolean(`${of}writeThrough`, writeThrough)
  if (given === true && !strict) {
    throw wrong(
      `${of}writeThrough needs strict mode, which keeps older rows from being stored. Set ${of}consistency: 'strict'.`,
    )
  }
  return { strict, writeThrough: strict && (given ?? byDefault.writeThrough) }
}

export function checkOnIntentFailure(
  value: unknown,
  byDefault: StrictConfig,
  policies: ReadonlyMap<string, Policy>,
): boolean {
  if (value === undefined) return false
  if (value !== 'proceed' && value !== 'reject') {
    throw wrong(`onIntentFailure must be 'proceed' or 'reject', got ${shown(value)}.`)
  }
  if (!byDefault.strict && ![...policies.values()].some(({ strict }) => strict)) {
    throw wrong(`onIntentFailure is about strict mode, and no model is in it. Set consistency: 'strict', or remove it.`)
  }
  return value === 'reject'
}

/** What is kept in a process may be older than a write of another one. */
export function checkNearOf(name: string, value: unknown, { strict }: StrictConfig): boolean | undefined {
  const near = value === undefined ? undefined : checkBoolean(`models.${name}.near`, value)
  if (near === true && strict) {
    throw wrong(
      `models.${name} can't be strict and near: what a process keeps may be older than a write of another process. ` +
        `Remove near, or set consistency: 'standard' for ${name}.`,
    )
  }
  return strict ? false : near
}

export function refuseNearInStrictMode(
  isNear: boolean,
  { strict }: StrictConfig,
  policies: ReadonlyMap<string, Policy>,
): void {
  if (!isNear || !strict || [...policies.values()].some(policy => !policy.strict)) return
  throw wrong(
    `consistency: 'strict' and near don't go together: what a process keeps may be older than a write of another process. ` +
      `Remove near, or set consistency: 'standard' for the models that are kept.`,
  )
}
