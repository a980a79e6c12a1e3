/** What the numbers are meant to be, and whether they are. */
import { BENTO, FLOOR, HOOK, OURS, PLAIN, RIVAL, BENTO_MEMORY, NEAR } from './contenders.js'
import { IN_FLIGHT } from './measure.js'
import {
  AT_LIMIT,
  CLUSTER_FRONT,
  CLUSTER_GET,
  CLUSTER_HOOK,
  type Bytes,
  type Goal,
  type Hits,
  type Limit,
  of,
  type Parts,
  ROOMY,
  type StillWarm,
  sum,
} from './page.js'

const BY_KEY = '5 columns, by key'
const BY_UNIQUE = '5 columns, by unique'
const WIDE = '14 columns, by key'
const TO_ONE = 'with the row that it points to'
const TO_MANY = 'with 50 related rows'

export function goalsOf({ reads, misses, writes, bytes, stillWarm, limit, cluster, near }: Parts): Goal[] {
  const most = (measure: string, value: number, bound: number): Goal => ({
    texts: [measure, `≤ ${bound}×`, `${value.toFixed(2)}×`],
    met: value <= bound,
  })
  const least = (measure: string, value: number, bound: number): Goal => ({
    texts: [measure, `≥ ${bound}×`, `${value.toFixed(2)}×`],
    met: value >= bound,
  })
  const goals: Goal[] = []
  if (reads !== undefined) {
    const at = (work: string) => (reads.measured.find(each => each.work === work) as Hits).measured
    const rate = (who: string, work = BY_KEY) => of(at(work), who).rate
    const p50 = (who: string, work = BY_KEY) => of(at(work), who).p50
    const hits = `hits/s at ${IN_FLIGHT} in flight`
    goals.push(
      least(`${hits} against a bare \`GET\` per row, by key`, rate(OURS) / rate(FLOOR), 1.8),
      least('… by unique', rate(OURS, BY_UNIQUE) / rate(FLOOR, BY_UNIQUE), 1.3),
      least('… 14 columns', rate(OURS, WIDE) / rate(FLOOR, WIDE), 1.3),
      least(
        '… with the row that it points to, against one `GET` of both',
        rate(OURS, TO_ONE) / rate(FLOOR, TO_ONE),
        0.9,
      ),
      least(`${hits} against ${RIVAL}, by key`, rate(OURS) / rate(RIVAL), 6.5),
      least(`${hits} against ${BENTO}, by key`, rate(OURS) / rate(BENTO), 1.6),
      most('serial hit, p50, against bare `GET` + decode', p50(OURS) / p50(FLOOR), 1.3),
      least('serial hit, times faster than plain `findUnique`', p50(PLAIN) / p50(OURS), 4),
      least('50 related rows, times faster than plain Prisma, serial', p50(PLAIN, TO_MANY) / p50(OURS, TO_MANY), 6),
      least('50 related rows, against plain Prisma, throughput', rate(OURS, TO_MANY) / rate(PLAIN, TO_MANY), 7),
    )
  }
  if (misses !== undefined) {
    const p50 = (who: string) => of(misses.measured, who).p50
    goals.push(
      most('miss, p50, with the front against without it', p50(OURS) / p50(HOOK), 1.02),
      most('miss, p50, against plain Prisma', p50(OURS) / p50(PLAIN), 1.6),
    )
  }
  if (writes !== undefined) {
    const updates = writes.measured.filter(each => each.name === OURS)
    const sizes = updates.map(each => each.size.toLocaleString('en')).join(', ')
    const worst = Math.max(...updates.map(each => each.ratio))
    goals.push(most(`write, p50, against plain Prisma, the worst of ${sizes} entries`, worst, 1.25))
  }
  if (bytes !== undefined) {
    const share = (work: string) => {
      const own = bytes.measured.find(each => each.name === OURS && each.work.startsWith(work)) as Bytes
      return sum(own.bytes) / own.json
    }
    goals.push(
      most('bytes in Redis of a 14-column row, against JSON', share('14 columns'), 0.6),
      most('bytes in Redis of a row with 50 related rows, against JSON', share('with 50'), 0.4),
    )
  }
  if (stillWarm !== undefined) {
    const { warm, of: others } = stillWarm.measured.find(each => each.name === OURS) as StillWarm
    goals.push({
      texts: ['other rows still warm after one update', 'all', `${warm} of ${others}`],
      met: warm === others,
    })
  }
  if (limit !== undefined) {
    const at = (who: string) => limit.measured.find(each => each.name === who) as Limit
    goals.push(
      least(
        'hits of a hundred reads, database at its limit, against a roomy pool',
        at(AT_LIMIT).hitRatio / at(ROOMY).hitRatio,
        0.95,
      ),
      least('reads/s, database at its limit, against a roomy pool', at(AT_LIMIT).rate / at(ROOMY).rate, 0.95),
    )
  }
  const kept = near?.measured.hits[0]
  if (kept !== undefined && near !== undefined) {
    const at = (who: string) => of(kept.measured, who)
    const { rate, p50 } = at(NEAR)
    const { late, writes: others } = near.measured.seen
    goals.push(
      {
        texts: [`near hits/s at ${IN_FLIGHT} in flight, by key`, '≥ 400,000', Math.round(rate).toLocaleString('en')],
        met: rate >= 400_000,
      },
      { texts: ['near hit, serial, p50', '≤ 3 µs', `${p50.toFixed(1)} µs`], met: p50 <= 3 },
      least('near hits/s against bentocache, memory alone', rate / at(BENTO_MEMORY).rate, 2.5),
      least('near hit, serial, p50, against bentocache, memory alone', at(BENTO_MEMORY).p50 / p50, 2.5),
      {
        texts: ['writes of another process that are seen within `maxStaleMs`', 'all', `${others - late} of ${others}`],
        met: late === 0,
      },
    )
  }
  const three = cluster?.measured.find(({ masters }) => masters === 3)
  if (three !== undefined) {
    const rate = (who: string) => three.hits.find(({ name }) => name === who)?.rate ?? Number.NaN
    const commands = three.load.map(({ nodes }) => nodes.map(each => each.commands))
    goals.push(
      least(
        'hits/s on three masters against a bare `cluster.get` per row, `front: false`',
        rate(CLUSTER_HOOK) / rate(CLUSTER_GET),
        0.9,
      ),
      least('… with the front', rate(CLUSTER_FRONT) / rate(CLUSTER_GET), 2),
      most(
        'commands of the node that gets most, against the one that gets least, the worst case',
        Math.max(...commands.map(each => Math.max(...each) / Math.min(...each))),
        1.2,
      ),
    )
  }
  return goals
}
