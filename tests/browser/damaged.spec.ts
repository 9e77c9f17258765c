import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { begin, nothingForAxe, press, reach, takeCall, test } from './engine';

test('a database that is damaged in a call is mended, what is typed meanwhile is kept, and that is said', async ({
  page,
  engine,
  program,
}) => {
  await begin(page, engine);
  await takeCall(page);
  // All but how each file begins.
  for (const [name, from] of [
    ['cuffia.db', 4096],
    ['cuffia.db-wal', 32],
  ] as const) {
    const file = join(program.data, name);
    writeFileSync(file, readFileSync(file).fill(7, from));
  }
  await reach(page, page.getByLabel('Note'));
  await page.keyboard.type('It is invoice number 40827');
  const mended = page.getByRole('status').filter({ hasText: 'has been made anew. All that you wrote is kept.' });
  await expect(mended).toBeVisible();
  await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  // At once: by itself a notice goes only after a while.
  expect(await page.getByText('It is being mended').count()).toBe(0);
  expect(existsSync(join(program.data, 'cuffia.damaged.db'))).toBe(true);
  await nothingForAxe(page);

  await page.reload();
  await expect(page.getByLabel('Note')).toHaveValue('It is invoice number 40827');
  await press(page, mended.getByRole('button'));
  await expect(mended).toHaveCount(0);
});
