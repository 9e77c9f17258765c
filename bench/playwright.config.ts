import { defineConfig } from '@playwright/test';

/** Figures, not tests: Playwright is the runner. One client at a time, for they share the machine. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.bench.ts',
  outputDir: 'out/run',
  timeout: 1_800_000,
  workers: 1,
  reporter: [['line']],
});
