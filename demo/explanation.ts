import type { Explanation } from '../src/index.js'
import { labelled, print, styled } from './terminal.js'

/** Prints what `$cache.explain` answers. */
export function showExplanation(query: string, explanation: Explanation, prefix: string): void {
  const short = (key: string) => key.replaceAll(prefix, '')
  print(`  ${styled('bold', query)}`)
  if (explanation.cached) {
    const { key, by, invalidatedBy, relations = {}, dependsOn = [] } = explanation
    labelled([
      ['cached', by === undefined ? 'yes, as a result' : `yes, by ${by}`],
      ['key', short(key)],
      ['invalidated by', invalidatedBy],
      ...Object.entries(relations).map(([path, writes]) => [`its ${path}`, writes] as const),
      ...(dependsOn.length > 0 ? ([['depends on', dependsOn.map(short)]] as const) : []),
    ])
  } else if ('invalidates' in explanation) {
    labelled([
      ['cached', `no: ${explanation.why}`],
      ['invalidates', explanation.invalidates.map(short)],
      ['all rows of', explanation.allRowsOf.length > 0 ? explanation.allRowsOf : 'no model'],
    ])
  } else labelled([['cached', `no: ${explanation.why}`]])
}
