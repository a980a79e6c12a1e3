import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Two cores run servers and tests: files in threads of one process start faster than in processes.
    pool: 'threads',
    maxWorkers: 2,
    typecheck: { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: './tsconfig.json' },
  },
})
