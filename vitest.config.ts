import { defineConfig } from 'vitest/config';

// Tests start real servers and real child processes: generous limits, and no more files at once than there are cores.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    globalSetup: './test/global-setup.ts',
    reporters: ['default', './test/closing-line.ts'],
  },
});
