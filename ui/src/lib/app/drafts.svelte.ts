import type { ApiError, RequestDraft } from '../engine/bindings';
import { store } from '../engine/store.svelte';
import { notices } from './notices.svelte';

type Saving = 'idle' | 'saving' | 'saved' | 'failed';

const RETRY = 2_000;

/** What is written down about one call. Each change goes to disk; saves run one after another, so an older never overtakes. */
export class Draft {
  readonly call: string;
  value = $state.raw<RequestDraft>({ kind: null, topic: null, subtopic: null, note: '', customer: null });
  saving = $state<Saving>('idle');
  registered = $state(false);
  #running: Promise<void> | null = null;
  #dirty = false;

  constructor(call: string, value: RequestDraft, registered: boolean) {
    this.call = call;
    this.value = value;
    this.registered = registered;
  }

  change(part: Partial<RequestDraft>) {
    if (this.registered) return;
    this.value = { ...this.value, ...part };
    this.#dirty = true;
    this.saving = 'saving';
    this.#running ??= this.#save();
  }

  async #save(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await store.call('save_draft', { call: this.call, draft: this.value });
      } catch (e) {
        if (this.saving !== 'failed') notices.problem(e as ApiError);
        this.saving = 'failed';
        this.#dirty = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY));
        // A call that is not known any more will not be known later.
        if ((e as ApiError).code === 'store.missing') break;
      }
    }
    this.#running = null;
    if (!this.#dirty) this.saving = 'saved';
  }

  /** Registers; throws the engine's refusal. */
  async register(): Promise<void> {
    if (this.registered) return;
    this.#dirty = false;
    await this.#running;
    await store.call('register_request', { call: this.call, draft: this.value });
    this.registered = true;
  }
}

const drafts = new Map<string, Draft>();

/** The draft of a call: the same object from the first ring to the end of wrap-up. */
export function draftOf(call: string, value: RequestDraft, registered = false): Draft {
  let draft = drafts.get(call);
  if (!draft) drafts.set(call, (draft = new Draft(call, value, registered)));
  return draft;
}

/** The draft of a call, if anything was written. */
export function knownDraft(call: string): Draft | undefined {
  return drafts.get(call);
}
