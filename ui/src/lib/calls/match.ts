import Fuse, { type IFuseOptions } from 'fuse.js';

/** A topic or a detail as it is looked for: by its own name, and by the topic it is under. */
export interface Named {
  name: string;
  under: string;
}

export interface Matches<T> {
  list: T[];
  /** Nothing fits what was typed; these come nearest. */
  nearest: boolean;
}

/** One letter in four may differ: "fattura" finds "Fatture", "invoice" finds "Invoices", "rimborso" finds nothing. */
const CLOSE = 0.3;
/** Good enough to be offered, not to be taken by Enter. */
const NEAR = 0.5;
const OFFERED = 3;

const COMMON = { ignoreDiacritics: true, ignoreFieldNorm: true } as const;

function look<T extends Named>(list: readonly T[], typed: string, options: IFuseOptions<T>): T[] {
  return new Fuse(list, { ...COMMON, ...options }).search(typed).map((found) => found.item);
}

/** What fits the typed text, best first; all when nothing is typed. When nothing fits: what comes nearest, at worst `otherwise`. */
export function match<T extends Named>(list: readonly T[], typed: string, otherwise: readonly T[]): Matches<T> {
  const text = typed.trim();
  if (!text) return { list: [...otherwise], nearest: false };
  // A place late in a name counts a little against it, so that what begins with the text comes first.
  const byName = { keys: ['name'], distance: 300 };
  let found = look(list, text, { ...byName, threshold: CLOSE });
  // Several words, of the topic and of the detail: "fattura importo".
  if (!found.length && /\s/.test(text))
    found = look(list, text, { keys: ['name', 'under'], threshold: CLOSE, useTokenSearch: true, tokenMatch: 'all' });
  if (found.length) return { list: found, nearest: false };
  const near = look(list, text, { ...byName, threshold: NEAR }).slice(0, OFFERED);
  return { list: near.length ? near : [...otherwise], nearest: true };
}
