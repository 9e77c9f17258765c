import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { stop } from '../tests/window/process';

interface Snapshot {
  line: { state: string; since: number };
  calls: { id: string; state: string }[];
}

/** The engine alone: `cuffia run --bridge`, spoken to as the page would. */
export class Engine {
  private next = 0;
  private readonly waiting = new Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => {
      const { id, done, error } = JSON.parse(String(data)) as {
        id?: number;
        done?: unknown;
        error?: { message: string };
      };
      if (id === undefined) return;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) waiting?.failed(new Error(error.message));
      else waiting?.done(done);
    });
  }

  static async start(environment: Record<string, string>): Promise<Engine> {
    const root = join(import.meta.dirname, '..');
    const child = spawn(join(root, 'target/release/cuffia'), ['run', '--bridge', '--page', join(root, 'ui/dist')], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const address = await new Promise<string>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the engine did not start')));
      createInterface({ input: child.stdout! }).on(
        'line',
        (line) => line.startsWith('open ') && resolve(line.slice(5)),
      );
    });
    const { host, search } = new URL(address);
    const socket = new WebSocket(`ws://${host}/engine${search}`);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Engine(child, socket);
  }

  /** Carries out one command of the table. */
  command<T>(command: string, values: unknown = {}): Promise<T> {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, command, arguments: values }));
    return new Promise<T>((done, failed) => this.waiting.set(id, { done: done as (value: unknown) => void, failed }));
  }

  snapshot(): Promise<Snapshot> {
    return this.command<Snapshot>('snapshot');
  }

  /** Account, devices, first-start pages: as after the first day. */
  async prepare(): Promise<void> {
    // What rings is heard elsewhere, so that the first sound in the headset is the caller's.
    await this.command('choose_devices', { microphone: ['headset_mic'], loudspeaker: ['headset'], ringer: ['laptop'] });
    await this.command('connect_line', {
      server: 'ws://127.0.0.1:8080/',
      user: 'alice',
      password: 'alicepw',
      displayName: 'Alice',
    });
    await this.command('finish_first_start');
  }

  pid(): number {
    return this.child.pid!;
  }

  async stop(): Promise<void> {
    this.socket.close();
    await stop(this.child);
  }
}
