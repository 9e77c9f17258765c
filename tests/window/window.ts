import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { elsewhere, runningWith, written } from '../support/left';
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
    const own = { CUFFIA_DATA_DIR: data, LANG: language, LC_ALL: language };
    const environment = { ...sound.environment, ...elsewhere(home), ...own };
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
