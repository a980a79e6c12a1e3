/** Every kind of write. */
import { nested } from './nested.js'
import { raw } from './raw.js'
import { refused } from './refused.js'
import { single } from './single.js'
import { failing, together } from './transactions.js'
import type { Kind } from './write.js'

export const kinds: readonly Kind[] = [
  ...Object.entries({ ...single, ...nested, ...raw, ...together }).map(([name, ways]) => ({ name, ways })),
  ...Object.entries({ ...refused, ...failing }).map(([name, ways]) => ({ name, ways, refused: true })),
]
