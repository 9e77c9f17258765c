import type { RequestDraft, RequestView } from '../engine/bindings';
import { topics } from '../app/topics.svelte';
import { t } from '../i18n/i18n.svelte';

/** In how many days something is to be done; none where no day is set. */
export const DAYS = [0, 1, 3, 7, 30] as const;
/** What is to be done on a day is to be done by this hour. */
const EVENING = 18;

/** The evening of the day in so many days, where this window is; the last minute of a day whose evening is past. */
export function evening(days: number, now: number): number {
  const at = new Date(now);
  at.setDate(at.getDate() + days);
  at.setHours(EVENING, 0, 0, 0);
  if (at.getTime() <= now) at.setHours(23, 59, 0, 0);
  return at.getTime();
}

/** How many days from today that is. */
export function daysUntil(due: number, now: number): number {
  const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0);
  // Some days have 23 hours, some 25.
  return Math.round((midnight(due) - midnight(now)) / 86_400_000);
}

/** What a request is about; one that was made in the CRM has a name there and no topic. */
export function about(request: RequestDraft | RequestView): { kind: string; topic: string } {
  const kind = request.kind ? t(`kind.${request.kind}`) : 'title' in request ? request.title : '';
  return { kind, topic: request.topic ? topics.name(request.topic, request.subtopic) : '' };
}
