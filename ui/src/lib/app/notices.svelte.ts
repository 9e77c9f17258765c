import type { ApiError } from '../engine/bindings';
import type { AnswerTo, Command, RequestOf } from '../engine/engine';
import { store } from '../engine/store.svelte';

export interface Notice {
  id: number;
  /** Problems interrupt a screen reader, news wait. */
  problem: boolean;
  error: ApiError | null;
  text: string;
}

const NEWS = new Set(['call.restored']);
const NEWS_STAY = 6_000;
const PROBLEMS_STAY = 15_000;
const MOST = 4;

class Notices {
  list = $state.raw<Notice[]>([]);
  #next = 1;

  problem(error: ApiError) {
    this.#add({ id: this.#next++, problem: !NEWS.has(error.code), error, text: '' });
  }

  news(text: string) {
    this.#add({ id: this.#next++, problem: false, error: null, text });
  }

  dismiss(id: number) {
    this.list = this.list.filter((n) => n.id !== id);
  }

  #add(notice: Notice) {
    const same = (n: Notice) => n.error?.code === notice.error?.code && n.text === notice.text;
    this.list = [...this.list.filter((n) => !same(n)), notice].slice(-MOST);
    setTimeout(() => this.dismiss(notice.id), notice.problem ? PROBLEMS_STAY : NEWS_STAY);
  }
}

export const notices = new Notices();

store.onChange((change) => {
  if (change.part === 'notice') notices.problem(change.value);
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
