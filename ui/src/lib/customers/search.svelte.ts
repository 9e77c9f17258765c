import { act } from '../app/notices.svelte';
import type { CustomerRow } from '../engine/bindings';

const FOUND = 8;
const PAUSE = 120;
const LINK = /^(tel|sips?|callto):/i;

/** Customers found while somebody types. An answer to what has been typed over meanwhile is dropped. */
export class CustomerSearch {
  text = $state('');
  rows = $state.raw<CustomerRow[]>([]);
  /** What stands in the field has been looked for. */
  done = $state(false);
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  type(typed: string) {
    this.stop();
    this.text = typed;
    const wanted = typed.trim();
    if (!wanted || LINK.test(wanted)) {
      this.rows = [];
      return;
    }
    const mine = this.#asked;
    this.#timer = setTimeout(async () => {
      const found = await act('find_customers', { text: wanted, limit: FOUND });
      if (mine !== this.#asked) return;
      this.rows = found ?? [];
      this.done = true;
    }, PAUSE);
  }

  /** Whatever is on its way is not wanted any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#asked++;
    this.done = false;
  }
}
