import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { test } from '@playwright/test';
import { stop, until } from '../tests/window/process';
import { SoundServer } from '../tests/window/sound';
import { ChromiumPhone, Cuffia, type Client } from './clients';
import { Engine } from './engine';
import { cpuSeconds, pssMegabytes } from './processes';

const root = join(import.meta.dirname, '..');
const rounds = Number(process.env['CUFFIA_BENCH_ROUNDS'] ?? 5);
const talkSeconds = Number(process.env['CUFFIA_BENCH_SECONDS'] ?? 20);
const rest = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** What is measured, in this order. Smaller is better in each. */
const FIGURES = {
  picture: { name: 'program start to first picture', unit: 'ms' },
  registered: { name: 'program start to registered', unit: 'ms' },
  ringing: { name: 'INVITE sent to ringing picture, ours with the customer’s card', unit: 'ms' },
  audible: { name: 'answer pressed to first audible sound', unit: 'ms' },
  cpu: { name: 'CPU in a call, whole program', unit: 'CPU-s a minute' },
  idle: { name: 'memory registered and idle, whole program', unit: 'MB PSS' },
  inCall: { name: 'memory in a call, whole program', unit: 'MB PSS' },
} as const;
type Figures = Record<keyof typeof FIGURES, number>;

/** A customer's, and a user of the test switchboard. */
const NUMBER = '02079460018';
const NAME = 'Anna Po';

