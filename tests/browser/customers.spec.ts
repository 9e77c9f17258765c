import { expect, type Page } from '@playwright/test';
import { begin, test } from './engine';

/** Where the columns of each row begin. */
async function columns(page: Page): Promise<string[]> {
  return page
    .locator('.customers li a')
    .evaluateAll((rows) => [
      ...new Set(rows.map((row) => [...row.children].map((cell) => cell.getBoundingClientRect().x).join(' '))),
    ]);
}

test('the columns of the customers stay where they are, whoever is found', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  await page.getByRole('link', { name: 'Customers', exact: true }).press('Enter');
  await expect(page.getByText('The first 100 customers')).toBeVisible();
  const all = await columns(page);
  expect(all).toHaveLength(1);
  await page.getByLabel('Search customers').fill('hale joinery');
  await expect(page.getByText('1 customer')).toBeVisible();
  expect(await columns(page)).toEqual(all);
});
