import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

/** Starts a program, with what it says on standard error kept for the day it fails. */
export function start(command: string, args: string[], options: SpawnOptions): ChildProcess {
  return spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'], ...options });
}

/** Asks a program to end and waits until it has. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await ended;
}

/** Tries until it gives something, at most for so long; the last error says why it never did. */
export async function until<T>(
  what: string,
  seconds: number,
  attempt: () => Promise<T | undefined | false>,
): Promise<T> {
  const limit = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < limit) {
    try {
      const found = await attempt();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what} did not happen within ${seconds} s${last ? `: ${last}` : ''}`);
}
