/** Takes turns: each contender is measured for a moment in each round, so that whatever the machine does meets all of them. */

export interface Run {
  readonly name: string
  readonly run: (i: number) => PromiseLike<unknown>
  /** Looks at each of its turns: called when it begins, and what it answers when it ends. */
  readonly turn?: () => () => void
}

export interface Measured {
  readonly name: string
  /** Median over all single calls, in µs, and the quartiles of the medians of the rounds. */
  readonly p50: number
  readonly spread: readonly [number, number]
  readonly p99: number
  /** Calls per second at `IN_FLIGHT`, the median of the rounds, and their quartiles. */
  readonly rate: number
  readonly rateSpread: readonly [number, number]
  /** CPU time of this process per call at `IN_FLIGHT`, in µs. */
  readonly cpu: number
}

export interface Plan {
  readonly rounds: number
  /** How long each contender runs in a round, in ms. */
  readonly serialMs: number
  readonly parallelMs: number
}

export const IN_FLIGHT = 64

export async function compare(runs: readonly Run[], { rounds, serialMs, parallelMs }: Plan): Promise<Measured[]> {
  const all = runs.map(() => ({
    times: [] as number[],
    medians: [] as number[],
    rates: [] as number[],
    cpu: [] as number[],
  }))
  for (const { run } of runs) await serial(run, serialMs, 0) // warm
  for (let round = 0; round < rounds; round++) {
    // Who comes first changes: what one leaves behind (garbage) meets another.
    for (let n = 0; n < runs.length; n++) {
      const at = (n + round) % runs.length
      const { run, turn } = runs[at] as Run
      const over = turn?.()
      const { times, medians, rates, cpu } = all[at] as (typeof all)[number]
      const some = await serial(run, serialMs, times.length)
      times.push(...some)
      medians.push(quantile(some, 0.5))
      if (parallelMs > 0) {
        const { perSecond, cpuMicros } = await parallel(run, parallelMs)
        rates.push(perSecond)
        cpu.push(cpuMicros)
      }
      over?.()
    }
  }
  return runs.map(({ name }, i) => {
    const { times, medians, rates, cpu } = all[i] as (typeof all)[number]
    return {
      name,
      p50: quantile(times, 0.5),
      spread: [quantile(medians, 0.25), quantile(medians, 0.75)],
      p99: quantile(times, 0.99),
      rate: quantile(rates, 0.5),
      rateSpread: [quantile(rates, 0.25), quantile(rates, 0.75)],
      cpu: quantile(cpu, 0.5),
    }
  })
}

/** A run may answer how long it took itself, in ms, where only part of it counts. */
export async function serial(run: Run['run'], ms: number, from: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  for (let i = from; times.length < 20 || performance.now() < end; i++) {
    const began = performance.now()
    const own = await run(i)
    times.push((typeof own === 'number' ? own : performance.now() - began) * 1000)
  }
  return times
}

export async function parallel(run: Run['run'], ms: number): Promise<{ perSecond: number; cpuMicros: number }> {
  let next = 0
  const cpu = process.cpuUsage()
  const began = performance.now()
  const worker = async () => {
    while (performance.now() - began < ms) await run(next++)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (next / (performance.now() - began)) * 1000, cpuMicros: (user + system) / next }
}

export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] as number
}
