import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc (sysconf CLK_TCK on every Linux we run on). */
const TICKS = 100;

function parents(): Map<number, number> {
  const found = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      found.set(Number(entry), Number(fields(Number(entry))[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

/** Fields of /proc/PID/stat from the third on: the second, the name, may hold anything. */
function fields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** A process and all below it. */
export function tree(root: number): number[] {
  const above = parents();
  const members = [root];
  for (const member of members) for (const [pid, parent] of above) if (parent === member) members.push(pid);
  return members;
}

/** CPU time of a process tree so far, in seconds (user and system). */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const pid of tree(root)) {
    try {
      const f = fields(pid);
      ticks += Number(f[11]) + Number(f[12]);
    } catch {
      // Gone meanwhile: what it used in its last moments is not counted.
    }
  }
  return ticks / TICKS;
}

/** Proportional set size of a process tree, MB (10^6 bytes): shared pages are counted once, divided among their users. */
export function pssMegabytes(root: number): number {
  let kilobytes = 0;
  for (const pid of tree(root)) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // Gone meanwhile.
    }
  }
  return (kilobytes * 1024) / 1e6;
}
