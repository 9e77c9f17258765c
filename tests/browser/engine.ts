import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Locator, type Page, test as base } from '@playwright/test';
import { elsewhere, runningWith, written } from '../support/left';

const root = join(import.meta.dirname, '../..');

/** A real engine with folders of its own, without a sound card. */
class Program {
  readonly data = mkdtempSync(join(tmpdir(), 'cuffia-data-'));
  readonly home = mkdtempSync(join(tmpdir(), 'cuffia-home-'));
  #process: ChildProcess | null = null;

  constructor(private readonly language: string) {}

  /** Writes two calls of 5 November 2026 with their requests, and one that was practised. Before it is started. */
  hadADay() {
    execFileSync(join(root, 'target/debug/cuffia-day'), [this.data]);
  }

  /** Starts it on its data folder; gives the address of its page. */
  async start(): Promise<string> {
    const own = { CUFFIA_DATA_DIR: this.data, LANG: `${this.language}.UTF-8` };
    this.#process = spawn(
      join(root, 'target/debug/cuffia'),
      ['run', '--bridge', '--no-sound-card', '--page', join(root, 'ui/dist')],
      { env: { ...process.env, ...elsewhere(this.home), ...own } },
    );
    return address(this.#process);
  }

  /** Asks it to end, or does not ask (SIGKILL); waits until it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL') {
    const ending = this.#process;
    if (!ending) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
    this.#process = null;
  }
}

/** A running engine and the address of its page. Afterwards nothing runs and nothing lies elsewhere. */
export const test = base.extend<{ program: Program; engine: string; language: 'en_GB' | 'it_IT' }>({
  language: ['en_GB', { option: true }],
  program: async ({ language }, use) => {
    const program = new Program(language);
    await use(program);
    await program.end('SIGTERM');
    await expect.poll(() => runningWith(program.data), { message: 'nothing is left running' }).toEqual([]);
    expect(written(program.home), 'nothing is written outside the data folder').toEqual([]);
    for (const folder of [program.home, program.data]) rmSync(folder, { recursive: true, force: true });
  },
  engine: async ({ program }, use) => use(await program.start()),
});

function address(engine: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    engine.once('exit', () => reject(new Error('the engine did not start')));
    createInterface({ input: engine.stdout! }).on('line', (line) => {
      if (line.startsWith('open ')) resolve(line.slice(5));
    });
  });
}

/** Goes there with Tab alone, as somebody without a mouse does. */
export async function reach(page: Page, target: Locator) {
  await expect(target).toBeVisible();
  await expect(target).toBeEnabled();
  const MOST = 150;
  for (let i = 0; i < MOST; i++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${target} is not reached by Tab`);
}

/** Goes there with Tab and presses a key. */
export async function press(page: Page, target: Locator, key = 'Enter') {
  await reach(page, target);
  await page.keyboard.press(key);
}

/** Goes to a field with Tab and types. */
export async function type(page: Page, target: Locator, text: string) {
  await reach(page, target);
  await page.keyboard.type(text);
}

/** The first-start pages, up to the practice room. */
export async function begin(page: Page, address: string) {
  await page.goto(address);
  await press(page, page.getByRole('button', { name: 'Next' }));
  await expect(page.getByRole('heading', { name: 'Your headset' })).toBeVisible();
  await press(page, page.getByRole('button', { name: 'Next' }));
  await press(page, page.getByRole('button', { name: /Practise now/ }));
}

/** From the practice room until it rings. */
export async function letThemCall(page: Page) {
  await press(page, page.getByRole('button', { name: /Let them call/ }));
  await expect(page.getByRole('button', { name: /^Answer/ })).toBeVisible({ timeout: 60_000 });
}

/** From the practice room into the call. */
export async function takeCall(page: Page) {
  await letThemCall(page);
  await page.keyboard.press('F9');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
}

/** axe finds nothing, in either theme. */
export async function nothingForAxe(page: Page) {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map((v) => `${colorScheme}: ${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`);
    expect(found).toEqual([]);
  }
}

/** What the page asks the engine from now on, oldest first. Before the page is opened. */
export function asked(page: Page): { command: string; arguments: unknown }[] {
  const all: { command: string; arguments: unknown }[] = [];
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => all.push(JSON.parse(String(payload)))));
  return all;
}
