import { act } from '../app/notices.svelte';
import { router } from '../app/router.svelte';
import { onPalette, SHORTCUTS, type Shortcut } from '../app/shortcuts';
import { looked } from '../knowledge/search.svelte';
import type { ArticleRow, CustomerRow } from '../engine/bindings';
import { t } from '../i18n/i18n.svelte';
import { SECTIONS } from '../settings/sections';

/** Something that is found: where it leads is its own business. */
export type Found =
  | { key: string; kind: 'customer'; row: CustomerRow; go: () => void }
  | { key: string; kind: 'article'; row: ArticleRow; go: () => void }
  | { key: string; kind: 'command'; name: string; keys: string[]; ends: boolean; go: () => void }
  | { key: string; kind: 'settings'; name: string; go: () => void };

const CUSTOMERS = 6;
const ARTICLES = 4;
const PAUSE = 90;
/** They are no commands by themselves: one opens this, the other is a choice among seven. */
const NOT_HERE = ['palette', 'kind'];

/** Without accents and case, as everything is found. */
const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** Finds anything: customers, articles, what can be done now, parts of the settings. */
class Palette {
  open = $state(false);
  text = $state('');
  /** Which of what is found is taken by Enter. */
  marked = $state(0);
  found = $state.raw<Found[]>([]);
  /** What is found is of what stands in the field. */
  #settled: Promise<void> = Promise.resolve();
  #asked = 0;

  show() {
    this.open = true;
    this.type('');
  }

  type(text: string) {
    this.text = text;
    this.marked = 0;
    const mine = ++this.#asked;
    this.#settled = this.#find(text.trim(), mine);
  }

  async #find(text: string, mine: number) {
    if (text) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (mine !== this.#asked) return;
    const [customers, articles] = text
      ? await Promise.all([act('find_customers', { text, limit: CUSTOMERS }), act('find_articles', { text })])
      : [[], []];
    if (mine !== this.#asked) return;
    const all = commands(text);
    /** What begins as it is typed is what was meant. */
    const meant = (one: Found) =>
      !!text &&
      'name' in one &&
      fold(one.name).startsWith(fold(text)) &&
      // Nobody ends a call by looking for somebody whose name begins alike.
      (!('ends' in one && one.ends) || fold(one.name) === fold(text));
    this.found = [
      ...all.filter(meant),
      ...(customers ?? []).map((row): Found => {
        return { key: `customer ${row.id}`, kind: 'customer', row, go: () => router.go('customers', row.id) };
      }),
      ...all.filter((one) => !meant(one)),
      ...(articles ?? []).slice(0, ARTICLES).map((row): Found => {
        const go = () => {
          looked.text = text;
          router.go('knowledge', row.id);
        };
        return { key: `article ${row.id}`, kind: 'article', row, go };
      }),
    ];
  }

  /** What is found for what stands in the field now, however fast it was typed. */
  async now(): Promise<Found[]> {
    let waited;
    do {
      waited = this.#settled;
      await waited;
    } while (waited !== this.#settled);
    return this.found;
  }
}

function commands(text: string): Found[] {
  const words = fold(text).split(/\s+/).filter(Boolean);
  const fits = (name: string) => words.every((word) => fold(name).includes(word));
  const named = (s: Shortcut) => ({ s, name: t(s.label) });
  const here = (s: Shortcut) => !NOT_HERE.includes(s.id) && (words.length > 0 || !s.ends) && s.when();
  const doable = SHORTCUTS.filter(here).map(named);
  const parts = SECTIONS.map(({ id, title }) => ({ id, name: `${t('nav.settings')} › ${t(title)}` }));
  return [
    ...doable
      .filter(({ name }) => fits(name))
      .map(({ s, name }): Found => {
        // It may not be to be done any more.
        const go = () => void (s.when() && s.run(s.keys[0] ?? ''));
        return { key: `command ${s.id}`, kind: 'command', name, keys: s.keys, ends: !!s.ends, go };
      }),
    ...(words.length ? parts : [])
      .filter(({ name }) => fits(name))
      .map(({ id, name }): Found => {
        return { key: `settings ${id}`, kind: 'settings', name, go: () => router.go('settings', id) };
      }),
  ];
}

export const palette = new Palette();
onPalette(() => palette.show());
