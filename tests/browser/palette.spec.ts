import { expect } from '@playwright/test';
import { begin, letThemCall, nothingForAxe, test } from './engine';

test('one field finds customers, articles, commands and settings, however fast one types', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  const field = page.getByRole('combobox', { name: 'Find anything' });
  const find = async (text: string) => {
    await page.keyboard.press('Control+P');
    await expect(field).toBeFocused();
    await expect(field).toHaveValue('');
    await page.keyboard.type(text);
  };

  // Typed and taken at once: what is taken is what was typed, whatever was in the list.
  await find('hale joinery');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Margaret Hale' })).toBeVisible();

  await find('0113 4960');
  await expect(page.getByRole('option', { name: /Hale Joinery/ })).toHaveAttribute('aria-selected', 'true');
  await nothingForAxe(page);
  await page.keyboard.press('Escape');
  await expect(field).toBeHidden();

  await find('iban');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: /Charged twice/ })).toBeVisible();
  await expect(page.locator('article mark')).toHaveText('IBAN');

  await find('sign out');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Signing out of this computer' })).toBeFocused();
  await expect(page.getByRole('button', { name: 'Sign out…' })).toBeInViewport();

  // What can be done now: a break, and back.
  await find('break');
  await expect(page.getByRole('option', { name: /Break, and back/ })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(page.getByText('On a break')).toBeVisible();
  await find('zzz');
  await expect(page.getByText('Nothing is called so.')).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(field).toBeFocused();
});

test('a call that comes is answered from the field too, and is not ended by looking for somebody', async ({
  page,
  engine,
}) => {
  await begin(page, engine);
  await letThemCall(page);
  await page.keyboard.press('Control+P');
  await page.keyboard.type('answ');
  await expect(page.getByRole('option', { name: /Answer/ })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();

  const selected = page.getByRole('dialog').getByRole('option', { selected: true });
  await page.keyboard.press('Control+P');
  await expect(page.getByRole('option', { name: /Go to the request form/ })).toBeVisible();
  await expect(page.getByRole('option', { name: /^Hang up/ })).toHaveCount(0);
  await page.keyboard.type('ha');
  await expect(page.getByRole('option', { name: /^Hang up/ })).toHaveCount(1);
  await expect(selected).not.toHaveText(/Hang up/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+P');
  await expect(page.getByRole('dialog').getByRole('option').first()).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.type('hang up');
  await expect(selected).toHaveText(/Hang up/);
  await page.keyboard.press('Enter');
  await expect(page.getByText('After the call')).toBeVisible();
});
