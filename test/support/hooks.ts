/** What all tests of a file (or of a `describe`) share: made before them, ended after them, in reverse order. */
import { afterAll, beforeAll } from 'vitest'
import { type ClusterOptions, startCluster } from './cluster.js'
import { startProxy } from './proxy.js'
import { startRedis } from './servers.js'

/**
 * Stands for an object that exists only while tests run: each property is read from it at the moment of its use.
 *
 * @example const server = useShared(() => startRedis(), server => server.stop())
 */
export function useShared<T extends object>(make: () => Promise<T>, end: (made: T) => unknown): T {
  let made: T | undefined
  beforeAll(async () => {
    made = await make()
  })
  afterAll(async () => {
    if (made !== undefined) await end(made)
  })
  return new Proxy({} as T, {
    get(_, name) {
      if (made === undefined) throw new Error(`${String(name)} is there while tests run, not while they are collected`)
      const value: unknown = Reflect.get(made, name)
      return typeof value === 'function' ? (value.bind(made) as unknown) : value
    },
  })
}

/** A Redis process of the file's own, to be killed, stopped and filled. */
export const useRedis = (...options: Parameters<typeof startRedis>) =>
  useShared(
    () => startRedis(...options),
    server => server.stop(),
  )

/** A Redis Cluster of the file's own. */
export const useCluster = (options?: ClusterOptions) =>
  useShared(
    () => startCluster(options),
    cluster => cluster.stop(),
  )

/** A faulty TCP proxy before a server, whose address is known when tests run. */
export const useProxy = (url: () => string) =>
  useShared(
    () => startProxy(url()),
    proxy => proxy.stop(),
  )
