import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, type Page, test as base } from '@playwright/test';

/** A real engine with a data folder of its own, without a sound card; gone when the test is. */
export const test = base.extend<{ engine: string; language: 'en_GB' | 'it_IT' }>({
  language: ['en_GB', { option: true }],
  engine: async ({ language }, use) => {
    const data = mkdtempSync(join(tmpdir(), 'cuffia-'));
    const root = join(import.meta.dirname, '../..');
    const engine = spawn(
      join(root, 'target/debug/cuffia'),
      ['run', '--bridge', '--no-sound-card', '--page', join(root, 'ui/dist')],
      { env: { ...process.env, CUFFIA_DATA_DIR: data, HOME: data, LANG: `${language}.UTF-8` } },
    );
    await use(await address(engine));
    const ended = new Promise((resolve) => engine.once('exit', resolve));
    engine.kill();
    await ended;
    rmSync(data, { recursive: true, force: true });
  },
});

function address(engine: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    engine.once('exit', () => reject(new Error('the engine did not start')));
    createInterface({ input: engine.stdout! }).on('line', (line) => {
      if (line.startsWith('open ')) resolve(line.slice(5));
    });
  });
}

/** The first-start pages, up to the practice room. */
export async function begin(page: Page, address: string) {
  await page.goto(address);
  await page.getByRole('button', { name: 'Next' }).press('Enter');
  await page.getByRole('button', { name: 'Next' }).press('Enter');
  await page.getByRole('button', { name: /Practise now/ }).press('Enter');
}

/** From the practice room into the call. */
export async function takeCall(page: Page) {
  await page.getByRole('button', { name: /Let them call/ }).press('Enter');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible({ timeout: 60_000 });
  await page.keyboard.press('F9');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
}
