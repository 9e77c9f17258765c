import { expect, type Page } from '@playwright/test';
import type { Radicale } from '../support/radicale';
import { Tryton } from '../support/tryton';
import { connectFound, fillIn, mark, open, test, write } from './crm';
import { begin, nothingForAxe, press, reach, type } from './engine';

/** From anywhere to a connected CRM; the password is wrong at first. */
async function connect(page: Page, crm: Radicale) {
  const password = await fillIn(page, crm);
  await type(page, password, 'nonsense');
  await page.keyboard.press('Enter');
  await expect(page.getByText('does not accept this user name and password')).toBeVisible();
  await expect(password).toBeFocused();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('ciao ciao');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('radio', { name: /Our customers.*to read and to change/ })).toBeChecked();
  await nothingForAxe(page);
  await connectFound(page);
}

test('the address book is here, and what is written offline is there once the server is back', async ({
  page,
  engine,
  crm,
}) => {
  await crm.put('po', 'FN:Anna Po\r\nTEL:011 555 0147\r\nEMAIL:anna@po.example');
  await begin(page, engine);
  await connect(page, crm);
  await open(page, 'Anna Po');
  await expect(page.getByText('anna@po.example')).toBeVisible();

  await crm.stop();
  await write(page, 'Calls on Tuesdays');
  await expect(mark(page)).toContainText('Offline since');
  await press(page, mark(page));
  await expect(page.getByRole('listitem').filter({ hasText: 'Anna Po' })).toContainText('changed: Note');
  await nothingForAxe(page);

  await crm.start();
  await press(page, page.getByRole('button', { name: 'Try now' }));
  await expect(page.getByText('Nothing waits')).toBeVisible();
  expect(await crm.card('po')).toContain('NOTE:Calls on Tuesdays');

  await open(page, 'Anna Po');
  await press(page, page.getByRole('button', { name: 'Change', exact: true }));
  await press(page, page.getByRole('button', { name: 'Delete', exact: true }));
  await expect(page.getByRole('button', { name: 'Keep', exact: true })).toBeFocused();
  await press(page, page.getByRole('button', { name: 'Delete', exact: true }));
  await expect(page.getByRole('heading', { name: 'This customer is no longer here' })).toBeFocused();
  await expect(mark(page)).toContainText('All sent');
  expect(await crm.cards()).not.toContain('Anna Po');
});

test('what both changed is shown with all three values, and one key chooses', async ({ page, engine, crm }) => {
  await crm.put('po', 'FN:Anna Po\r\nNOTE:old');
  await begin(page, engine);
  await connect(page, crm);
  await open(page, 'Anna Po');
  await crm.stop();
  await write(page, 'mine');
  await expect(mark(page)).toContainText('Offline since');
  crm.write('po', 'FN:Anna Po\r\nNOTE:theirs');
  await crm.start();
  await press(page, mark(page));
  await press(page, page.getByRole('button', { name: 'Try now' }));
  const conflict = page.getByRole('article', { name: 'Anna Po, Note' });
  for (const value of ['old', 'mine', 'theirs']) await expect(conflict.getByText(value, { exact: true })).toBeVisible();
  await expect(mark(page)).toContainText('One needs you');
  await nothingForAxe(page);
  await reach(page, conflict.getByRole('button', { name: /Take mine/ }));
  await page.keyboard.press('1');
  await expect(page.getByText('Nothing waits')).toBeVisible();
  expect(await crm.card('po')).toContain('NOTE:mine');
});

test('after a new start the password is known, and when it is no longer right nothing is lost', async ({
  page,
  program,
  engine,
  crm,
}) => {
  await crm.put('po', 'FN:Anna Po');
  await begin(page, engine);
  await connect(page, crm);
  await program.end('SIGKILL');
  await page.goto(await program.start());
  await expect(mark(page)).toContainText('All sent');

  await crm.stop();
  await crm.start('another');
  await open(page, 'Anna Po');
  await write(page, 'kept');
  await expect(mark(page)).toContainText('Password needed');
  await press(page, mark(page));
  await press(page, page.getByRole('link', { name: 'Open the settings' }).first());
  await press(page, page.locator('section[aria-labelledby=crm]').getByRole('button', { name: 'Change' }));
  await type(page, page.locator('#crm-password'), 'another');
  await page.keyboard.press('Enter');
  await press(page, page.getByRole('button', { name: 'Connect', exact: true }).last());
  await expect(mark(page)).toContainText('All sent');
  expect(await crm.card('po')).toContain('NOTE:kept');
});

test('the parties of a Tryton database are here, and what is changed is changed there', async ({ page, engine }) => {
  const tryton = new Tryton();
  await tryton.start();
  try {
    const phone = ['create', [{ type: 'phone', value: '+39 011 555 0147' }]];
    await tryton.call('create', [{ name: 'Anna Po', contact_mechanisms: [phone] }], {});
    await begin(page, engine);
    await press(page, page.getByRole('link', { name: 'Settings', exact: true }));
    await press(page, page.getByRole('button', { name: 'Connect a CRM' }));
    await page.keyboard.press('T');
    await expect(page.getByLabel('What your employer uses')).toHaveValue('tryton');
    await type(page, page.getByLabel('Address of the server'), `${tryton.address}nowhere`);
    await type(page, page.getByLabel('User name'), 'admin');
    await type(page, page.locator('#crm-password'), 'adminpass');
    await page.keyboard.press('Enter');
    await expect(page.getByText('There is no database of this name')).toBeVisible();
    await expect(page.getByLabel('Address of the server')).toBeFocused();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type(tryton.address);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('radio', { name: /crm.*one customer.*to read and to change/ })).toBeChecked();
    await nothingForAxe(page);
    await press(page, page.getByRole('button', { name: 'Connect', exact: true }).last());
    await expect(mark(page)).toContainText('All sent');

    await open(page, 'Anna Po');
    await press(page, page.getByRole('button', { name: 'Change', exact: true }));
    await type(page, page.getByLabel('Town'), 'Asti');
    await press(page, page.getByRole('button', { name: 'Save', exact: true }));
    await expect(page.getByRole('button', { name: 'Change', exact: true })).toBeFocused();
    // What was sent before is still "all sent" in the window for a moment: the server says when this one has come.
    const fields = ['name', 'addresses.city'];
    const there = () => tryton.call<object[]>('search_read', [], 0, null, null, fields, {});
    await expect.poll(async () => JSON.stringify(await there()), { timeout: 15_000 }).toContain('Asti');
    await expect(mark(page)).toContainText('All sent');
  } finally {
    await tryton.end();
  }
});
