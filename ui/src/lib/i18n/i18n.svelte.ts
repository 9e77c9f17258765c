import type { ApiError, Language } from '../engine/bindings';
import { store } from '../engine/store.svelte';
import { en, type Dictionary } from './en';
import { it } from './it';

const dictionaries: Record<Language, Dictionary> = { en, it };

export type Key = keyof Dictionary;
type Values = Record<string, string | number>;

/** Until the engine has said which language it is, the system's. */
const first: Language = navigator.language.startsWith('it') ? 'it' : 'en';

export function language(): Language {
  return store.snapshot?.app.language ?? first;
}

const plurals: Record<Language, Intl.PluralRules> = {
  en: new Intl.PluralRules('en'),
  it: new Intl.PluralRules('it'),
};

/** A text in the operator's language. Texts with two forms are chosen by `count`. */
export function t(key: Key, values: Values = {}): string {
  const lang = language();
  const entry = dictionaries[lang][key];
  const text =
    typeof entry === 'string'
      ? entry
      : entry[plurals[lang].select(Number(values['count'] ?? 0)) === 'one' ? 'one' : 'other'];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Whether there is a text with this key: for words that come from the engine. */
export function known(key: string): key is Key {
  return Object.hasOwn(en, key);
}

/** What to tell the operator: the translation of the code, else the engine's English. */
export function errorText(error: ApiError): string {
  const key = `error.${error.code}`;
  return known(key) ? t(key) : error.message;
}
