import { number, when } from '../i18n/format';
import type { CrmView } from '../engine/bindings';
import { t } from '../i18n/i18n.svelte';

/** How it goes with the CRM, in as few words as say it. What needs the operator comes first. */
export function crmText(crm: CrmView, now: number): string {
  if (crm.state === 'off') return t('crm.off');
  if (crm.state === 'sign_in') return t('crm.signIn');
  if (crm.state === 'asking') return t('crm.asking');
  if (crm.needs > 0) return t('crm.needs', { count: crm.needs });
  if (crm.state === 'unreachable')
    return crm.answered === null ? t('crm.never') : t('crm.offline', { since: when(crm.answered, now) });
  if (crm.here !== null && crm.waiting === 0) {
    if (crm.toCome === null) return t('crm.first', { here: number(crm.here) });
    const so = t('crm.firstOf', { here: number(crm.here), all: number(crm.here + crm.toCome) });
    if (crm.leftMs === null) return so;
    const minutes = Math.round(crm.leftMs / 60_000);
    return `${so}, ${minutes < 1 ? t('crm.soon') : t('crm.left', { count: minutes })}`;
  }
  if (crm.waiting > 0) return t('crm.waiting', { count: crm.waiting });
  return t('crm.sent');
}

/** Whether the operator has to do something about it. */
export function crmCalls(crm: CrmView): boolean {
  return crm.state === 'sign_in' || crm.state === 'asking' || crm.needs > 0;
}
