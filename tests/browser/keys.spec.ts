import { expect } from '@playwright/test';
import { begin, test } from './engine';

test('what is typed right after Ctrl+K is in the dial field, from its first letter', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  // Without a moment in between, as quick fingers do: the focus must be there when the key handler returns.
  const focused = await page.evaluate(() => {
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true }));
    return document.activeElement?.id;
  });
  expect(focused).toBe('dial');
  await page.keyboard.type('margaret');
  await expect(page.getByRole('combobox', { name: 'Call a name or a number' })).toHaveValue('margaret');
});
