import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import { open } from './crm';
import { begin, nothingForAxe, press, reach, test, type } from './engine';

/** The files written so far, and the folder gone: outside of the data nothing may be left. */
const cleared = (folder: string) => {
  const files = readdirSync(folder).sort();
  rmSync(folder, { recursive: true });
  return files;
};

async function days(page: Page, from: string, to: string) {
  for (const [label, day] of [
    ['From', from],
    ['To', to],
  ] as const) {
    await reach(page, page.getByLabel(label, { exact: true }));
    await page.getByLabel(label, { exact: true }).fill(day);
  }
}

test('requests leave in the columns an employer prescribes, after they were looked at, and the log says so', async ({
  page,
  program,
}) => {
  program.hadADay();
  const downloads = join(program.home, 'Downloads');
  mkdirSync(downloads);
  await begin(page, await program.start());
  await press(page, page.getByRole('link', { name: 'Calls', exact: true }));
  await press(page, page.getByRole('link', { name: 'Export…' }));
  await expect(page.getByText('Nothing yet. Each export is noted here.')).toBeVisible();
  await days(page, '2026-11-05', '2026-11-05');
  await expect(page.getByText('2 requests', { exact: true })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'Amount does not match' }).first()).toBeAttached();
  await nothingForAxe(page);
  expect(readdirSync(downloads), 'nothing is written before it is asked for').toEqual([]);

  // The employer's form: headings as they are copied, understood, corrected and kept.
  await press(page, page.getByRole('radio', { name: 'Spreadsheet (XLSX)' }), 'ArrowRight');
  await expect(page.getByRole('radio', { name: 'Text (CSV)' })).toBeChecked();
  await press(page, page.getByRole('button', { name: 'Your employer’s form…' }));
  await expect(page.getByRole('heading', { name: 'Your employer’s form' })).toBeFocused();
  await reach(page, page.getByLabel('Or paste the headings'));
  await page.keyboard.insertText('Data;Cliente;Filiale;Esito;Osservazioni');
  await press(page, page.getByRole('button', { name: 'Read the headings' }));
  await expect(page.getByLabel('Data', { exact: true })).toHaveValue('date');
  await expect(page.getByLabel('Cliente', { exact: true })).toHaveValue('customer');
  await expect(page.getByLabel('Osservazioni', { exact: true })).toHaveValue('note');
  await reach(page, page.getByLabel('Filiale', { exact: true }));
  await page.getByLabel('Filiale', { exact: true }).selectOption('Always this text:');
  await type(page, page.getByLabel('Text under Filiale'), 'Torino 2');
  await reach(page, page.getByLabel('Esito', { exact: true }));
  await page.getByLabel('Esito', { exact: true }).selectOption('Kind');
  await type(page, page.getByLabel('Name of the form'), 'Weekly');
  await nothingForAxe(page);
  await press(page, page.getByRole('button', { name: 'Keep the form' }));
  await expect(page.getByLabel('Form', { exact: true })).toBeFocused();
  await expect(page.getByLabel('Form', { exact: true })).toHaveValue('Weekly');
  await expect(page.getByRole('columnheader', { name: 'Osservazioni' })).toBeVisible();

  await press(page, page.getByRole('button', { name: 'Export', exact: true }));
  const file = join(downloads, 'requests 2026-11-05.csv');
  await expect(page.getByText('2 rows are in')).toContainText(file);
  expect(readFileSync(file, 'utf8')).toBe(
    '\ufeff"Data","Cliente","Filiale","Esito","Osservazioni"\r\n' +
      '"2026-11-05","Anna Po","Torino 2","Complaint","La fattura 40827 non torna"\r\n' +
      '"2026-11-05","Anna Po","Torino 2","Complaint","\'=1+1; ""tra virgolette"""\r\n',
  );
  await expect(page.getByRole('cell', { name: 'requests 2026-11-05.csv' })).toBeVisible();
  // Once more: the first stays.
  await page.keyboard.press('Enter');
  await expect(page.getByText('2 rows are in')).toContainText('requests 2026-11-05 (2).csv');
  await expect(
    page.getByRole('row', { name: /Requests, 5 November 2026, Weekly requests 2026-11-05.* 2$/ }),
  ).toHaveCount(2);
  await nothingForAxe(page);

  // All that is kept is there later; calls have no form of requests.
  await page.reload();
  await days(page, '2026-11-05', '2026-11-05');
  await expect(page.getByRole('row', { name: /Requests, 5 November 2026, Weekly/ })).toHaveCount(2);
  await page.getByLabel('Form', { exact: true }).selectOption('Weekly');
  await expect(page.getByRole('columnheader', { name: 'Osservazioni' })).toBeVisible();
  await press(page, page.getByRole('radio', { name: 'Requests' }), 'ArrowRight');
  await expect(page.getByText('2 calls', { exact: true })).toBeVisible();
  await expect(page.getByRole('option', { name: 'Weekly' })).toHaveCount(0);
  await press(page, page.getByRole('button', { name: 'Export', exact: true }));
  await expect(page.getByText('2 rows are in')).toContainText('calls 2026-11-05.xlsx');
  expect(readFileSync(join(downloads, 'calls 2026-11-05.xlsx')).subarray(0, 2).toString()).toBe('PK');

  // The form is changed, and removed; which of the two is asked for last holds.
  await press(page, page.getByRole('radio', { name: 'Calls' }), 'ArrowLeft');
  await page.getByLabel('Form', { exact: true }).selectOption('Weekly');
  await press(page, page.getByRole('button', { name: 'Remove the form' }));
  await expect(page.getByText('Remove the form “Weekly”?')).toBeVisible();
  await press(page, page.getByRole('button', { name: 'Change the form' }));
  await expect(page.getByText('Remove the form “Weekly”?')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Remove the form' })).toHaveCount(0);
  await expect(page.getByLabel('Text under Filiale')).toHaveValue('Torino 2');
  await reach(page, page.getByLabel('Name of the form'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('Monthly');
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Form', { exact: true })).toHaveValue('Monthly');
  await expect(page.getByRole('option', { name: 'Weekly' })).toHaveCount(0);
  await press(page, page.getByRole('button', { name: 'Remove the form' }));
  await nothingForAxe(page);
  await press(page, page.getByRole('button', { name: 'Remove', exact: true }));
  await expect(page.getByRole('option')).toHaveText(['All columns']);
  await expect(page.getByLabel('Form', { exact: true })).toBeFocused();

  expect(cleared(downloads)).toEqual([
    'calls 2026-11-05.xlsx',
    'requests 2026-11-05 (2).csv',
    'requests 2026-11-05.csv',
  ]);
});

test('a form that is being made is still there after a look at another room', async ({ page, program }) => {
  program.hadADay();
  await begin(page, await program.start());
  const away = async () => {
    await press(page, page.getByRole('navigation').getByRole('link', { name: 'Calls', exact: true }));
    await press(page, page.getByRole('link', { name: 'Export…' }));
  };
  await away();
  await days(page, '2026-11-05', '2026-11-05');
  await press(page, page.getByRole('radio', { name: 'Requests' }), 'ArrowRight');
  const count = page.locator('main [role=status]', { hasText: '2 calls' });
  await expect(count).toBeVisible();
  const spoken = await count.elementHandle();
  await press(page, page.getByRole('button', { name: 'Your employer’s form…' }));
  // What a column means depends on them.
  await expect(page.getByRole('radio', { name: 'Requests' })).toBeDisabled();
  await expect(page.getByLabel('Form', { exact: true })).toBeDisabled();
  await nothingForAxe(page);
  // The region of the count is there before its text is: else nobody hears it.
  expect(await spoken?.evaluate((region) => [region.isConnected, region.textContent?.trim()])).toEqual([true, '']);
  await press(page, page.getByRole('button', { name: 'Cancel' }));
  await expect(count).toBeVisible();
  expect(await spoken?.evaluate((region) => region.textContent?.trim())).toBe('2 calls');

  await press(page, page.getByRole('button', { name: 'Your employer’s form…' }));
  const pasted = page.getByLabel('Or paste the headings');
  await reach(page, pasted);
  await page.keyboard.insertText('Filiale;Chiamante');
  await away();
  await expect(pasted).toHaveValue('Filiale;Chiamante');
  await press(page, page.getByRole('button', { name: 'Read the headings' }));
  await reach(page, page.getByLabel('Filiale', { exact: true }));
  await page.getByLabel('Filiale', { exact: true }).selectOption('Direction');
  await type(page, page.getByLabel('Name of the form'), 'Branch');
  await away();
  await expect(page.getByLabel('Filiale', { exact: true })).toHaveValue('direction');
  await expect(page.getByLabel('Chiamante', { exact: true })).toHaveValue('number');
  await expect(page.getByLabel('Name of the form')).toHaveValue('Branch');
  await expect(page.getByRole('radio', { name: 'Calls' })).toBeChecked();
  await expect(page.getByLabel('From')).toHaveValue('2026-11-05');
  await press(page, page.getByRole('button', { name: 'Keep the form' }));
  await expect(page.getByLabel('Form', { exact: true })).toHaveValue('Branch');
  await expect(page.getByRole('columnheader', { name: 'Chiamante' })).toBeVisible();
  // Once it is kept the room begins anew.
  await away();
  await expect(page.getByRole('radio', { name: 'Requests' })).toBeChecked();
  await expect(page.getByRole('heading', { name: 'Your employer’s form' })).toHaveCount(0);
});

test('what is wrong with an export is said, and what to do', async ({ page, program }) => {
  program.hadADay();
  const downloads = join(program.home, 'Downloads');
  mkdirSync(downloads);
  const address = await program.start();
  await begin(page, address);
  await press(page, page.getByRole('link', { name: 'Calls', exact: true }));
  await press(page, page.getByRole('link', { name: 'Export…' }));
  const write = page.getByRole('button', { name: 'Export', exact: true });

  await days(page, '2026-11-05', '2026-11-04');
  await expect(page.getByRole('alert')).toHaveText(/The first day comes after the last/);
  await expect(write).toBeDisabled();
  await days(page, '2026-11-06', '2026-11-30');
  await expect(page.getByText('Nothing in these days.')).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(write).toBeDisabled();
  await nothingForAxe(page);
  // One day, as the page's own clock has it.
  await press(page, page.getByRole('button', { name: 'Today' }));
  const today = await page.evaluate(() => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString());
  await expect(page.getByLabel('From')).toHaveValue(today.slice(0, 10));
  await expect(page.getByLabel('To', { exact: true })).toHaveValue(today.slice(0, 10));

  await press(page, page.getByRole('button', { name: 'Your employer’s form…' }));
  // A workbook, not saved as CSV.
  const buffer = Buffer.from('PK\u0003\u0004\u0014\u0000', 'latin1');
  await page.getByLabel('Choose a file').setInputFiles({ name: 'modulo.xlsx', mimeType: 'application/zip', buffer });
  await expect(page.getByRole('alert')).toHaveText(/save it as CSV, or copy its headings/);
  await press(page, page.getByRole('button', { name: 'Cancel' }));

  await days(page, '2026-11-05', '2026-11-05');
  await expect(page.getByText('2 requests', { exact: true })).toBeVisible();
  await expect(write).toHaveAttribute('aria-disabled', 'false');
  cleared(downloads);
  await press(page, write);
  const alert = page.getByRole('alert');
  await expect(alert).toHaveText(/The folder for downloads is not there. Make it, then export again/);
  await expect(page.getByText('Nothing yet. Each export is noted here.')).toBeVisible();
  await nothingForAxe(page);
  // Meanwhile a customer is renamed: the rows say so, and what is wrong stays.
  const other = await page.context().newPage();
  await other.goto(address);
  await open(other, 'Anna Po');
  await press(other, other.getByRole('button', { name: 'Change', exact: true }));
  await expect(other.getByLabel('Name', { exact: true })).toBeFocused();
  await other.keyboard.press('ControlOrMeta+A');
  await other.keyboard.type('Anna Bo');
  await press(other, other.getByRole('button', { name: 'Save', exact: true }));
  await other.close();
  await expect(page.getByRole('cell', { name: 'Anna Bo' }).first()).toBeAttached();
  await expect(alert).toHaveText(/The folder for downloads is not there/);
  mkdirSync(downloads);
  await press(page, write);
  await expect(page.getByText('2 rows are in')).toBeVisible();
  await expect(alert).toHaveCount(0);

  // Nothing leaves before it was shown: other days, and the button at the same moment.
  await page.getByLabel('From').evaluate((field: HTMLInputElement) => {
    field.value = '2026-11-04';
    field.dispatchEvent(new Event('change', { bubbles: true }));
    [...document.querySelectorAll('button')].find((button) => button.textContent === 'Export')!.click();
  });
  await expect(write).toBeFocused();
  await expect(write).toHaveAttribute('aria-disabled', 'false');
  await press(page, write);
  await expect(page.getByText('rows are in')).toContainText('requests 2026-11-04 to 2026-11-05.xlsx');
  expect(cleared(downloads)).toEqual(['requests 2026-11-04 to 2026-11-05.xlsx', 'requests 2026-11-05.xlsx']);
  expect(existsSync(downloads)).toBe(false);
});
