/** How long the same reads take with the cache and without it. */
import type { Connected } from './client.js'
import { count, gap, print, progress, say, styled, table } from './terminal.js'

/** @param ids - of users with 20 posts */
export async function latencies({ prisma, plain }: Connected, ids: readonly number[], forMs: number): Promise<void> {
  const kinds = {
    rowPlain: (id: number) => plain.user.findUnique({ where: { id } }),
    row: (id: number) => prisma.user.findUnique({ where: { id } }),
    postsPlain: (id: number) => plain.user.findUnique({ where: { id }, include: { posts: true } }),
    posts: (id: number) => prisma.user.findUnique({ where: { id }, include: { posts: true } }),
  }
  for (const id of ids) await kinds.posts(id)
  const { misses } = prisma.$cache.stats()

  const times = { rowPlain: [] as number[], row: [] as number[], postsPlain: [] as number[], posts: [] as number[] }
  const names = Object.keys(kinds) as (keyof typeof kinds)[]
  const bar = progress('reads, one at a time', forMs)
  const began = performance.now()
  const warmAt = began + forMs / 10
  for (let round = 0; performance.now() - began < forMs; round++) {
    const id = ids[round % ids.length] as number
    // One after the other, and beginning with another kind each time: what slows the machine down slows all of them.
    for (const n of names.keys()) {
      const name = names[(n + round) % names.length] as keyof typeof kinds
      const from = performance.now()
      await kinds[name](id)
      if (from > warmAt) times[name].push(performance.now() - from)
    }
    if (round % 50 === 0) bar.at(performance.now() - began)
  }
  bar.end()
  for (const some of Object.values(times)) some.sort((a, b) => a - b)
  const { rowPlain, row, postsPlain, posts } = times
  const missed = prisma.$cache.stats().misses - misses
  say(
    `${count(posts.length)} reads of each kind, one at a time and in turn: users out of ${ids.length}, each with 20 posts. ` +
      `${missed === 0 ? 'All cached reads were hits' : `${missed} of the cached reads were misses`}. ` +
      'The bars are of the users with their posts; each row takes 1.6 times as long as the one above it.',
  )
  histogram(postsPlain, posts)
  table(
    ['median', 'Postgres', 'Redis', 'ratio'],
    [
      ['user with 20 posts', ms(median(postsPlain)), ms(median(posts)), ratio(postsPlain, posts)],
      ['user alone', ms(median(rowPlain)), ms(median(row)), ratio(rowPlain, row)],
    ],
  )
}

const bucketsPerDecade = 5
const barWidth = 18
const columnWidth = barWidth + 13

/** Both distributions side by side. */
function histogram(plain: readonly number[], cached: readonly number[]): void {
  const bucketOf = (time: number) => Math.floor(Math.log10(time) * bucketsPerDecade)
  const first = bucketOf(cached[0] as number)
  const last = bucketOf(plain[Math.floor(plain.length * 0.995)] as number) // the rest is in the last row
  const sharesOf = (times: readonly number[]) => {
    const shares = Array.from({ length: last - first + 1 }, () => 0)
    for (const time of times) shares[Math.min(bucketOf(time), last) - first]! += 1 / times.length
    return shares
  }
  const [left, right] = [sharesOf(plain), sharesOf(cached)]
  const longest = Math.max(...left, ...right)
  const barOf = (share: number, isMedian: boolean) => {
    const percent = share === 0 ? '' : ` ${share < 0.01 ? '<1' : Math.round(share * 100)}%`
    return `${'█'.repeat(Math.ceil((share / longest) * barWidth))}${percent}${isMedian ? ' median' : ''}`.padEnd(
      columnWidth,
    )
  }
  const edge = (bucket: number) => (10 ** (bucket / bucketsPerDecade)).toPrecision(2)
  print(styled('dim', `  ${'ms'.padStart(13)}   ${'from Postgres'.padEnd(columnWidth)}from Redis`))
  for (let bucket = first; bucket <= last; bucket++) {
    const label = bucket === last ? `${edge(bucket)} and more` : `${edge(bucket)} – ${edge(bucket + 1)}`
    const n = bucket - first
    print(
      `  ${label.padStart(13)}   ` +
        styled('yellow', barOf(left[n] as number, bucket === bucketOf(median(plain)))) +
        styled('green', barOf(right[n] as number, bucket === bucketOf(median(cached)))).trimEnd(),
    )
  }
  gap()
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] as number
}

const ms = (time: number): string => `${time.toFixed(2)} ms`
const ratio = (plain: readonly number[], cached: readonly number[]): string =>
  `${(median(plain) / median(cached)).toFixed(1)} ×`
