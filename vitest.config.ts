import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    // Two cores run servers and tests. In processes, although threads start faster: a thread that Node can't clean up (its event
    // loop still waits for a request that never ends) would keep the whole run from ending.
    pool: 'forks',
    maxWorkers: 2,
    typecheck: { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: './tsconfig.json' },
  },
})
