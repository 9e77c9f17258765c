import { defineConfig } from '@playwright/test';

/** The window's page in Chromium, on the real engine over the bridge. */
export default defineConfig({
  testDir: '.',
  testIgnore: 'line/**',
  outputDir: '../../test-results',
  timeout: 150_000,
  expect: { timeout: 20_000 },
  workers: 1,
  reporter: [['line']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1180, height: 780 },
    locale: 'en-GB',
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: {
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--font-render-hinting=none',
      ],
    },
  },
});
