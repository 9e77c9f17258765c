import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { SoundServer } from './sound';
import { Window } from './webdriver';

const binary = join(import.meta.dirname, '../../target/debug/cuffia-desktop');

/** The window in a language, on a virtual headset, with folders of its own; afterwards nothing runs and nothing lies elsewhere. */
export const test = base.extend<{ language: string; sound: SoundServer; window: Window }>({
  language: ['en_GB.UTF-8', { option: true }],
  sound: async ({}, use) => {
    const sound = await SoundServer.start();
    await use(sound);
    await sound.stop();
  },
  window: async ({ sound, language }, use, info) => {
    const home = mkdtempSync(join(tmpdir(), 'cuffia-home-'));
    const data = mkdtempSync(join(tmpdir(), 'cuffia-data-'));
    const environment = { ...sound.environment, HOME: home, CUFFIA_DATA_DIR: data, LANG: language, LC_ALL: language };
    const window = await Window.open(binary, environment);
    try {
      await use(window);
    } finally {
      mkdirSync(info.outputDir, { recursive: true });
      writeFileSync(info.outputPath('last.png'), await window.screenshot());
      await window.close();
    }
    await expect.poll(() => runningWith(data), { message: 'nothing is left running' }).toEqual([]);
    expect(written(home), 'nothing is written outside the data folder').toEqual([]);
    for (const folder of [home, data]) rmSync(folder, { recursive: true, force: true });
  },
});

/** Files in a folder, but for those of the system's own libraries: the sound server's cookie and the desktop's settings. */
function written(home: string): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(home, join(entry.parentPath, entry.name)))
    .filter((path) => !['.config/pulse/cookie', '.cache/dconf/user'].includes(path));
}

/** Names of the processes that were started with this data folder. */
function runningWith(data: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const ours = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CUFFIA_DATA_DIR=${data}`);
        return ours ? [readFileSync(`/proc/${pid}/comm`, 'utf8').trim()] : [];
      } catch {
        return []; // gone meanwhile, or not ours to read
      }
    });
}
