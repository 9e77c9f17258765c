import { expect } from '@playwright/test';
import { match } from '../../ui/src/lib/calls/match';
import { begin, takeCall, test } from './engine';

const TOPICS = [
  ['Fatture', ''],
  ['Licenze', ''],
  ['Importo che non torna', 'Fatture'],
  ['Riepilogo IVA', 'Stampe e riepiloghi'],
  ['Metodo di pagamento', 'Pagamenti'],
  ['Invoices', ''],
  ['Amount does not match', 'Invoices'],
  ['VAT summary', 'Reports'],
  ['Qualità', ''],
].map(([name, under]) => ({ name: name!, under: under! }));

test('a topic is found by the word an operator has in mind, in any number and with a slip', () => {
  for (const [typed, name] of [
    ['fattura', 'Fatture'],
    ['FATT', 'Fatture'],
    ['importi', 'Importo che non torna'],
    ['fattura importo', 'Importo che non torna'],
    ['iva', 'Riepilogo IVA'],
    ['pagamenti', 'Metodo di pagamento'],
    ['qualita', 'Qualità'],
    ['invoice', 'Invoices'],
    ['amounts', 'Amount does not match'],
    ['licenza', 'Licenze'],
  ] as const) {
    const found = match(TOPICS, typed, []);
    expect([typed, found.list[0]?.name, found.nearest]).toEqual([typed, name, false]);
  }
  expect(match(TOPICS, 'xyz', TOPICS.slice(0, 2))).toEqual({ list: TOPICS.slice(0, 2), nearest: true });
});

test('what fits no topic stays in the field, and the nearest are offered but not taken', async ({ page, engine }) => {
  await begin(page, engine);
  await takeCall(page);
  const topic = page.getByRole('combobox', { name: 'Topic' });
  await topic.fill('invoice');
  await topic.press('Tab');
  await expect(topic).toHaveValue('Invoices');
  await expect(page.getByRole('combobox', { name: 'Detail' })).toBeFocused();

  await topic.fill('delivery');
  await expect(page.getByText('No match for “delivery”. The nearest:')).toBeVisible();
  await expect(page.getByRole('option').first()).toBeVisible();
  await topic.press('Enter');
  await topic.press('Tab');
  await expect(topic).toHaveValue('delivery');
  await expect(page.getByText('Nothing is chosen yet: take one from the list.')).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Detail' })).toBeDisabled();
  await topic.press('ArrowDown');
  await topic.press('ArrowDown');
  await topic.press('Enter');
  await expect(page.getByText('Nothing is chosen yet')).toHaveCount(0);
  await expect(topic).not.toHaveValue('delivery');
});
