import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from '@playwright/test';
import { build } from 'vite';
import { stop, until } from '../tests/window/process';
import { Window } from '../tests/window/webdriver';
import { Engine } from './engine';

const root = join(import.meta.dirname, '..');
export const SERVER = 'ws://127.0.0.1:8080/';

/** A softphone that is measured: `alice` at the test switchboard. Times are ms since the epoch, on the machine's one clock. */
export interface Client {
  /** Starts the program: process begun, first picture, registered. */
  start(): Promise<{ begun: number; picture: number; registered: number }>;
  /** The root of its process tree. */
  pid(): number;
  /** From now on, notes when a ringing call is on the screen, with who it is where the program knows. */
  watchForRinging(name: string): Promise<void>;
  /** When the picture of the ringing call was painted. */
  ringing(): Promise<number>;
  /** Presses *Answer*; gives when. */
  answer(): Promise<number>;
  /** Hangs up. */
  hangUp(): Promise<void>;
  /** Ends the program. */
  stop(): Promise<void>;
}

/** Runs in either page. Two frames after the button appears, its picture is out. */
const WATCH = (name: string) => `
  window.ringingPainted = new Promise((painted) => {
    const rings = () => [...document.querySelectorAll('button')].some((b) => b.textContent.includes('Answer'));
    const shown = () => rings() && (!'${name}' || document.getElementById('caller')?.textContent === '${name}');
    const seen = () => requestAnimationFrame(() => requestAnimationFrame(() => painted(Date.now())));
    if (shown()) return seen();
    const observer = new MutationObserver(() => {
      if (!shown()) return;
      observer.disconnect();
      seen();
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  });`;
const PRESS = (name: string) => `
  const at = Date.now();
  [...document.querySelectorAll('button')].find((b) => b.textContent.includes('${name}')).click();
  return at;`;
const FIRST_PICTURE = `
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return paint && performance.timeOrigin + paint.startTime;`;

/** Our window, release build, driven through WebKitWebDriver. */
export class Cuffia implements Client {
  private window!: Window;
  private process = 0;
  private readonly data = mkdtempSync(join(tmpdir(), 'cuffia-bench-'));
  private readonly began = join(this.data, 'began');
  private readonly wrapper = join(this.data, 'cuffia-begun');

  constructor(private readonly environment: Record<string, string>) {}

  /** Saves account and devices once, as an operator's program has them. */
  async prepare(first: (engine: Engine) => Promise<void>): Promise<void> {
    const engine = await Engine.start({ ...this.environment, ...this.folders() });
    await engine.prepare();
    await first(engine);
    await engine.stop();
    // The driver starts the program; when it did, only the program itself can say.
    const binary = join(root, 'target/release/cuffia-desktop');
    writeFileSync(this.wrapper, `#!/bin/sh\necho $$ $(date +%s%3N) >'${this.began}'\nexec '${binary}' "$@"\n`, {
      mode: 0o755,
    });
  }

  async start() {
    this.window = await Window.open(this.wrapper, { ...this.environment, ...this.folders() });
    const [pid, begun] = readFileSync(this.began, 'utf8').split(' ').map(Number) as [number, number];
    this.process = pid;
    const picture = await until('the first picture', 20, () => this.window.script<number | undefined>(FIRST_PICTURE));
    const registered = await until('registration', 20, async () => {
      const { line } = await this.window.later<{ line: { state: string; since: number } }>(
        `window.__TAURI_INTERNALS__.invoke('rpc', { command: 'snapshot', arguments: {} })`,
      );
      return line.state === 'registered' && line.since;
    });
    return { begun, picture, registered };
  }

  pid = () => this.process;
  watchForRinging = async (name: string) => void (await this.window.script(WATCH(name)));
  ringing = () => this.window.later<number>('window.ringingPainted');
  answer = () => this.window.script<number>(PRESS('Answer'));
  hangUp = async () => void (await this.window.script(PRESS('Hang up')));
  stop = () => this.window.close();
  /** Removes what it wrote. */
  remove = () => rmSync(this.data, { recursive: true, force: true });

  private folders() {
    return { CUFFIA_DATA_DIR: join(this.data, 'data'), HOME: this.data, LANG: 'en_GB.UTF-8' };
  }
}

/** JsSIP on Chromium's libwebrtc: a page that registers, rings and answers, in an app window. Its sound processing at its defaults. */
export class ChromiumPhone implements Client {
  private child!: ChildProcess;
  private browser!: Browser;
  private page!: Page;
  private server!: Server;
  private data = '';

  constructor(private readonly environment: Record<string, string>) {}

  async prepare(): Promise<void> {
    const outDir = join(import.meta.dirname, 'out/peer');
    await build({ root: join(import.meta.dirname, 'peer'), logLevel: 'warn', build: { outDir, emptyOutDir: true } });
    this.server = createServer((request, answer) => {
      const name = request.url === '/' ? 'index.html' : request.url!.slice(1);
      answer.setHeader('Content-Type', name.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8');
      if (existsSync(join(outDir, name))) answer.end(readFileSync(join(outDir, name)));
      else answer.writeHead(404).end();
    });
    await new Promise<void>((ready) => this.server.listen(0, '127.0.0.1', ready));
    // Like ours, its profile is not at its first start when measured.
    this.data = mkdtempSync(join(tmpdir(), 'chromium-bench-'));
    await this.start();
    await this.stop();
  }

  async start() {
    const address = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
    const port = join(this.data, 'DevToolsActivePort');
    rmSync(port, { force: true });
    const begun = Date.now();
    this.child = spawn(
      '/usr/bin/chromium',
      [
        ...['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
        ...[
          '--disable-component-update',
          '--autoplay-policy=no-user-gesture-required',
          '--use-fake-ui-for-media-stream',
        ],
        ...['--remote-debugging-port=0', `--user-data-dir=${this.data}`, '--window-size=1180,780', `--app=${address}`],
      ],
      {
        env: { ...process.env, ...this.environment, PULSE_SINK: 'headset_spk', PULSE_SOURCE: 'headset_mic' },
        stdio: 'ignore',
      },
    );
    const [debug] = await until('Chromium', 30, async () => readFileSync(port, 'utf8').split('\n'));
    this.browser = await chromium.connectOverCDP(`http://127.0.0.1:${debug}`);
    this.page = await until('the page', 20, async () =>
      this.browser
        .contexts()[0]
        ?.pages()
        .find((p) => p.url() === address),
    );
    const picture = await until('the first picture', 20, () => this.evaluate<number | undefined>(FIRST_PICTURE));
    const registered = await until('registration', 20, () =>
      this.evaluate<number | undefined>('return window.registeredAt'),
    );
    return { begun, picture, registered };
  }

  pid = () => this.child.pid!;
  // It has no customers.
  watchForRinging = async () => void (await this.evaluate(WATCH('')));
  ringing = () => this.evaluate<number>('return window.ringingPainted');
  answer = () => this.evaluate<number>(PRESS('Answer'));
  hangUp = async () => void (await this.evaluate(PRESS('Hang up')));
  async stop(): Promise<void> {
    await this.browser.close();
    await stop(this.child);
  }
  remove = () => {
    this.server.close();
    rmSync(this.data, { recursive: true, force: true });
  };

  private evaluate<T>(script: string): Promise<T> {
    return this.page.evaluate<T>(`(async () => { ${script} })()`);
  }
}
