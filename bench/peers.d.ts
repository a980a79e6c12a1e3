// What the bench uses of the packages that it compares with. They are installed in bench/ when it runs, not with the rest.

declare module 'prisma-extension-redis' {
  export function PrismaExtensionRedis(options: {
    config: {
      ttl: number
      stale: number
      type: 'STRING' | 'JSON'
      cacheKey?: { prefix?: string }
      transformer?: { serialize(value: unknown): string; deserialize(text: string): unknown }
      auto: { ttl: number; stale: number; invalidateOnWrite: boolean }
    }
    client: unknown
  }): (client: unknown) => unknown
}

declare module 'bentocache' {
  interface Store {
    useL1Layer(driver: unknown): Store
    useL2Layer(driver: unknown): Store
  }
  export function bentostore(): Store
  export class BentoCache {
    constructor(options: { default: string; prefix: string; serializer: unknown; stores: Record<string, Store> })
    getOrSet(options: { key: string; ttl: string; factory: () => unknown }): Promise<unknown>
    disconnectAll(): Promise<void>
  }
}

declare module 'bentocache/drivers/memory' {
  export function memoryDriver(options: { maxItems: number; serialize?: boolean }): unknown
}

declare module 'bentocache/drivers/redis' {
  export function redisDriver(options: { connection: unknown }): unknown
}
