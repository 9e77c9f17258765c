import type { ApiError, CallRow } from '../engine/bindings';
import type { AnswerTo, Command, RequestOf } from '../engine/engine';
import { store } from '../engine/store.svelte';

export interface Notice {
  id: number;
  /** Problems interrupt a screen reader, news wait. */
  problem: boolean;
  error: ApiError | null;
  /** A call of ours that was not answered. It stays until it is dismissed or another call begins. */
  notReached: CallRow | null;
}

const NEWS = new Set(['call.restored']);
const NEWS_STAY = 6_000;
const PROBLEMS_STAY = 15_000;
const MOST = 4;

class Notices {
  list = $state.raw<Notice[]>([]);
  #next = 1;

  problem(error: ApiError) {
    this.#add({ id: this.#next++, problem: !NEWS.has(error.code), error, notReached: null });
  }

  notReached(row: CallRow) {
    this.#add({ id: this.#next++, problem: true, error: null, notReached: row });
  }

  /** Another call begins: what became of the last is no news any more. */
  forgetNotReached() {
    if (this.list.some((n) => n.notReached)) this.list = this.list.filter((n) => !n.notReached);
  }

  /** What was told with this code is over. */
  forget(code: string) {
    if (this.list.some((n) => n.error?.code === code)) this.list = this.list.filter((n) => n.error?.code !== code);
  }

  dismiss(id: number) {
    this.list = this.list.filter((n) => n.id !== id);
  }

  #add(notice: Notice) {
    const same = (n: Notice) => n.error?.code === notice.error?.code && !n.notReached === !notice.notReached;
    this.list = [...this.list.filter((n) => !same(n)), notice].slice(-MOST);
    if (notice.notReached) return;
    setTimeout(() => this.dismiss(notice.id), notice.problem ? PROBLEMS_STAY : NEWS_STAY);
  }
}

export const notices = new Notices();

store.onChange((change) => {
  if (change.part === 'notice') notices.problem(change.value);
  if (change.part === 'notReached') notices.notReached(change.value);
  // That it is being mended is no longer so; that it is mended is said beside.
  if (change.part === 'app' && change.value.mended) notices.forget('store.damaged');
});

/** Carries out what the operator asked for. When it fails he is told, and gets nothing. */
export async function act<K extends Command>(command: K, request: RequestOf<K>): Promise<AnswerTo<K> | undefined> {
  try {
    return await store.call(command, request);
  } catch (e) {
    notices.problem(e as ApiError);
    return undefined;
  }
}
