import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, type Page } from '@playwright/test';
import type { Radicale } from '../../support/radicale';
import { connectFound, fillIn, mark, open, test as withCrm, write } from '../crm';
import { begin, nothingForAxe, press, reach, type } from '../engine';

const root = join(import.meta.dirname, '../../..');
/** Whoever calls: a user of the test switchboard whose name is a customer's number. */
const NUMBER = '02079460018';

/** A program that says what it does, and is told what to do. */
class Told {
  readonly #lines: string[] = [];
  readonly #process: ChildProcess;

  constructor(command: string, ...args: string[]) {
    this.#process = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#lines.push(line));
  }

  async said(what: RegExp) {
    await expect.poll(() => this.#lines.some((line) => what.test(line)), { message: String(what) }).toBe(true);
  }

  say(line: string) {
    this.#process.stdin!.write(`${line}\n`);
  }

  async end() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }
}

const test = withCrm.extend<{ switchboard: Told; caller: Told }>({
  switchboard: async ({}, use) => {
    const switchboard = new Told(join(root, 'target/debug/cuffia-peers'));
    await switchboard.said(/^ready/);
    await use(switchboard);
    await switchboard.end();
  },
  caller: async ({ switchboard: _ }, use) => {
    const caller = new Told('node', 'tests/switchboard/webrtc-peer.mjs', NUMBER, `${NUMBER}pw`, '700');
    await caller.said(/"registered"/);
    await use(caller);
    await caller.end();
  },
});

async function connect(page: Page, crm: Radicale) {
  await type(page, await fillIn(page, crm), 'ciao ciao');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('radio', { name: /Our customers/ })).toBeChecked();
  await connectFound(page);
  await connectLine(page);
}

async function connectLine(page: Page) {
  await type(page, page.getByLabel('Address', { exact: true }), 'ws://127.0.0.1:8080/');
  await type(page, page.getByLabel('Extension'), 'alice');
  await type(page, page.getByLabel('Password', { exact: true }), 'alicepw');
  await page.keyboard.press('Enter');
  await expect(page.getByText('Registered as alice').first()).toBeVisible();
}

test('a customer of the CRM calls while the CRM is away: the card is there with the ringing, and what is written goes there later', async ({
  page,
  engine,
  crm,
  caller,
}) => {
  await crm.put('po', 'FN:Anna Po\r\nORG:Officine Po\r\nTEL:+44 20 7946 0018\r\nNOTE:Calls on Tuesdays');
  await begin(page, engine);
  await connect(page, crm);
  await crm.stop();

  await press(page, page.getByRole('link', { name: 'Calls', exact: true }));
  caller.say('call alice');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible();
  // In the same picture: nobody is looked for while it rings.
  const picture = await page.locator('body').innerText();
  for (const known of ['Anna Po', 'Officine Po']) expect(picture).toContain(known);
  await nothingForAxe(page);
  await page.keyboard.press('F9');
  await caller.said(/"confirmed"/);

  await open(page, 'Anna Po');
  await write(page, 'Called about the invoice');
  await expect(mark(page)).toContainText('Offline since');
  caller.say('hangup');
  await caller.said(/"ended"/);

  await crm.start();
  await press(page, mark(page));
  await press(page, page.getByRole('button', { name: 'Try now' }));
  await expect(page.getByText('Nothing waits')).toBeVisible();
  expect(await crm.card('po')).toContain('NOTE:Called about the invoice');
  await open(page, 'Anna Po');
  await expect(
    page
      .locator('main')
      .getByRole('listitem')
      .filter({ has: page.locator('a[href^="#/calls/"]') }),
  ).toHaveCount(1);
});

test('what is left to be done after a call stands on the first page until it is done', async ({
  page,
  engine,
  caller,
}) => {
  await begin(page, engine);
  await press(page, page.getByRole('link', { name: 'Settings', exact: true }));
  await connectLine(page);
  await press(page, page.getByRole('link', { name: 'Calls', exact: true }));
  caller.say('call alice');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible();
  await page.keyboard.press('F9');
  await caller.said(/"confirmed"/);
  await page.getByRole('radio', { name: /Order/ }).press('Space');
  await type(page, page.getByRole('combobox', { name: 'Topic' }), 'more users');
  await page.keyboard.press('Enter');
  await page.keyboard.type('Two more places');
  const follow = page.getByLabel('Still to be done');
  await reach(page, follow);
  for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowDown');
  await expect(follow).toHaveValue('1');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await expect(page.getByText('by tomorrow')).toBeVisible();
  caller.say('hangup');
  await caller.said(/"ended"/);
  await press(page, page.getByRole('button', { name: 'Ready', exact: true }));

  const list = page.getByRole('region', { name: 'To be done' });
  await expect(list.getByRole('listitem')).toHaveText(/Order.*More users.*Two more places.*by tomorrow/s);
  await nothingForAxe(page);
  await page.reload();
  await press(page, list.getByRole('button', { name: 'Done: Order' }));
  await expect(list).toHaveCount(0);
  await page.reload();
  await expect(page.getByText('Recent calls')).toBeVisible();
  await expect(list).toHaveCount(0);
});
