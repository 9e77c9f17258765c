import { expect } from '@playwright/test';
import { begin, takeCall, test } from './engine';

test.beforeEach(async ({ page, engine }) => {
  await begin(page, engine);
  await takeCall(page);
});

test('what was typed in a call is there again after the page is loaded anew', async ({ page }) => {
  await page.getByLabel('Note').fill('Invoice 40827, off by twelve pounds');
  await page.getByRole('radio', { name: /Complaint/ }).press('Space');
  await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveValue('Invoice 40827, off by twelve pounds');
  await expect(page.getByRole('radio', { name: /Complaint/ })).toBeChecked();
});

test('a request registered in a call stays registered after the page is loaded anew', async ({ page }) => {
  await page.getByLabel('Note').fill('Invoice 40827');
  await page.getByRole('radio', { name: /Complaint/ }).press('Space');
  await page.getByRole('combobox', { name: 'Topic' }).fill('amount');
  await page.getByRole('combobox', { name: 'Topic' }).press('Enter');
  await page.getByLabel('Note').press('Control+Enter');
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await expect(page.getByText('Invoice 40827')).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveCount(0);
  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
});
