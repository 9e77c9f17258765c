import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import type { Language, Theme } from '../src/lib/engine/bindings';
import { FakeEngine } from './fake';
import * as sample from './sample';

/** Each state: how the engine stands, where the operator is, and what he does there. */
const states: Record<
  string,
  { set?: (engine: FakeEngine) => void; at?: string; act?: (page: Page, engine: FakeEngine) => Promise<void> }
> = {
  'first-1': { set: (e) => (e.state.app.firstStart = true) },
  'first-2': {
    set: (e) => (e.state.app.firstStart = true),
    act: async (page) => page.locator('footer .primary').click(),
  },
  'first-3': {
    set: (e) => (e.state.app.firstStart = true),
    act: async (page) => {
      await page.locator('footer .primary').click();
      await page.locator('footer .primary').click();
    },
  },
  idle: {},
  'idle-search': {
    act: async (page) => {
      await page.locator('#dial').fill('giul');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('ArrowDown');
    },
  },
  'idle-none': {
    set: (e) => {
      Object.assign(e.state.line, { kind: 'none', state: 'off', server: '', user: '' });
      e.state.headset.warning = 'no_microphone';
    },
  },
  failed: {
    set: (e) =>
      Object.assign(e.state.line, {
        state: 'failed',
        error: { code: 'line.wrong_password', message: 'x' },
        retryAt: Date.now() + 25_000,
      }),
    at: '#/settings',
  },
  sync: {
    set: (e) => {
      e.work = sample.work();
      Object.assign(e.state.crm, { needs: 3, waiting: 2 });
    },
    at: '#/sync',
  },
  'sync-nothing': { at: '#/sync' },
  mended: { at: '#/customers', set: (e) => (e.state.app.mended = 'whole') },
  'mended-partly': { at: '#/customers', set: (e) => (e.state.app.mended = 'partly') },
  'sync-vanishing': { set: (e) => Object.assign(e.state.crm, { state: 'asking', vanishing: 212 }), at: '#/sync' },
  'sync-first': {
    set: (e) => Object.assign(e.state.crm, { here: 1200, toCome: 2920, answered: Date.now() }),
    at: '#/sync',
  },
  'crm-look': {
    set: (e) => Object.assign(e.state.crm, { state: 'none', name: '', server: '', user: '' }),
    at: '#/settings/crm',
    act: async (page) => {
      await page.locator('section[aria-labelledby=crm] footer .button').click();
      await page.locator('#crm-server').fill('https://dav.example.com/');
      await page.locator('#crm-user').fill('anna');
      await page.locator('#crm-password').fill('secret');
      await page.locator('#crm-look').click();
      await page.locator('#crm-connect').waitFor();
    },
  },
  import: { at: '#/customers/import' },
  'import-table': { set: (e) => (e.state.import = sample.table), at: '#/customers/import' },
  'import-runs': { set: (e) => (e.state.import = { ...sample.table, made: 400 }), at: '#/customers/import' },
  export: { at: '#/export' },
  'export-nothing': { at: '#/export', set: (e) => (e.exported = 0) },
  'export-written': {
    at: '#/export',
    act: async (page) => {
      await page.locator('footer .primary').press('Enter');
      await page.locator('.written').scrollIntoViewIfNeeded();
    },
  },
  'export-form': {
    at: '#/export',
    act: async (page) => {
      await page.getByRole('button', { name: /Your employer’s form|Il modulo/ }).click();
      await page.locator('#form-paste').fill('Data;Nome cliente');
    },
  },
  'export-columns': {
    at: '#/export',
    act: async (page) => {
      await page.locator('#export-form').selectOption('Ferraro weekly');
      await page.getByRole('button', { name: /Change the form|Modifica/ }).click();
    },
  },
  'customer-edit': {
    at: '#/customers/k1',
    act: async (page) => page.locator('.edit').click(),
  },
  ringing: { set: (e) => (e.state.calls = [sample.call({ state: 'ringing_here', answered: null, recording: false })]) },
  call: {
    set: (e) => {
      e.state.calls = [sample.call()];
      e.state.operator = { state: 'in_call', since: Date.now() - 170_000 };
    },
    act: async (page) => {
      await page.getByText(/Sound quality|Qualità/).click();
      await page.keyboard.press('1');
      await page.locator('#topic').fill('iva');
      await page.locator('#topic').fill('va');
    },
  },
  'call-poor': {
    set: (e) => {
      const call = sample.call();
      e.state.calls = [{ ...call, quality: { ...call.quality!, mos: 2.8, cause: 'late', concealed: 11.4 } }];
    },
    act: async (page) => page.getByText(/Sound quality|Qualità/).click(),
  },
  'no-topic': {
    set: (e) => (e.state.calls = [sample.call()]),
    act: async (page) => {
      await page.locator('#topic').fill('consegna');
      await page.getByRole('option').first().waitFor();
    },
  },
  'call-shared-muted': {
    set: (e) => {
      const other = { ...sample.card(), id: 'k9', name: 'Luca Ferraro', promises: [], requests: [] };
      e.state.calls = [
        sample.call({
          name: null,
          customers: [sample.card(), other],
          draft: { ...sample.call().draft, customer: null },
        }),
        sample.call({ id: 'c7', state: 'ringing_here', answered: null, name: 'Elena Russo' }),
      ];
      e.state.headset.muted = true;
    },
    act: async (page) => page.keyboard.press('k'),
  },
  'dead-microphone': {
    set: (e) => {
      e.state.calls = [sample.call()];
      e.state.headset.warning = 'dead_microphone';
    },
  },
  echo: {
    set: (e) => {
      e.state.calls = [sample.call()];
      e.state.headset.warning = 'echo';
    },
  },
  'no-loudspeaker': {
    set: (e) => {
      e.state.calls = [sample.call()];
      e.state.headset.warning = 'no_loudspeaker';
    },
  },
  'silent-practice': {
    set: (e) => {
      e.state.line.kind = 'practice';
      e.state.wrapUp = sample.wrapUp();
      e.state.practice = sample.practice({ state: 'finished', result: { ...sample.result(), microphoneSilent: true } });
    },
  },
  'practice-call': {
    set: (e) => {
      e.state.line.kind = 'practice';
      e.state.calls = [sample.call({ practice: true })];
      e.state.practice = sample.practice();
    },
  },
  'wrap-up': {
    set: (e) => {
      e.state.line.kind = 'practice';
      e.state.wrapUp = sample.wrapUp();
      e.state.operator = { state: 'wrap_up', since: Date.now() - 17_000 };
      e.state.practice = sample.practice({ state: 'finished', result: sample.result() });
    },
  },
  'choose-customer': {
    set: (e) =>
      (e.state.calls = [sample.call({ name: null, customers: [], draft: { ...sample.call().draft, customer: null } })]),
    act: async (page) => {
      await page.getByRole('button', { name: /Choose the customer|Scegli il cliente/ }).click();
      await page.keyboard.type('giul');
      await page.getByRole('option').first().waitFor();
    },
  },
  'unknown-caller': {
    set: (e) =>
      (e.state.calls = [sample.call({ name: null, customers: [], draft: { ...sample.call().draft, customer: null } })]),
  },
  'new-customer': {
    set: (e) =>
      (e.state.calls = [sample.call({ name: null, customers: [], draft: { ...sample.call().draft, customer: null } })]),
    act: async (page) => {
      await page.getByRole('button', { name: /New customer|Nuovo cliente/ }).click();
      await page.keyboard.press('Enter');
    },
  },
  preparing: {
    set: (e) => {
      Object.assign(e.state.line, { kind: 'practice', server: '' });
      e.state.practice = sample.practice({ state: 'preparing', prepared: 35, transcript: [] });
    },
  },
  'not-reached': {
    act: async (_, engine) => {
      const row = sample.calls().find((c) => c.reason === 'busy');
      if (row) engine.say({ part: 'notReached', value: row });
    },
  },
  details: { at: '#/calls/c1' },
  'details-practice': { at: '#/calls/c2' },
  customers: { at: '#/customers' },
  customer: { at: '#/customers/k1' },
  'sign-out': {
    at: '#/settings/sign-out',
    act: async (page) => page.getByRole('button', { name: /Sign out…|Esci…/ }).click(),
  },
  palette: {
    act: async (page) => {
      await page.keyboard.press('Control+p');
      await page.keyboard.type('fer');
      await page.getByRole('option').first().waitFor();
    },
  },
  'signed-out': { set: (e) => (e.state.app.signedOut = true) },
  knowledge: {
    at: '#/knowledge',
    act: async (page) => {
      await page.getByRole('searchbox').fill('invoice');
      await page.locator('mark').first().waitFor();
    },
  },
  article: { at: '#/knowledge/a.md' },
  suggested: {
    set: (e) => {
      const draft = { ...sample.call().draft, kind: 'complaint' as const, note: 'The invoice is not as agreed' };
      e.state.calls = [sample.call({ draft })];
    },
    act: async (page) => page.locator('[data-suggested] button').first().click(),
  },
  practice: { at: '#/practice' },
  settings: { at: '#/settings' },
  'settings-programs': { at: '#/settings/pop' },
  noisy: {
    at: '#/settings',
    set: (e) => (e.state.headset.noisy = true),
    act: async (page) => page.getByText(/Noisy room|Ambiente rumoroso/).scrollIntoViewIfNeeded(),
  },
  'remove-samples': {
    at: '#/settings',
    act: async (page) => {
      await page.getByRole('button', { name: /Remove the samples|Rimuovi gli esempi/ }).click();
      await page.locator('#samples').scrollIntoViewIfNeeded();
    },
  },
  help: { act: async (page) => page.keyboard.press('?') },
  notices: {
    at: '#/practice',
    act: async (_, engine) => {
      engine.say({ part: 'notice', value: { code: 'call.interrupted', message: '' } });
      engine.say({ part: 'notice', value: { code: 'call.restored', message: '' } });
    },
  },
};

