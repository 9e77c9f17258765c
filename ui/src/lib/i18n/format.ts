import { language } from './i18n.svelte';

const made = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language() + JSON.stringify(options);
  let format = made.get(key) as Intl.DateTimeFormat | undefined;
  if (!format) made.set(key, (format = new Intl.DateTimeFormat(locale(), options)));
  return format;
}

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language() + JSON.stringify(options) + '#';
  let format = made.get(key) as Intl.NumberFormat | undefined;
  if (!format) made.set(key, (format = new Intl.NumberFormat(locale(), options)));
  return format;
}

/** British English: the day before the month, twenty-four hours, as everywhere in Europe. */
function locale(): string {
  return language() === 'it' ? 'it-IT' : 'en-GB';
}

/** 14:02 */
export function time(at: number): string {
  return dates({ hour: '2-digit', minute: '2-digit' }).format(at);
}

/** 3 March 2026 */
export function day(at: number): string {
  return dates({ day: 'numeric', month: 'long', year: 'numeric' }).format(at);
}

/** 3 Mar */
export function shortDay(at: number): string {
  return dates({ day: 'numeric', month: 'short' }).format(at);
}

/** Today's times as times, older ones with the day. */
export function when(at: number, now: number): string {
  const sameDay = new Date(at).toDateString() === new Date(now).toDateString();
  return sameDay ? time(at) : `${shortDay(at)}, ${time(at)}`;
}

/** Sunday 1 March, 14:02 */
export function dayAndTime(at: number): string {
  return dates({ weekday: 'long', day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' }).format(at);
}

/** A running timer: 4:07, 1:02:33. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = numbers({ minimumIntegerDigits: 2, useGrouping: false });
  const plain = numbers({ useGrouping: false });
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${plain.format(h)}:${two.format(m)}:${two.format(s)}` : `${plain.format(m)}:${two.format(s)}`;
}

/** 4.2s, 4,2 s */
export function seconds(ms: number): string {
  const digits = ms < 10_000 ? 1 : 0;
  return numbers({ style: 'unit', unit: 'second', unitDisplay: 'narrow', maximumFractionDigits: digits }).format(
    ms / 1000,
  );
}

/** 38 ms */
export function milliseconds(ms: number, digits = 0): string {
  return numbers({
    style: 'unit',
    unit: 'millisecond',
    unitDisplay: 'short',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(ms);
}

/** 4.1 */
export function number(value: number, digits = 0): string {
  return numbers({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** 1.5 %: the value is already in percent. */
export function percent(value: number, digits = 0): string {
  return numbers({ style: 'percent', minimumFractionDigits: 0, maximumFractionDigits: digits }).format(value / 100);
}
