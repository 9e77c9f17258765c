import { expect, type Page } from '@playwright/test';
import { Radicale } from '../support/radicale';
import { press, reach, test as base, type } from './engine';

/** With a real CardDAV server. */
export const test = base.extend<{ crm: Radicale }>({
  crm: async ({}, use) => {
    const crm = new Radicale();
    await crm.start();
    await use(crm);
    await crm.end();
  },
});

/** How it stands with the CRM, in the status line. */
export const mark = (page: Page) => page.getByTestId('sync');

/** From anywhere to the settings' CRM, filled in but for the password, which has the focus next. */
export async function fillIn(page: Page, crm: Radicale) {
  await press(page, page.getByRole('link', { name: 'Settings', exact: true }));
  await expect(page.getByText('stay on this computer alone')).toBeVisible();
  await press(page, page.getByRole('button', { name: 'Connect a CRM' }));
  await expect(page.getByLabel('What your employer uses')).toBeFocused();
  await type(page, page.getByLabel('Address of the server'), crm.address);
  await type(page, page.getByLabel('User name'), 'anna');
  return page.locator('#crm-password');
}

/** The book that was found is connected, and all of it is here. */
export async function connectFound(page: Page) {
  await press(page, page.getByRole('button', { name: 'Connect', exact: true }).last());
  await expect(mark(page)).toContainText('All sent');
}

/** From anywhere to a customer's page. */
export async function open(page: Page, name: string) {
  await press(page, page.getByRole('link', { name: 'Customers', exact: true }));
  await page.getByLabel('Search customers').fill(name);
  await press(page, page.locator('main').getByRole('link', { name: new RegExp(name) }));
}

/** A customer's note, on his page. */
export async function write(page: Page, note: string) {
  await press(page, page.getByRole('button', { name: 'Change', exact: true }));
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
  await reach(page, page.getByLabel('Note'));
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(note);
  await press(page, page.getByRole('button', { name: 'Save', exact: true }));
  await expect(page.getByRole('button', { name: 'Change', exact: true })).toBeFocused();
}
