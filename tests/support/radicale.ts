import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listens } from './ports';

const BOOK = '/anna/customers/';
const basic = (password: string) => `Basic ${Buffer.from(`anna:${password}`).toString('base64')}`;

const card = (uid: string, fields: string) => `BEGIN:VCARD\r\nVERSION:3.0\r\nUID:${uid}\r\n${fields}\r\nEND:VCARD\r\n`;

/** A real CardDAV server with one address book, and a client of it that knows nothing of ours. */
export class Radicale {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cuffia-radicale-'));
  #process: ChildProcess | null = null;
  #port = 0;
  #password = '';

  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Starts it with what it had; the first time on a free port, with an empty book. */
  async start(password = 'ciao ciao') {
    const first = this.#port === 0;
    this.#password = password;
    this.#port ||= await freePort();
    const f = this.#folder;
    writeFileSync(join(f, 'users'), `anna:${password}\n`);
    writeFileSync(
      join(f, 'config'),
      `[server]\nhosts = 127.0.0.1:${this.#port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = ${f}/users\n` +
        `htpasswd_encryption = plain\ndelay = 0\n[storage]\nfilesystem_folder = ${f}/data\n`,
    );
    this.#process = spawn('radicale', ['--config', join(f, 'config')], { stdio: 'ignore' });
    for (const end = Date.now() + 20_000; !(await listens(this.#port));)
      if (Date.now() > end) throw new Error('radicale does not listen');
    if (first)
      await this.#ask(
        'MKCOL',
        BOOK,
        `<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/><C:addressbook/>
         </resourcetype><displayname>Our customers</displayname></prop></set></mkcol>`,
      );
  }

  async stop() {
    const ending = this.#process;
    if (!ending) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGTERM');
    await ended;
    this.#process = null;
  }

  async end() {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Somebody else writes a card. */
  async put(name: string, fields: string) {
    await this.#ask('PUT', `${BOOK}${name}.vcf`, card(name, fields));
  }

  /** The same while the server is stopped. */
  write(name: string, fields: string) {
    writeFileSync(join(this.#folder, 'data/collection-root', BOOK, `${name}.vcf`), card(name, fields));
  }

  async card(name: string): Promise<string> {
    return (await this.#ask('GET', `${BOOK}${name}.vcf`)).text();
  }

  /** All cards in one text. */
  async cards(): Promise<string> {
    return (await this.#ask('GET', BOOK)).text();
  }

  async #ask(method: string, path: string, body?: string): Promise<Response> {
    const answer = await fetch(new URL(path, this.address), {
      method,
      body: body ?? null,
      headers: { authorization: basic(this.#password) },
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer;
  }
}
