import type { Key } from '../i18n/i18n.svelte';

/** The parts of the settings page: where they are, and what they are called. */
export const SECTIONS = [
  { id: 'switchboard', title: 'settings.switchboard' },
  { id: 'crm', title: 'settings.crm' },
  { id: 'pop', title: 'pop.title' },
  { id: 'events', title: 'events.title' },
  { id: 'articles', title: 'knowledge.settings' },
  { id: 'headset', title: 'settings.headset' },
  { id: 'look', title: 'settings.look' },
  { id: 'samples', title: 'sample.title' },
  { id: 'sign-out', title: 'signOut.title' },
  { id: 'about', title: 'settings.about' },
] as const satisfies { id: string; title: Key }[];

export type Section = (typeof SECTIONS)[number]['id'];
