import { defineConfig } from 'vitest/config';

/** `npm test` runs everything but `*.long.test.ts`; `npm run test:long` runs those. */
const long = process.env.ASYMMU_LONG === '1';

export default defineConfig({
  test: {
    include: [long ? 'test/**/*.long.test.ts' : 'test/**/*.test.ts'],
    exclude: long ? [] : ['test/**/*.long.test.ts'],
    globalSetup: 'test/temporary-folder.ts',
    pool: 'forks',
    isolate: false, // no test file leaves anything behind: modules are loaded once a worker, not once a file
    maxWorkers: '100%', // one core less by default: half of two
    testTimeout: long ? 1_800_000 : 60_000,
    hookTimeout: 60_000,
  },
});
