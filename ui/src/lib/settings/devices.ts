import { t } from '../i18n/i18n.svelte';

/** What people call a device in use; none has a name too. */
export function deviceName(name: string | null): string {
  if (name === null) return t('headset.none');
  return name === 'default' ? t('headset.default') : name;
}
