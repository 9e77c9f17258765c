import type { ExportForm, ExportFormat, ExportWhat, FormColumn } from '../engine/bindings';
import { month } from './days';

export const EMPTY = '-empty';
export const TEXT = '-text';

/** A column of a form, and what is chosen for it: while its text is not typed yet, that is not known from the column. */
export interface Line extends FormColumn {
  chosen: string;
}

export function line(column: FormColumn): Line {
  return { ...column, chosen: column.column ?? (column.text ? TEXT : EMPTY) };
}

/** A form that is being made, or changed. */
export class Making {
  /** The form as it was; none: a new one. */
  readonly before: ExportForm | null;
  lines = $state<Line[]>([]);
  name = $state('');
  pasted = $state('');

  constructor(before: ExportForm | null) {
    this.before = before;
    this.lines = before?.columns.map(line) ?? [];
    this.name = before?.name ?? '';
  }
}

/** What is to be exported, and how. */
class Chosen {
  what = $state<ExportWhat>('requests');
  days = $state.raw(month(Date.now()));
  format = $state<ExportFormat>('xlsx');
  form = $state<string | null>(null);
  making = $state.raw<Making | null>(null);
}

let last: Chosen | null = null;

/**
 * What the room begins with. While a form is being made that is what it was left with: what was typed is not lost by taking a call. Else
 * it begins anew, with the month that it is now.
 */
export function begin(): Chosen {
  if (!last?.making) last = new Chosen();
  return last;
}
