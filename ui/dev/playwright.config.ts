import { defineConfig } from '@playwright/test';

// Pictures of every state, and axe on each: `npx playwright test -c ui/dev`. Builds nothing: `npm run build` first.
export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/screens',
  timeout: 60_000,
  workers: 1,
  reporter: 'line',
  use: {
    baseURL: 'http://127.0.0.1:4173',
    viewport: { width: 1180, height: 780 },
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Rome',
    locale: 'en-GB',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
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
  webServer: {
    command: 'node serve.mjs',
    url: 'http://127.0.0.1:4173',
    reuseExistingServer: false,
  },
});
