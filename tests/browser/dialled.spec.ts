import { expect } from '@playwright/test';
import { begin, press, takeCall, test, type } from './engine';

test('a practice customer is called by number, and why a call does not come about is said', async ({
  page,
  engine,
}) => {
  await begin(page, engine);
  await takeCall(page);
  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  await press(page, page.getByRole('button', { name: 'Ready', exact: true }));

  const dial = page.getByRole('combobox', { name: 'Call a name or a number' });
  await type(page, dial, '999');
  await page.keyboard.press('Enter');
  const notice = page.getByRole('alert').filter({ hasText: 'There is no number 999. Check it for a slip.' });
  await expect(notice).toBeVisible();
  await expect(page.getByRole('link', { name: /999.*No such number/s })).toBeVisible();

  // A slip is corrected, not typed anew.
  await expect(dial).toHaveValue('999');
  await expect(dial).toBeFocused();
  await expect(notice.getByRole('button', { name: 'Call again' })).toBeVisible();
  await dial.press('End');
  await dial.press('8');
  await expect(dial).toHaveValue('9998');

  await page.keyboard.press('Control+A');
  await page.keyboard.type('margaret');
  await expect(page.getByRole('option', { name: /Margaret Hale.*practice customer.*101/s })).toBeVisible();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('101');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Margaret Hale' })).toBeVisible();
  await expect(page.getByText('Hale Joinery Ltd')).toBeVisible();
  await expect(notice).toHaveCount(0);
  await expect(page.getByText('On the phone')).toBeVisible();
  await page.screenshot({ path: 'test-results/dialled.png' });
});
