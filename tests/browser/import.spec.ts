import { expect } from '@playwright/test';
import { begin, nothingForAxe, press, reach, test } from './engine';

test('a table of another program becomes customers, after it was looked at and corrected', async ({ page, engine }) => {
  await begin(page, engine);
  await press(page, page.getByRole('link', { name: 'Customers', exact: true }));
  await press(page, page.getByRole('link', { name: 'From a file' }));
  // As a spreadsheet in Italy writes it: semicolons, the old code page.
  const lines = [
    'Nome;Cognome;Ragione sociale;Tel.;Altro',
    'Niccolò;Po;Officine Po;+39 011 555 9901;Asti',
    ';;;011 555 9902;',
  ];
  for (let n = 0; n < 300; n++) lines.push(`Cliente;Numero ${n};Ditta ${n};02 5550 ${1000 + n};Lodi`);
  lines.push('Niccolo;PO;Officine;+39 011 555 9901;');
  const buffer = Buffer.from(lines.join('\r\n'), 'latin1');
  await reach(page, page.getByLabel('Choose a file'));
  await page.getByLabel('Choose a file').setInputFiles({ name: 'clienti.csv', mimeType: 'text/csv', buffer });

  await expect(page.locator('main strong')).toHaveText('301 new customers');
  await expect(page.getByText('One is here already')).toBeVisible();
  await expect(page.getByText('One line is no customer')).toBeVisible();
  await expect(page.getByLabel('Tel.')).toHaveValue('number');
  await page.getByLabel('Altro').selectOption('town');
  await expect(page.getByLabel('Altro')).toHaveValue('town');
  await nothingForAxe(page);
  await press(page, page.getByRole('button', { name: 'Take 301 over' }));
  await expect(page.getByText('301 customers were taken over').last()).toBeVisible();
  await press(page, page.getByRole('link', { name: 'To the customers' }));
  await page.getByLabel('Search customers').fill('niccolo');
  await press(page, page.getByRole('link', { name: /Niccolò Po/ }));
  await expect(page.getByText('Asti')).toBeVisible();
  await expect(page.getByRole('button', { name: /Call Niccolò Po, \+390115559901/ })).toBeVisible();
});
