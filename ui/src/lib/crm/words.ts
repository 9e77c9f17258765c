import type { RecordKind } from '../engine/bindings';
import { dayAndTime } from '../i18n/format';
import { known, t } from '../i18n/i18n.svelte';

/** A field of a record, as people call it. */
export function fieldName(field: string, of: RecordKind = 'customer'): string {
  const key = field === 'record' ? `field.record.${of}` : `field.${field}`;
  return known(key) ? t(key) : field;
}

/** Whether people have a name for it: the rest is the program's own. */
export function isShown(field: string): boolean {
  return known(`field.${field}`);
}

/** A field's value as people write it. */
export function fieldValue(field: string, value: string): string {
  if (!value) return value;
  if (field === 'due') return dayAndTime(Number(value));
  if (field === 'done') return t(value === 'true' ? 'follow.isDone' : 'follow.isOpen');
  return value;
}
