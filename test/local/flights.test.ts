import { describe, expect, it, vi } from 'vitest'
import { Flights } from '../../src/local/flights.js'

const KEY = 'User:1'
const TIMEOUT = { kind: 'timeout' }
const loaded = (shared: string) => ({ kind: 'loaded', shared })

describe('a load may be shared', () => {
  it('by a reader who came before it began', () => {
    const flights = new Flights<string>()
    const came = flights.now()
    expect(flights.begin(KEY).mayJoin(came)).toBe(true)
  })

  it('by a reader who came while it was under way, as long as the database was not asked', () => {
    const flights = new Flights<string>()
    const flight = flights.begin(KEY)
    const came = flights.now()
    expect(flight.mayJoin(came)).toBe(true)
    flight.close()
    expect(flight.mayJoin(came)).toBe(true)
  })

  it('by nobody who came after the database was asked: they may have written, or seen a write', () => {
    const flights = new Flights<string>()
    const flight = flights.begin(KEY)
    const before = flights.now()
    flight.close()
    const after = flights.now()
    expect([flight.mayJoin(before), flight.mayJoin(after)]).toEqual([true, false])
    expect(flight.mayJoin(flights.now())).toBe(false)
  })

  it('in the order in which things happened, also when the clock of the computer stands still', () => {
    const flights = new Flights<string>()
    const moments = Array.from({ length: 1000 }, () => flights.now())
    expect(new Set(moments).size).toBe(1000)
    expect(moments.toSorted((a, b) => a - b)).toEqual(moments)
  })
})

describe('a load', () => {
  it('is found under its key from its beginning to its end', () => {
    const flights = new Flights<string>()
    expect(flights.inProgress(KEY)).toBeUndefined()
    const flight = flights.begin(KEY)
    expect(flights.inProgress(KEY)).toBe(flight)
    expect(flights.inProgress('User:2')).toBeUndefined()
    flight.close()
    expect(flights.inProgress(KEY)).toBe(flight)
    flight.end('row')
    expect(flights.inProgress(KEY)).toBeUndefined()
  })

  it('answers all who share it, also who asks after its end', async () => {
    const flights = new Flights<string>()
    const flight = flights.begin(KEY)
    const waiting = Promise.all([flight.wait(), flight.wait()])
    flight.end('row')
    expect(await waiting).toEqual([loaded('row'), loaded('row')])
    expect(await flight.wait()).toEqual(loaded('row'))
  })

  it('that failed answers nothing, and rejects nobody', async () => {
    const flight = new Flights<string>().begin(KEY)
    flight.end(undefined)
    expect(await flight.wait()).toEqual({ kind: 'failed' })
  })

  it('is gone before those who waited go on: the next of them begins the single next load', async () => {
    const flights = new Flights<string>()
    const first = flights.begin(KEY)
    first.close()
    const began: string[] = []
    const late = async (name: string) => {
      await first.wait()
      const current = flights.inProgress(KEY)
      if (current !== undefined) return current.wait()
      began.push(name)
      const next = flights.begin(KEY)
      await Promise.resolve()
      next.close()
      next.end(`row of ${name}`)
      return next.wait()
    }
    const answers = Promise.all([late('a'), late('b'), late('c')])
    first.end('old row')
    expect(await answers).toEqual(Array(3).fill(loaded('row of a')))
    expect(began).toEqual(['a'])
  })
})

describe('a load that does not end', () => {
  it('is not waited for longer than five seconds', async () => {
    vi.useFakeTimers()
    try {
      const flight = new Flights<string>().begin(KEY)
      flight.close()
      const waiting = flight.wait()
      await vi.advanceTimersByTimeAsync(4_999)
      expect(vi.getTimerCount()).toBe(1)
      await vi.advanceTimersByTimeAsync(1)
      expect(await waiting).toEqual(TIMEOUT)
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('loses its place to one successor, which it does not take away when it ends after all', async () => {
    const flights = new Flights<string>(1)
    const hanging = flights.begin(KEY)
    expect(await Promise.all([hanging.wait(), hanging.wait()])).toEqual([TIMEOUT, TIMEOUT])
    expect(flights.inProgress(KEY)).toBeUndefined()
    const successor = flights.begin(KEY)
    expect(await hanging.wait()).toEqual(TIMEOUT)
    hanging.end('late')
    expect(flights.inProgress(KEY)).toBe(successor)
    successor.end('row')
    expect(flights.inProgress(KEY)).toBeUndefined()
  })

  it('is waited for as long as it takes, where there is no bound', async () => {
    vi.useFakeTimers()
    try {
      const flight = new Flights<string>(Number.POSITIVE_INFINITY).begin(KEY)
      const waiting = flight.wait()
      await vi.advanceTimersByTimeAsync(3_600_000)
      flight.end('value')
      expect(await waiting).toEqual(loaded('value'))
    } finally {
      vi.useRealTimers()
    }
  })

  it('may still answer before its successor', async () => {
    const flights = new Flights<string>(1)
    const slow = flights.begin(KEY)
    await slow.wait()
    const waiting = flights.begin(KEY).wait(60_000, slow.found)
    slow.end('row')
    expect(await waiting).toEqual(loaded('row'))
  })
})
