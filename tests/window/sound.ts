import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start, stop, until } from './process';

/** A sound server with a virtual headset (tests/peers/pulse), and the environment in which a program finds it. */
export class SoundServer {
  private constructor(
    private readonly folder: string,
    readonly environment: Record<string, string>,
    private readonly server: ReturnType<typeof start>,
  ) {}

  static async start(): Promise<SoundServer> {
    const folder = mkdtempSync(join(tmpdir(), 'cuffia-sound-'));
    for (const name of ['asound.conf', 'daemon.conf', 'headset.pa']) {
      const text = readFileSync(join(import.meta.dirname, '../peers/pulse', name), 'utf8');
      writeFileSync(join(folder, name), text.replaceAll('@RUN@', folder));
    }
    const own = { HOME: folder, XDG_RUNTIME_DIR: folder, PULSE_RUNTIME_PATH: folder };
    const server = start('pulseaudio', ['-n', '--daemonize=no', '-F', join(folder, 'headset.pa')], {
      env: { ...process.env, ...own, PULSE_CONFIG: join(folder, 'daemon.conf') },
    });
    const environment = {
      PULSE_SERVER: `unix:${join(folder, 'pulse.sock')}`,
      ALSA_CONFIG_PATH: join(folder, 'asound.conf'),
    };
    await until('the sound server', 20, async () => {
      execFileSync('pactl', ['info'], { env: { ...process.env, ...environment }, stdio: 'ignore' });
      return true;
    });
    return new SoundServer(folder, environment, server);
  }

  /** Follows what a source plays, 48 kHz mono, in pieces of 10 ms (`float32le`); `stop` ends it. */
  listen(source: string, each: (rms: number, sound: Buffer) => void): { stop: () => void } {
    const child = spawn(
      'pacat',
      [
        '--record',
        '--raw',
        '--format=float32le',
        '--rate=48000',
        '--channels=1',
        '--latency-msec=10',
        `--device=${source}`,
      ],
      { env: { ...process.env, ...this.environment }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    let kept = Buffer.alloc(0);
    child.stdout.on('data', (piece: Buffer) => {
      kept = Buffer.concat([kept, piece]);
      for (; kept.length >= 1920; kept = kept.subarray(1920)) {
        let square = 0;
        for (let i = 0; i < 480; i++) square += kept.readFloatLE(i * 4) ** 2;
        each(Math.sqrt(square / 480), kept.subarray(0, 1920));
      }
    });
    return { stop: () => child.kill() };
  }

  /** Plays sound (48 kHz mono, `float32le`) into a sink; `stop` ends it. */
  play(sink: string, sound: Buffer): { stop: () => void } {
    const child = spawn(
      'pacat',
      ['--playback', '--raw', '--format=float32le', '--rate=48000', '--channels=1', `--device=${sink}`],
      { env: { ...process.env, ...this.environment }, stdio: ['pipe', 'ignore', 'ignore'] },
    );
    child.stdin.end(sound);
    return { stop: () => child.kill() };
  }

  async stop(): Promise<void> {
    await stop(this.server);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
