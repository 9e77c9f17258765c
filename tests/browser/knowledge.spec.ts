import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { begin, nothingForAxe, press, reach, takeCall, test, type } from './engine';

test('an article is found by a word of it, read with that word marked, and left again', async ({ page, engine }) => {
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  await page.keyboard.press('Alt+3');
  const field = page.getByRole('searchbox', { name: 'Search the articles' });
  await expect(field).toBeFocused();
  await expect(page.getByText('6 articles')).toBeVisible();
  await nothingForAxe(page);

  await page.keyboard.type('iban');
  await expect(page.getByText('1 article', { exact: true })).toBeVisible();
  await expect(page.locator('.knowledge li mark')).toHaveText('IBAN');
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('link', { name: /Charged twice/ })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Charged twice for the same month' })).toBeFocused();
  await expect(page.locator('article mark')).toHaveText('IBAN');
  await expect(page.locator('article mark')).toBeInViewport();
  await nothingForAxe(page);
  await page.keyboard.press('Escape');
  await expect(field).toHaveValue('iban');
  await expect(field).toBeFocused();

  // A link to another article leads there, and back.
  await page.keyboard.press('Control+A');
  await page.keyboard.type('adjustment');
  await expect(page.getByText('1 article', { exact: true })).toBeVisible();
  await page.keyboard.press('Enter');
  await press(page, page.getByRole('link', { name: 'More users' }));
  await expect(page.getByRole('heading', { level: 1, name: /More users on a licence/ })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: /Invoice amount/ })).toBeVisible();
  await page.getByRole('link', { name: 'Articles', exact: true }).press('Enter');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('zebra');
  await expect(page.getByText('No article has these words.')).toBeVisible();
});

test('in a call what may help is beside the form, and is read without leaving it', async ({ page, engine }) => {
  let news = 0;
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => (news += String(payload).includes('"part":"calls"') ? 1 : 0)),
  );
  const told = () => news;
  await begin(page, engine);
  await takeCall(page);
  await expect(page.getByRole('heading', { name: 'May help' })).toBeHidden();
  await type(page, page.getByLabel('Note'), 'they were charged twice in March');
  await expect(page.getByRole('heading', { name: 'May help' })).toBeVisible();
  await page.keyboard.press('F6');
  const first = page.getByRole('button', { name: 'Charged twice for the same month' });
  await expect(first).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(first).toHaveAttribute('aria-expanded', 'true');
  await expect(page.getByText('The last four digits are enough to find a payment.')).toBeInViewport();
  await nothingForAxe(page);
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveValue('they were charged twice in March');

  // In its room it stays as it is read, whatever the call tells meanwhile; the sheet of shortcuts has its own Escape.
  await page.keyboard.press('Alt+3');
  await page.getByRole('link', { name: /Invoice amount/ }).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: /Invoice amount/ })).toBeFocused();
  const link = page.getByRole('link', { name: 'More users' });
  await link.focus();
  const before = told();
  await expect.poll(told, 'news of the call').toBeGreaterThan(before + 2);
  await expect(link).toBeFocused();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(page.getByRole('heading', { level: 1, name: /Invoice amount/ })).toBeVisible();
});

test('an employer’s folder takes the samples’ place, and stays when it can’t be reached', async ({
  page,
  engine,
  program,
}) => {
  const folder = join(program.data, 'shared');
  mkdirSync(join(folder, 'doors'), { recursive: true });
  writeFileSync(
    join(folder, 'doors', 'lock.md'),
    '# Lock code\n\nAsk for the **plate** first. Then [call](tel:+390115550147).',
  );
  writeFileSync(join(folder, 'old.md'), Buffer.from([0x70, 0xe8]));
  await begin(page, engine);
  await expect(page.getByRole('heading', { name: 'Practice room' })).toBeVisible();
  await page.keyboard.press('Alt+3');
  await press(page, page.getByRole('link', { name: 'Where they come from' }));
  const field = page.getByLabel('Folder with articles');
  await expect(page.getByText('6 sample articles, until a folder is chosen')).toBeVisible();
  await type(page, field, 'shared');
  await page.keyboard.press('Enter');
  await expect(page.getByText('Type the folder’s whole path')).toBeVisible();
  await expect(field).toBeFocused();
  await field.fill(folder);
  await page.keyboard.press('Enter');
  await expect(page.getByText(/^1 article · looked at/)).toBeVisible();
  await press(page, page.getByText('1 file is not read'));
  await expect(page.getByText('not text in UTF-8')).toBeVisible();
  await nothingForAxe(page);

  renameSync(folder, `${folder}.away`);
  await press(page, page.getByRole('button', { name: 'Look now' }));
  await expect(page.getByText('This folder can’t be read.')).toBeVisible();
  await page.keyboard.press('Alt+3');
  await reach(page, page.getByRole('link', { name: /Lock code/ }));
  await page.keyboard.press('Enter');
  await expect(page.getByText('Ask for the plate first.')).toBeVisible();
  await expect(page.getByRole('link', { name: 'call', exact: true })).toHaveAttribute('href', 'tel:+390115550147');
});
