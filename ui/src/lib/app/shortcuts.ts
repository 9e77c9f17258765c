import { flushSync } from 'svelte';
import type { Key } from '../i18n/i18n.svelte';
import { store } from '../engine/store.svelte';
import { router, type Room } from './router.svelte';
import { stage } from './stage.svelte';

export interface Shortcut {
  id: string;
  /** Alternatives. `g c` is one key after the other; `Mod` is Ctrl, or Command on a Mac. */
  keys: string[];
  label: Key;
  when: () => boolean;
  run: (key: string) => void;
  /** It ends a call, so it has to be asked for by its whole name. */
  ends?: true;
}

const go = (room: Room) => () => router.go(room);
const started = () => store.snapshot?.app.firstStart === false && !store.snapshot.app.signedOut;
const talking = () => {
  const state = stage.call?.state;
  return state !== undefined && state !== 'ringing_here';
};
const answered = () => !!stage.call?.answered;
const ringing = () => stage.ringing !== null;
const writing = () => answered() || !!store.snapshot?.wrapUp;
const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();
/** The call's page, which must be there before anything on it is reached. */
const atCall = () => {
  router.go('calls');
  flushSync();
};

/** Every shortcut, once: the key handler, the help sheet and the tooltips read this table. */
export const SHORTCUTS: readonly Shortcut[] = [
  { id: 'answer', keys: ['F9', 'Enter'], label: 'call.answer', when: ringing, run: () => void stage.answer() },
  {
    id: 'hangUp',
    keys: ['F10', 'Shift+Escape'],
    label: 'call.hangUp',
    when: () => !!stage.call,
    run: () => stage.hangUp(),
    ends: true,
  },
  { id: 'decline', keys: ['D'], label: 'call.decline', when: ringing, run: () => stage.decline(), ends: true },
  { id: 'mute', keys: ['F8', 'M'], label: 'shortcut.muteUnmute', when: talking, run: () => stage.mute() },
  { id: 'hold', keys: ['F7', 'H'], label: 'shortcut.holdResume', when: answered, run: () => stage.hold() },
  { id: 'keypad', keys: ['K'], label: 'call.keypad', when: answered, run: () => (stage.keypad = !stage.keypad) },
  {
    id: 'kind',
    keys: ['1', '2', '3', '4', '5', '6', '7'],
    label: 'shortcut.kind',
    when: () => writing() && !stage.keypad && router.room === 'calls',
    run: (key) => document.querySelector<HTMLInputElement>(`[data-kind="${key}"]`)?.click(),
  },
  {
    id: 'note',
    keys: ['N'],
    label: 'shortcut.note',
    when: writing,
    run: () => (atCall(), focus('[data-form] [role="combobox"]')),
  },
  {
    id: 'article',
    keys: ['F6'],
    label: 'shortcut.article',
    when: () => writing() && router.room === 'calls',
    run: () => focus('[data-suggested] button'),
  },
  {
    id: 'register',
    keys: ['Mod+Enter'],
    label: 'shortcut.register',
    when: writing,
    run: () => (atCall(), document.querySelector<HTMLElement>('[data-register] button')?.click()),
  },
  {
    id: 'extend',
    keys: ['E'],
    label: 'shortcut.extend',
    when: () => !!store.snapshot?.wrapUp,
    run: () => stage.extend(),
  },
  { id: 'ready', keys: ['R'], label: 'shortcut.ready', when: () => !!store.snapshot?.wrapUp, run: () => stage.ready() },
  {
    id: 'dial',
    keys: ['Mod+K', '/'],
    label: 'shortcut.dial',
    when: () => started() && !stage.call,
    run: () => {
      router.go('calls');
      // The next letter may come before the next picture: the field must be there and have the focus now.
      flushSync();
      focus('[data-dial]');
    },
  },
  { id: 'break', keys: ['B'], label: 'shortcut.break', when: () => started() && !stage.call, run: () => stage.pause() },
  { id: 'calls', keys: ['Alt+1', 'g c'], label: 'nav.calls', when: started, run: go('calls') },
  { id: 'customers', keys: ['Alt+2', 'g k'], label: 'nav.customers', when: started, run: go('customers') },
  { id: 'knowledge', keys: ['Alt+3', 'g a'], label: 'nav.knowledge', when: started, run: go('knowledge') },
  { id: 'practice', keys: ['Alt+4', 'g p'], label: 'nav.practice', when: started, run: go('practice') },
  { id: 'settings', keys: ['Alt+5', 'g s'], label: 'nav.settings', when: started, run: go('settings') },
  {
    id: 'palette',
    keys: ['Mod+P'],
    label: 'palette.title',
    when: started,
    run: () => openPalette(),
  },
  { id: 'help', keys: ['?'], label: 'shortcut.help', when: () => true, run: () => focusHelp() },
];

let focusHelp = () => {};
/** The help sheet says how it is opened. */
export function onHelp(open: () => void) {
  focusHelp = open;
}

let openPalette = () => {};
/** The field for everything says how it is opened. */
export function onPalette(open: () => void) {
  openPalette = open;
}

export function shortcut(id: string): Shortcut | undefined {
  return SHORTCUTS.find((s) => s.id === id);
}
