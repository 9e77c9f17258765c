import { known, t } from '../i18n/i18n.svelte';

/** A field of a customer, as people call it. */
export function fieldName(field: string): string {
  const key = `field.${field}`;
  return known(key) ? t(key) : field;
}
