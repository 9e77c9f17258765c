import { running } from '../support/left';
import { freePort } from '../support/ports';
import { start, stop, until } from './process';

type Environment = { CUFFIA_DATA_DIR: string } & Record<string, string | undefined>;

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** Keys as WebDriver writes them (W3C WebDriver, 17.4.2). */
export const Key = { Enter: '\uE007', F9: '\uE039', F10: '\uE03A', Control: '\uE009', Space: ' ' } as const;

/**
 * A window under WebKitWebDriver. A direct client: the program is started by the driver with the driver's environment, and only
 * WebKit's own capability is sent (with a browser name the driver refuses).
 */
export class Window {
  private constructor(
    private readonly binary: string,
    private readonly environment: Environment,
    private driver: ReturnType<typeof start>,
    private base: string,
  ) {}

  static async open(binary: string, environment: Environment): Promise<Window> {
    const port = await freePort();
    const env = { ...process.env, ...environment, TAURI_WEBVIEW_AUTOMATION: 'true' };
    const driver = start('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], { env });
    const root = `http://127.0.0.1:${port}`;
    try {
      await until('the driver', 10, async () => (await fetch(`${root}/status`)).ok);
      const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args: [] } } };
      const { sessionId } = await request<{ sessionId: string }>(`${root}/session`, 'POST', { capabilities });
      return new Window(binary, environment, driver, `${root}/session/${sessionId}`);
    } catch (error) {
      await stop(driver);
      throw error;
    }
  }

  /** The element with this role and accessible name, once it is there, visible and enabled. */
  async control(tag: string, name: string, seconds = 20): Promise<Control> {
    return until(`${tag} «${name}»`, seconds, async () => {
      for (const found of await this.find(tag)) {
        const label = await request<string>(`${found}/computedlabel`, 'GET');
        if (label.includes(name) && (await request<boolean>(`${found}/displayed`, 'GET'))) return new Control(found);
      }
      return undefined;
    });
  }

  /** Waits until the page shows this text. */
  async shows(text: string, seconds = 20): Promise<void> {
    await until(`the text «${text}»`, seconds, async () => (await this.text()).includes(text));
  }

  /** All the page's visible text. */
  text(): Promise<string> {
    return this.script<string>('return document.body.innerText');
  }

  /** Presses keys together, as on a keyboard, wherever the focus is. */
  async press(...keys: string[]): Promise<void> {
    const down = keys.map((value) => ({ type: 'keyDown', value }));
    const up = [...keys].reverse().map((value) => ({ type: 'keyUp', value }));
    await request(`${this.base}/actions`, 'POST', {
      actions: [{ type: 'key', id: 'keyboard', actions: [...down, ...up] }],
    });
  }

  script<T>(script: string): Promise<T> {
    return request<T>(`${this.base}/execute/sync`, 'POST', { script, args: [] });
  }

  /** What a promise of the page gives. */
  later<T>(promise: string): Promise<T> {
    const script = `const done = arguments[arguments.length - 1]; Promise.resolve(${promise}).then(done);`;
    return request<T>(`${this.base}/execute/async`, 'POST', { script, args: [] });
  }

  /** A PNG of the window. It is taken with the next frame, and a page that stands still has none: so it is moved meanwhile. */
  async screenshot(): Promise<Buffer> {
    await this.script(
      'window.moving = setInterval(() => (document.body.style.opacity = 0.99 + Math.random() / 100), 20);',
    );
    const picture = await request<string>(`${this.base}/screenshot`, 'GET');
    await this.script('clearInterval(window.moving); document.body.style.opacity = "";');
    return Buffer.from(picture, 'base64');
  }

  /** Asks the program to end, as the system does, and ends the driver when it is gone. (The driver itself would kill it.) */
  async close(): Promise<void> {
    // Its own name, whatever starts it.
    const ours = () => running(this.environment.CUFFIA_DATA_DIR).find((process) => process.name === 'cuffia-desktop');
    const found = ours();
    if (found) process.kill(found.pid, 'SIGTERM');
    try {
      await until('the end of the program', 20, async () => !ours());
    } finally {
      await stop(this.driver);
    }
  }

  /** Ends the program and starts it anew on the same data. */
  async restart(): Promise<void> {
    await this.close();
    const again = await Window.open(this.binary, this.environment);
    [this.driver, this.base] = [again.driver, again.base];
  }

  private async find(tag: string): Promise<string[]> {
    const found = await request<Record<string, string>[]>(`${this.base}/elements`, 'POST', {
      using: 'css selector',
      value: tag,
    });
    return found.map((element) => `${this.base}/element/${element[ELEMENT]}`);
  }
}

/** One thing that can be pressed or written into. */
export class Control {
  constructor(private readonly address: string) {}

  /** Focuses it and types. */
  async type(text: string): Promise<void> {
    await request(`${this.address}/value`, 'POST', { text });
  }

  async click(): Promise<void> {
    await request(`${this.address}/click`, 'POST', {});
  }
}

async function request<T>(address: string, method: string, body?: unknown): Promise<T> {
  const sent = { method, body: body === undefined ? null : JSON.stringify(body), signal: AbortSignal.timeout(60_000) };
  const answer = await fetch(address, sent);
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } };
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}
