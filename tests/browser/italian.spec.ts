import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import { nothingForAxe, test } from './engine';

test.use({ language: 'it_IT', locale: 'it-IT' });

/** Words of the English window that must not be left anywhere in the Italian one. */
const ENGLISH =
  /\b(the|and|your|call|calls|customer|customers|settings|practice|answer|decline|register|note|topic|ready|draft|search|hang|mute|hold|registered|saved|kind|detail)\b/i;

async function isItalian(page: Page) {
  const seen = await page.evaluate(() => {
    const spoken = [...document.querySelectorAll('[aria-label], [placeholder], [title]')].flatMap((e) =>
      ['aria-label', 'placeholder', 'title'].map((name) => e.getAttribute(name) ?? ''),
    );
    return [document.body.innerText, ...spoken].join('\n').split('\n');
  });
  expect(seen.filter((line) => ENGLISH.test(line))).toEqual([]);
  await nothingForAxe(page);
}

test('the whole practice call in Italian, from the first start to the customer’s time line', async ({
  page,
  engine,
}) => {
  await page.goto(engine);
  await expect(page.getByText('Ti diamo il benvenuto in Cuffia')).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'it');
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await page.getByRole('button', { name: /Esercitati subito/ }).press('Enter');
  await expect(page.getByRole('heading', { name: 'Palestra' })).toBeVisible();
  await isItalian(page);
  await page.getByRole('button', { name: /Fatti chiamare/ }).press('Enter');
  await expect(page.getByRole('progressbar')).toBeVisible();
  await expect(page.getByRole('button', { name: /^Rispondi/ })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('heading', { name: 'Giulia Ferraro' })).toBeVisible();
  await isItalian(page);

  await page.keyboard.press('F9');
  await expect(page.getByRole('button', { name: /^Riaggancia/ })).toBeVisible();
  await page.getByLabel('Nota').fill('La fattura 40827 non torna');
  await expect(page.getByText('Salvato', { exact: true })).toBeVisible();
  await page.getByRole('combobox', { name: 'Argomento' }).fill('importo');
  await page.getByRole('combobox', { name: 'Argomento' }).press('Enter');
  await page.getByRole('radio', { name: /Reclamo/ }).press('Space');
  // Nobody greets her: after a while she asks whether she is heard.
  await expect(page.getByRole('list', { name: 'Conversazione' }).getByRole('listitem').first()).toBeVisible();
  await isItalian(page);

  await page.keyboard.press('F10');
  await expect(page.getByText('Dopo la chiamata')).toBeVisible();
  await page.getByLabel('Nota').press('Control+Enter');
  // "Registrata" is the request and nothing else on the screen: the sound has words of its own.
  await expect(page.getByText('Registrata', { exact: true })).toHaveCount(1);
  await expect(page.getByText('Hai riagganciato tu, con il cliente in linea')).toBeVisible();

  // Somebody else's telephone: the call and its request become another customer's.
  await page.getByRole('button', { name: 'Un altro cliente' }).press('Enter');
  await page.getByRole('combobox', { name: 'Trova il cliente' }).fill('panificio');
  await page.getByRole('option').first().click();
  await expect(page.getByText('Chi è?')).toBeVisible();
  await isItalian(page);
  await page.getByRole('button', { name: 'Disponibile', exact: true }).press('Enter');
  await expect(page.getByText('Chiamate recenti')).toBeVisible();
  await expect(page.getByText('Reclamo · Fatture › Importo che non torna')).toBeVisible();
  await isItalian(page);

  // And back again from the list, later.
  await page.getByRole('link', { name: /Importo che non torna/ }).click();
  await page.getByRole('button', { name: 'Un altro cliente' }).press('Enter');
  await page.getByRole('combobox', { name: 'Trova il cliente' }).fill('ferraro officine');
  await page.getByRole('option').first().click();
  await page.getByRole('link', { name: 'Giulia Ferraro' }).click();
  await expect(page.getByRole('heading', { name: 'Cronologia' })).toBeVisible();
  await expect(page.getByRole('link', { name: /Importo che non torna/ })).toBeVisible();
  await isItalian(page);
});

