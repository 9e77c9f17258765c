import { expect } from '@playwright/test';
import { begin, test } from './engine';

test('an empty password means the saved one only for the account it was saved with', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  await page.getByRole('link', { name: 'Settings', exact: true }).press('Enter');
  const saved = page.getByText('Saved. Leave empty to keep it.');
  await expect(saved).toHaveCount(0);
  await page.getByLabel('Address').fill('wss://pbx.invalid/ws');
  await page.getByLabel('Extension').fill('204');
  await page.getByLabel('Password').fill('secret');
  await page.getByLabel('Password').press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'There is no server with this address.' })).toBeVisible();
  await expect(saved).toHaveCount(0);
  await page.getByLabel('Password').fill('');
  await expect(saved).toBeVisible();
  await page.getByLabel('Address').fill('wss://other.invalid/ws');
  await expect(saved).toHaveCount(0);
  await page.getByLabel('Address').press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'Fill this in.' })).toBeVisible();
});

test('on a real line the samples are marked, and go when they are not wanted', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  await page.getByRole('link', { name: 'Customers', exact: true }).press('Enter');
  await expect(page.getByText('Type to find others')).toBeVisible();
  await expect(page.getByText('Sample', { exact: true })).toHaveCount(0);

  await page.getByRole('link', { name: 'Settings', exact: true }).press('Enter');
  await page.getByLabel('Address').fill('wss://pbx.invalid/ws');
  await page.getByLabel('Extension').fill('204');
  await page.getByLabel('Password').fill('secret');
  await page.getByLabel('Password').press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'There is no server with this address.' })).toBeVisible();

  await page.getByRole('link', { name: 'Customers', exact: true }).press('Enter');
  await page.getByLabel('Search customers').fill('hale joinery');
  await page.getByRole('link', { name: /Margaret Hale.*Sample/s }).press('Enter');
  await expect(page.getByText('A sample customer: the requests without a call are invented.')).toBeVisible();

  await page.getByRole('link', { name: 'Settings', exact: true }).press('Enter');
  await page.getByRole('button', { name: 'Remove the samples' }).press('Enter');
  await expect(page.getByText(/^Remove 198 invented customers and the sample articles\?/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Keep them' })).toBeFocused();
  await page.getByRole('button', { name: 'Remove', exact: true }).press('Enter');
  await expect(page.locator('main').getByText('The samples are removed.')).toBeVisible();
  await page.getByRole('link', { name: 'Customers', exact: true }).press('Enter');
  await expect(page.getByText('2 customers')).toBeVisible();
});
