import { expect } from '@playwright/test';
import { asked, begin, letThemCall, reach, test } from './engine';

test('Enter answers while an empty field has the focus, and is the field’s own while it holds text', async ({
  page,
  engine,
}) => {
  const commands = asked(page);
  await begin(page, engine);
  await letThemCall(page);
  await page.keyboard.press('Alt+2');
  const field = page.getByLabel('Search customers');
  await reach(page, field);
  await page.keyboard.type('hale');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await expect(field).toBeFocused();
  await expect(field).toHaveValue('');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  expect(commands.filter((c) => c.command === 'answer')).toHaveLength(1);
});
