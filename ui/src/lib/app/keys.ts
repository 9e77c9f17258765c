import { SHORTCUTS } from './shortcuts';

const MAC = navigator.platform.startsWith('Mac');
const SEQUENCE_MS = 900;

/** Function keys and keys with Ctrl or Alt work everywhere; a letter belongs to the text field that has the focus. */
export function everywhere(key: string): boolean {
  return /^F\d+$/.test(key) || /^(Mod|Alt|Shift)\+/.test(key);
}

/** As people read it: `Ctrl+Enter`. */
export function shown(key: string): string {
  return key.replace('Mod', MAC ? '⌘' : 'Ctrl').replace('Escape', 'Esc');
}

/** As `aria-keyshortcuts` wants it. */
export function forReaders(keys: string[]): string {
  return keys
    .filter((k) => !k.includes(' '))
    .map((k) => k.replace('Mod', MAC ? 'Meta' : 'Control'))
    .join(' ');
}

function matches(event: KeyboardEvent, key: string): boolean {
  const parts = key.split('+');
  const name = parts.pop() ?? '';
  const mod = parts.includes('Mod');
  if (event.altKey !== parts.includes('Alt')) return false;
  if ((event.ctrlKey || event.metaKey) !== mod) return false;
  // The shift of `?` belongs to the key itself.
  if (name.length > 1 && event.shiftKey !== parts.includes('Shift')) return false;
  // With Alt a Mac writes other characters, so the digit row goes by its place.
  if (parts.includes('Alt') && /^\d$/.test(name)) return event.code === `Digit${name}`;
  return event.key.toLowerCase() === name.toLowerCase();
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['radio', 'checkbox', 'button'].includes(target.type);
  return target.matches('textarea, select, [contenteditable], [role="combobox"]');
}

/** A search field that merely has the focus, with nothing in it: Enter is free there. */
function isEmptyField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.value === '';
}

/** Enter and Space belong to the button that has the focus. */
function isPressable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, [role="slider"], [role="button"]');
}

let first = { key: '', at: 0 };

/** The one key handler of the window. */
export function onKeyDown(event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  const typing = isTyping(event.target);
  const modal = document.querySelector('dialog[open]') !== null;
  for (const { keys, when, run } of SHORTCUTS) {
    for (const key of keys) {
      const free = key === 'Enter' && !modal && isEmptyField(event.target);
      if ((typing || modal) && !everywhere(key) && !free) continue;
      if (key === 'Enter' && isPressable(event.target)) continue;
      const [one, two] = key.split(' ');
      const hit = two
        ? first.key === one && event.timeStamp - first.at < SEQUENCE_MS && matches(event, two)
        : matches(event, key);
      if (!hit || !when()) continue;
      event.preventDefault();
      first = { key: '', at: 0 };
      run(key);
      return;
    }
  }
  if (!typing) first = { key: event.key, at: event.timeStamp };
}
