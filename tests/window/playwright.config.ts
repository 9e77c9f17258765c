import { defineConfig } from '@playwright/test';

/** The window itself under Xvfb; Playwright is only the runner here, the driver is WebKit's own. */
export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/window',
  timeout: 150_000,
  expect: { timeout: 20_000 },
  workers: 1,
  reporter: [['line']],
});
