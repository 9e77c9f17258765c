import type { CallRow, CallState, CallView, Snapshot } from '../engine/bindings';
import { store } from '../engine/store.svelte';
import { t } from '../i18n/i18n.svelte';
import { act, notices } from './notices.svelte';
import { router } from './router.svelte';

/** Which of several calls the operator looks at: the one he talks in, before one that rings, before one on hold. */
const ORDER: CallState[] = ['active', 'answering', 'held_there', 'dialling', 'ringing_there', 'ringing_here', 'held'];

function main(calls: readonly CallView[]): CallView | null {
  return (
    calls.filter((c) => c.state !== 'ended').sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))[0] ?? null
  );
}

export function nameOf(call: { name: string | null; number: string }): string {
  return call.name || call.number || t('call.unknown');
}

/** The one place: the call that matters now, and what the operator does with it. All ways to answer or hang up lead here. */
class Stage {
  keypad = $state(false);
  /** What was dialled and could not be: the dial field takes it back, to be corrected. */
  toCorrect = $state<string | null>(null);
  #dialled: { call: string; target: string } | null = null;

  get call(): CallView | null {
    return main(store.snapshot?.calls ?? []);
  }

  get others(): CallView[] {
    const one = this.call;
    return (store.snapshot?.calls ?? []).filter((c) => c !== one && c.state !== 'ended');
  }

  get ringing(): CallView | null {
    return store.snapshot?.calls.find((c) => c.state === 'ringing_here') ?? null;
  }

  get inPractice(): boolean {
    const s = store.snapshot;
    return !!s && (s.line.kind === 'practice' || s.practice !== null || s.calls.some((c) => c.practice));
  }

  async answer(call = this.ringing) {
    if (!call) return;
    await act('answer', { call: call.id });
    router.go('calls');
  }

  decline(call = this.ringing) {
    if (call) void act('reject', { call: call.id });
  }

  hangUp(call = this.call) {
    if (!call) return;
    if (call.state === 'ringing_here') this.decline(call);
    else void act('hang_up', { call: call.id });
  }

  mute() {
    const muted = store.snapshot?.headset.muted;
    if (muted !== undefined) void act('mute', { on: !muted });
  }

  hold(call = this.call) {
    if (call?.state === 'active' || call?.state === 'held_there') void act('hold', { call: call.id });
    else if (call?.state === 'held') void act('resume', { call: call.id });
  }

  async dial(target: string): Promise<boolean> {
    const placed = await act('dial', { target });
    if (!placed) return false;
    this.#dialled = { call: placed.call, target };
    router.go('calls');
    return true;
  }

  /** A call that failed because of its number. One who is busy or does not answer was dialled right. */
  notReached(row: CallRow) {
    if (row.reason !== 'not_found' && row.reason !== 'failed') return;
    this.toCorrect = this.#dialled?.call === row.id ? this.#dialled.target : row.number;
  }

  pause() {
    const state = store.snapshot?.operator.state;
    if (state === 'ready' || state === 'paused') void act('pause', { on: state === 'ready' });
  }

  extend() {
    if (store.snapshot?.wrapUp) void act('extend_wrap_up', { seconds: 30 });
  }

  ready() {
    if (store.snapshot?.wrapUp) void act('end_wrap_up', {});
  }
}

export const stage = new Stage();

/** What a screen reader says about the call, one sentence at a time. */
class Live {
  text = $state('');
}
export const live = new Live();

/** Compares two moments and says what happened in between. */
function tell(before: Snapshot, after: Snapshot) {
  for (const call of after.calls) {
    const was = before.calls.find((c) => c.id === call.id)?.state;
    if (was === call.state) continue;
    if (!was) {
      notices.forgetNotReached();
      stage.toCorrect = null;
    }
    if (call.state === 'ringing_here') live.text = t('live.ringing', { name: nameOf(call) });
    else if (call.state === 'dialling') live.text = t('live.dialling', { name: nameOf(call) });
    else if (call.state === 'held') live.text = t('live.held');
    else if (call.state === 'active')
      live.text = was === 'held' || was === 'held_there' ? t('live.resumed') : t('live.answered');
  }
  for (const call of before.calls) {
    if (after.calls.some((c) => c.id === call.id)) continue;
    live.text = t('live.ended');
    stage.keypad = false;
  }
  if (before.headset.muted !== after.headset.muted) live.text = t(after.headset.muted ? 'live.muted' : 'live.unmuted');
}

let last: Snapshot | null = null;
store.onChange((change) => {
  if (change.part === 'notReached') stage.notReached(change.value);
  const snapshot = store.snapshot;
  if (last && snapshot) tell(last, snapshot);
  last = snapshot;
});
