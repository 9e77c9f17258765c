/** A first and a last day, as date fields have them: `2026-11-30`. */
export interface Days {
  from: string;
  to: string;
}

/** Where this window is; `toISOString` would be Greenwich. */
function iso(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The month so many months after the one of `now`. */
export function month(now: number, after = 0): Days {
  const date = new Date(now);
  const [year, at] = [date.getFullYear(), date.getMonth() + after];
  // The day before the first of the next month.
  return { from: iso(new Date(year, at, 1)), to: iso(new Date(year, at + 1, 0)) };
}

export function today(now: number): Days {
  const day = iso(new Date(now));
  return { from: day, to: day };
}

/** A day's noon, to be shown. */
export function noon(day: string): number {
  return new Date(`${day}T12:00`).getTime();
}