test('every room in Italian, without a word of English', async ({ page, engine }) => {
  await page.goto(engine);
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await isItalian(page);
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await page.getByRole('button', { name: /Esercitati subito/ }).press('Enter');
  for (const room of ['Chiamate', 'Clienti', 'Guide', 'Palestra', 'Impostazioni']) {
    await page.getByRole('link', { name: room, exact: true }).press('Enter');
    await expect(page.getByRole('heading').first()).toBeAttached();
    // Customers of Great Britain have English notes and companies; Italian ones come first only when asked for.
    if (room === 'Clienti') await page.getByLabel('Cerca clienti').fill('panificio');
    if (room === 'Clienti') await expect(page.getByRole('link', { name: /Panificio/ }).first()).toBeVisible();
    if (room === 'Guide') await page.getByLabel('Cerca nelle guide').fill('sollecito');
    if (room === 'Guide') await expect(page.getByText('2 guide')).toBeVisible();
    await isItalian(page);
  }
  await page.keyboard.press('Control+P');
  await expect(page.getByRole('dialog').getByRole('option').first()).toBeVisible();
  await isItalian(page);
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Guide', exact: true }).press('Enter');
  await page.getByRole('link', { name: /^Doppio addebito/ }).press('Enter');
  await expect(page.locator('article mark').first()).toBeVisible();
  await isItalian(page);
});

test('an export in Italian, with an employer’s form, what goes wrong and what was written', async ({
  page,
  program,
}) => {
  program.hadADay();
  const downloads = join(program.home, 'Downloads');
  mkdirSync(downloads);
  await page.goto(await program.start());
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await page.getByRole('button', { name: 'Avanti' }).press('Enter');
  await page.getByRole('button', { name: /Esercitati subito/ }).press('Enter');
  await page.getByRole('link', { name: 'Chiamate', exact: true }).press('Enter');
  await page.getByRole('link', { name: 'Esporta…' }).press('Enter');
  await page.getByLabel('Dal').fill('2026-11-05');
  await page.getByLabel('Al', { exact: true }).fill('2026-11-05');
  await expect(page.getByText('2 richieste')).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Registrata il' })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'Importo che non torna' }).first()).toBeAttached();
  await isItalian(page);

  await page.getByRole('button', { name: /Il modulo del datore/ }).press('Enter');
  await page.getByRole('button', { name: 'Leggi le intestazioni' }).press('Enter');
  await expect(page.getByRole('alert')).toContainText('non ci sono intestazioni');
  await isItalian(page);
  await page.getByLabel('Oppure incolla').fill('Ragione sociale\tDurata');
  await page.getByRole('button', { name: 'Leggi le intestazioni' }).press('Enter');
  await expect(page.getByLabel('Ragione sociale')).toHaveValue('company');
  await page.getByRole('button', { name: 'Conserva il modulo' }).press('Enter');
  await expect(page.getByRole('alert')).toContainText('Scrivi un nome');
  await page.getByLabel('Nome del modulo').fill('Mensile');
  await isItalian(page);
  await page.getByRole('button', { name: 'Conserva il modulo' }).press('Enter');
  await page.getByRole('button', { name: 'Esporta', exact: true }).press('Enter');
  await expect(page.getByText('2 righe sono in')).toBeVisible();
  await expect(page.getByRole('cell', { name: 'richieste 2026-11-05.xlsx' })).toBeVisible();
  await isItalian(page);
  rmSync(downloads, { recursive: true });
  await page.getByRole('button', { name: 'Esporta', exact: true }).press('Enter');
  await expect(page.getByRole('alert')).toContainText('La cartella dei file scaricati non c’è');
  await isItalian(page);
});
