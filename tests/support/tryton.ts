import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listens } from './ports';

const MADE = join(import.meta.dirname, '../../target/tryton');
const BASIC = `Basic ${Buffer.from('admin:adminpass').toString('base64')}`;

/** A real Tryton server with one database, and a client of it that knows nothing of ours. */
export class Tryton {
  readonly #folder = mkdtempSync(join(tmpdir(), 'cuffia-tryton-'));
  #process: ChildProcess | null = null;
  #port = 0;

  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start() {
    this.#port ||= await freePort();
    copyFileSync(join(MADE, 'made-8.2.sqlite'), join(this.#folder, 'crm.sqlite'));
    const config = join(this.#folder, 'trytond.conf');
    writeFileSync(
      config,
      `[database]\nuri = sqlite://\npath = ${this.#folder}\n[web]\nlisten = 127.0.0.1:${this.#port}\n`,
    );
    this.#process = spawn(join(MADE, 'bin/trytond'), ['-c', config, '-d', 'crm'], { stdio: 'ignore' });
    for (const end = Date.now() + 40_000; !(await listens(this.#port));)
      if (Date.now() > end) throw new Error('trytond does not listen');
  }

  async end() {
    const process = this.#process;
    if (process) await new Promise((done) => (process.once('exit', done), process.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    const answer = await fetch(`${this.address}crm/rpc/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: BASIC },
      body: JSON.stringify({ id: 1, method: `model.party.party.${method}`, params }),
    });
    const { result, error } = (await answer.json()) as { result: T; error?: unknown };
    if (error) throw new Error(JSON.stringify(error));
    return result;
  }
}