/** The caller: libwebrtc without a browser (tests/switchboard), playing 700 Hz from the first packet on. */
class Caller {
  private readonly said: { event: string; at: number }[] = [];
  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.said.push(JSON.parse(line) as { event: string; at: number });
    });
  }
  static async start(): Promise<Caller> {
    const script = join(root, 'tests/switchboard/webrtc-peer.mjs');
    const child = spawn('node', [script, NUMBER, `${NUMBER}pw`, '700'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const caller = new Caller(child);
    await caller.event('registered');
    return caller;
  }
  /** Calls alice; gives when the INVITE left. */
  async call(): Promise<number> {
    this.said.length = 0;
    this.child.stdin!.write('call alice\n');
    return this.event('sending');
  }
  /** When it said this, since the last call. */
  event(name: string): Promise<number> {
    return until(`the caller's ${name}`, 30, async () => this.said.find((s) => s.event === name)?.at);
  }
  stop = () => stop(this.child);
}

/** Waits for the first sound in the headset; gives when it was there, as exact as the sound server's 10 ms pieces. */
function firstSound(sound: SoundServer): { at: Promise<number>; stop: () => void } {
  const AUDIBLE = 10 ** (-40 / 20); // -40 dBFS
  let heard: (at: number) => void;
  const at = new Promise<number>((resolve) => (heard = resolve));
  const listening = sound.listen('headset_spk.monitor', (rms) => rms > AUDIBLE && heard(Date.now()));
  return { at, stop: listening.stop };
}

/** CPU seconds a minute over some seconds of talk. */
async function cpuPerMinute(pid: number): Promise<number> {
  const [cpu, at] = [cpuSeconds(pid), performance.now()];
  await rest(talkSeconds);
  return ((cpuSeconds(pid) - cpu) * 60_000) / (performance.now() - at);
}

async function measure(client: Client, caller: Caller, sound: SoundServer): Promise<Figures> {
  const { begun, picture, registered } = await client.start();
  try {
    await rest(5);
    const idle = pssMegabytes(client.pid());
    await client.watchForRinging(NAME);
    const sent = await caller.call();
    const ringing = await client.ringing();
    const first = firstSound(sound);
    await rest(1); // as a person who reaches for the key; and the listener is there
    const pressed = await client.answer();
    const audible = await first.at;
    first.stop();
    await rest(3);
    const cpu = await cpuPerMinute(client.pid());
    const inCall = pssMegabytes(client.pid());
    await client.hangUp();
    await caller.event('ended');
    return {
      ...{ picture: picture - begun, registered: registered - begun, ringing: ringing - sent },
      ...{ audible: audible - pressed, cpu, idle, inCall },
    };
  } finally {
    await client.stop();
  }
}

/** Whoever calls is a customer from now on. */
async function makeCustomer(engine: Engine, caller: Caller) {
  await until('registration', 20, async () => (await engine.snapshot()).line.state === 'registered');
  await caller.call();
  const call = await until('the call', 20, async () => (await engine.snapshot()).calls[0]?.id);
  await engine.command('add_customer', { call, name: NAME, company: 'Officine Po' });
  await engine.command('hang_up', { call });
  await caller.event('failed');
}

/** The engine without a window: memory idle and in a call, CPU in a call. */
async function measureEngine(environment: Record<string, string>, caller: Caller) {
  const engine = await Engine.start(environment);
  try {
    await engine.prepare();
    await until('registration', 20, async () => (await engine.snapshot()).line.state === 'registered');
    await rest(5);
    const idle = pssMegabytes(engine.pid());
    await caller.call();
    const call = await until('the call', 20, async () => (await engine.snapshot()).calls[0]?.id);
    await engine.command('answer', { call });
    await rest(3);
    const cpu = await cpuPerMinute(engine.pid());
    const inCall = pssMegabytes(engine.pid());
    await engine.command('hang_up', { call });
    await caller.event('ended');
    return { idle, inCall, cpu };
  } finally {
    await engine.stop();
  }
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const round = (value: number) => (value < 10 ? Math.round(value * 100) / 100 : Math.round(value));
const version = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim();

test('the first call, beside Chromium with JsSIP', async ({}, info) => {
  const sound = await SoundServer.start();
  const caller = await Caller.start();
  const ours = new Cuffia(sound.environment);
  const peer = new ChromiumPhone(sound.environment);
  const results: Record<'ours' | 'peer', Figures[]> = { ours: [], peer: [] };
  const engine: { idle: number; inCall: number; cpu: number }[] = [];
  try {
    await ours.prepare((engine) => makeCustomer(engine, caller));
    await peer.prepare();
    for (let i = 0; i < rounds; i++) {
      console.log(`round ${i + 1} of ${rounds}`);
      results.ours.push(await measure(ours, caller, sound));
      results.peer.push(await measure(peer, caller, sound));
      engine.push(
        await measureEngine({ ...sound.environment, CUFFIA_DATA_DIR: info.outputPath(`engine-${i}`) }, caller),
      );
    }
  } finally {
    ours.remove();
    peer.remove();
    await caller.stop();
    await sound.stop();
  }
  report(results, engine);
});

function report(results: Record<'ours' | 'peer', Figures[]>, engine: { idle: number; inCall: number; cpu: number }[]) {
  const row = (name: string, unit: string, ours: number[], peer: number[]) => ({
    ...{ name, unit, ours: round(median(ours)), peer: round(median(peer)) },
    ...{ ratio: round(median(ours) / median(peer)), each: { ours: ours.map(round), peer: peer.map(round) } },
  });
  const rows = (Object.keys(FIGURES) as (keyof typeof FIGURES)[]).map((key) =>
    row(
      FIGURES[key].name,
      FIGURES[key].unit,
      results.ours.map((f) => f[key]),
      results.peer.map((f) => f[key]),
    ),
  );
  for (const [key, name, unit] of [
    ['cpu', 'CPU in a call, engine alone beside the whole browser', 'CPU-s a minute'],
    ['idle', 'memory registered and idle, engine alone beside the whole browser', 'MB PSS'],
    ['inCall', 'memory in a call, engine alone beside the whole browser', 'MB PSS'],
  ] as const) {
    rows.push(
      row(
        name,
        unit,
        engine.map((e) => e[key]),
        results.peer.map((f) => f[key]),
      ),
    );
  }
  const figures = {
    ...{ date: new Date().toISOString().slice(0, 10), rounds, talkSeconds },
    machine: `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()} ${arch()}`,
    versions: {
      cuffia: version(join(root, 'target/release/cuffia'), '--version'),
      peer: `${version('/usr/bin/chromium', '--version')}, JsSIP ${jssipVersion()}`,
      switchboard: version('kamailio', '-v').split('\n')[0],
    },
    figures: rows,
  };
  mkdirSync(join(root, 'bench/out'), { recursive: true });
  const file = join(root, 'bench/out/figures.json');
  // What other benches wrote into the same file stays.
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {};
  writeFileSync(file, `${JSON.stringify({ ...kept, ...figures }, null, 2)}\n`);
  console.log(`\n${figures.machine}\n${Object.values(figures.versions).join('\n')}\nmedian of ${rounds}\n`);
  console.log(`${'figure'.padEnd(70)}${'ours'.padStart(8)}${'peer'.padStart(8)}${'ratio'.padStart(8)}  unit`);
  for (const r of rows) {
    const numbers = [r.ours, r.peer, r.ratio].map((n) => String(n).padStart(8)).join('');
    console.log(`${r.name.padEnd(70)}${numbers}  ${r.unit}`);
  }
  console.log('\nwritten to bench/out/figures.json');
}

function jssipVersion(): string {
  const text = readFileSync(join(root, 'node_modules/jssip/package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