const looks: { theme: Theme; language: Language; width?: number; height?: number }[] = [
  { theme: 'light', language: 'en' },
  { theme: 'light', language: 'it', width: 900, height: 640 },
  { theme: 'dark', language: 'it' },
  { theme: 'contrast', language: 'it' },
  { theme: 'light', language: 'it', width: 420 },
];

for (const { theme, language, width, height = 780 } of looks) {
  for (const [name, { set, at = '', act }] of Object.entries(states)) {
    test(`${theme} ${language} ${width ?? ''} ${name}`, async ({ page }) => {
      if (width) await page.setViewportSize({ width, height });
      const problems: string[] = [];
      page.on('console', (m) => m.type() === 'error' && problems.push(m.text()));
      page.on('pageerror', (e) => problems.push(e.message));
      const engine = new FakeEngine();
      Object.assign(engine.state.app, { theme, language });
      set?.(engine);
      await engine.serve(page);
      await page.goto(`/?token=x${at}`);
      await page.locator('h1').first().waitFor();
      await act?.(page, engine);
      await page.waitForTimeout(250);
      await page.screenshot({ path: `test-results/pictures/${name}-${theme}-${language}${width ?? ''}.png` });
      const { violations } = await new AxeBuilder({ page })
        // The high-contrast look promises AAA.
        .options({ rules: { 'color-contrast-enhanced': { enabled: theme === 'contrast' } } })
        .analyze();
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 140)).join(' | ')}`)).toEqual([]);
      const cut = await page.evaluate(() =>
        [document.documentElement, document.querySelector('main')].some((e) => e && e.scrollWidth > e.clientWidth),
      );
      expect(cut, 'nothing is cut off at the side').toBe(false);
      expect(problems).toEqual([]);
      engine.stop();
    });
  }
}
