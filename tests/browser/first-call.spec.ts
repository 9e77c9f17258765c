import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import { begin, test } from './engine';

async function nothingForAxe(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`)).toEqual([]);
}

test('from the first start to the registered request, by keyboard alone', async ({ page, engine }) => {
  await begin(page, engine);
  await page.getByRole('button', { name: /Let them call/ }).press('Enter');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('Margaret Hale').first()).toBeVisible();
  await expect(page.getByText('Hale Joinery Ltd').first()).toBeVisible();
  // The whole card, while it rings.
  const card = page.getByRole('region', { name: 'Customer', exact: true });
  for (const known of [/Product\s*Registro/, /Open promises\s*Send the guide/, /Last requests\s*\d+ \w+\s*\w+ · \w+/])
    await expect(card).toHaveText(known, { useInnerText: true });
  await nothingForAxe(page);
  await page.screenshot({ path: 'test-results/ringing.png' });
  await page.keyboard.press('F9');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await page.getByLabel('Note').fill('It is invoice number 40827');
  await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  await nothingForAxe(page);
  await page.screenshot({ path: 'test-results/in-call.png' });
  await page.getByRole('combobox', { name: 'Topic' }).fill('amount');
  await page.getByRole('combobox', { name: 'Topic' }).press('Enter');
  await page.getByRole('radio', { name: /Complaint/ }).press('Space');
  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  await page.screenshot({ path: 'test-results/wrap-up.png' });
  await nothingForAxe(page);
  await page.getByLabel('Note').press('Control+Enter');
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await expect(page.getByText('You hung up on the customer')).toBeVisible();
  await page.getByRole('button', { name: 'Ready', exact: true }).press('Enter');
  await expect(page.getByText('Recent calls')).toBeVisible();
  await expect(page.getByText('Margaret Hale').first()).toBeVisible();
  await expect(page.getByText('Amount does not match').first()).toBeVisible();
  await page.screenshot({ path: 'test-results/list.png' });
  await nothingForAxe(page);
});

test('axe finds nothing in any room, in either theme', async ({ page, engine }) => {
  await begin(page, engine);
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const room of ['Calls', 'Customers', 'Practice', 'Settings']) {
      await page
        .getByRole('link', { name: room, exact: true })
        .or(page.getByRole('button', { name: room, exact: true }))
        .first()
        .press('Enter');
      await nothingForAxe(page);
      await page.screenshot({ path: `test-results/${room}-${scheme}.png` });
    }
  }
});
