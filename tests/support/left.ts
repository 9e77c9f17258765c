import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** An environment in which whatever a program writes elsewhere than in its data folder lands in a folder of the test's own. */
export function elsewhere(home: string): Record<string, string | undefined> {
  const system = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME'];
  return { HOME: home, TMPDIR: home, ...Object.fromEntries(system.map((name) => [name, undefined])) };
}

/** Files in a folder, but for those of the system's own libraries: the sound server's cookie and the desktop's settings. */
export function written(home: string): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(home, join(entry.parentPath, entry.name)))
    .filter((path) => !['.config/pulse/cookie', '.cache/dconf/user'].includes(path));
}

/** The processes that were started with this data folder. */
export function running(data: string): { pid: number; name: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const ours = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CUFFIA_DATA_DIR=${data}`);
        return ours ? [{ pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }] : [];
      } catch {
        return []; // gone meanwhile, or not ours to read
      }
    });
}

/** Their names. */
export function runningWith(data: string): string[] {
  return running(data).map((process) => process.name);
}
