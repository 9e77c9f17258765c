import { expect } from '@playwright/test';
import { begin, takeCall, test } from './engine';

test('whoever called and is not known becomes a customer, and what was typed outlives the call', async ({
  page,
  engine,
}) => {
  await begin(page, engine);
  await takeCall(page);
  // The sample knows her; this caller shall be somebody new.
  await page.getByLabel('Note').fill('Wants an offer for two users');
  await page.getByRole('button', { name: 'Another customer' }).press('Enter');
  await page.getByRole('combobox', { name: 'Find the customer' }).fill('Vera Nuova');
  await page.getByRole('button', { name: 'New customer' }).press('Enter');
  const name = page.getByLabel('Name', { exact: true });
  await expect(name).toBeFocused();
  await expect(name).toHaveValue('Vera Nuova');
  await name.fill('');
  await page.getByLabel('Company').fill('Nuova & Figli');
  await page.getByLabel('Company').press('Enter');
  await expect(page.getByText('Type a name: without one the customer cannot be found again.')).toBeVisible();
  await expect(name).toBeFocused();
  await name.fill('Vera Nuova');

  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  await expect(name).toHaveValue('Vera Nuova');
  await expect(page.getByLabel('Company')).toHaveValue('Nuova & Figli');
  await name.press('Enter');
  await expect(page.getByRole('heading', { name: 'Vera Nuova' })).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveValue('Wants an offer for two users');
  await page.getByRole('button', { name: 'Ready', exact: true }).press('Enter');

  await page.getByRole('link', { name: /Vera Nuova/ }).click();
  await page.getByRole('link', { name: 'Vera Nuova' }).click();
  await expect(page.getByRole('heading', { name: 'Nuova & Figli' })).toBeVisible();
  await expect(page.getByRole('button', { name: /Call Vera Nuova, \+441134960147/ })).toBeVisible();
});
