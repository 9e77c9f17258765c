import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

/** A browser that notes which addresses it was given. */
class Browser {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cuffia-browser-'));
  readonly #path = process.env['PATH'] ?? '';

  constructor() {
    writeFileSync(join(this.#folder, 'xdg-open'), `#!/bin/sh\necho "$1" >>'${this.#folder}/opened'\n`, { mode: 0o755 });
    process.env['PATH'] = `${this.#folder}:${this.#path}`;
  }

  opened(): string[] {
    const file = join(this.#folder, 'opened');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  end() {
    process.env['PATH'] = this.#path;
    rmSync(this.#folder, { recursive: true });
  }
}

const test = withCrm.extend<{ switchboard: Told; caller: Told; browserOf: Browser }>({
  browserOf: [
    async ({}, use) => {
      const browser = new Browser();
      await use(browser);
      browser.end();
    },
    { auto: true },
  ],
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

test('the employer’s page opens for who calls, once, and again by hand', async ({
  page,
  engine,
  caller,
  browserOf,
}) => {
  await begin(page, engine);
  await press(page, page.getByRole('link', { name: 'Settings', exact: true }));
  const pop = page.getByRole('region', { name: 'Your employer’s web page for who calls' });
  const address = pop.getByLabel('Web page', { exact: true });
  await type(page, address, 'http://crm.example.com/{phone}');
  await page.keyboard.press('Enter');
  await expect(page.getByText('who calls would be told in the clear')).toBeVisible();
  await expect(address).toBeFocused();
  await address.fill('https://crm.example.com/find?q={phone_digits}&way={direction}&who={name}');
  await page.getByRole('radio', { name: 'When it rings' }).press('Space');
  await nothingForAxe(page);
  await press(page, pop.getByRole('button', { name: 'Try it' }));
  await expect
    .poll(() => browserOf.opened())
    .toEqual(['https://crm.example.com/find?q=390115550147&way=in&who=Anna%20Po']);
  await press(page, pop.getByRole('button', { name: 'Save' }));
  await connectLine(page);

  await press(page, page.getByRole('link', { name: 'Calls', exact: true }));
  caller.say('call alice');
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible();
  await expect.poll(() => browserOf.opened().length).toBe(2);
  expect(browserOf.opened()[1]).toContain('q=02079460018&way=in');
  await page.keyboard.press('F9');
  await caller.said(/"confirmed"/);
  await press(page, page.getByRole('button', { name: 'Open in the CRM' }));
  await expect.poll(() => browserOf.opened().length).toBe(3);
  expect(browserOf.opened()[2]).toBe(browserOf.opened()[1]);
  caller.say('hangup');
  await caller.said(/"ended"/);
});
