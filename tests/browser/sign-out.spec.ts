import { readdirSync } from 'node:fs';
import { expect } from '@playwright/test';
import { begin, nothingForAxe, press, reach, takeCall, test } from './engine';

test('who signs out is asked once more, and leaves nothing behind', async ({ page, engine, program }) => {
  await begin(page, engine);
  await takeCall(page);
  await page.keyboard.press('Alt+5');
  await press(page, page.getByRole('button', { name: 'Sign out…' }));
  await expect(page.getByRole('button', { name: 'Stay' })).toBeFocused();
  await expect(page.getByRole('button', { name: 'Destroy everything and sign out' })).toBeDisabled();
  await nothingForAxe(page);
  await page.keyboard.press('F10');
  const leave = page.getByRole('button', { name: 'Destroy everything and sign out' });
  await expect(leave).toBeEnabled();
  await press(page, page.getByRole('button', { name: 'Stay' }));
  await expect(page.getByRole('button', { name: 'Sign out…' })).toBeFocused();
  expect(readdirSync(program.data)).toContain('cuffia.db');

  await page.keyboard.press('Enter');
  await reach(page, leave);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'You are signed out' })).toBeFocused();
  await nothingForAxe(page);
  expect(readdirSync(program.data)).toEqual(['in-use.lock']);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'You are signed out' })).toBeVisible();

  await program.end('SIGTERM');
  await page.goto(await program.start());
  await expect(page.getByRole('heading', { name: 'How should it look?' })).toBeVisible();
});
