import type { ApiError } from '../engine/bindings';
import { store } from '../engine/store.svelte';

/** A caller who becomes a customer. What is typed belongs to the call: it outlives the call's end and a look into another room. */
class Newcomer {
  readonly #call: string;
  open = $state(false);
  name = $state('');
  company = $state('');
  nameless = $state(false);
  refused = $state.raw<ApiError | null>(null);
  #added: string | null = null;

  constructor(call: string) {
    this.#call = call;
  }

  /** `name`: as the network or a search told it, where nothing is typed yet. */
  begin(name: string) {
    this.open = true;
    this.name ||= name;
  }

  /** The new customer's id; none when something is missing or refused, which the form then says. */
  async add(): Promise<string | null> {
    this.refused = null;
    this.nameless = !this.name.trim();
    if (this.nameless) return null;
    try {
      // Once: when only the link with the call failed, the customer is there already.
      this.#added ??= (
        await store.call('add_customer', { call: this.#call, name: this.name, company: this.company })
      ).customer;
      return this.#added;
    } catch (e) {
      this.refused = e as ApiError;
      return null;
    }
  }

  /** Linked. Another caller on the same call begins anew. */
  done() {
    this.open = false;
    this.name = this.company = '';
    this.#added = null;
  }
}

const newcomers = new Map<string, Newcomer>();

export function newcomerOf(call: string): Newcomer {
  let newcomer = newcomers.get(call);
  if (!newcomer) newcomers.set(call, (newcomer = new Newcomer(call)));
  return newcomer;
}
