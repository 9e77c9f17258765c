import type { ApiError, RequestDraft, RequestView } from '../engine/bindings';
import { store } from '../engine/store.svelte';
import { act, notices } from './notices.svelte';

type Saving = 'idle' | 'saving' | 'saved' | 'failed';

const RETRY = 2_000;

/** What is written down about one call. Each change goes to disk; saves run one after another, so an older never overtakes. */
export class Draft {
  readonly call: string;
  value = $state.raw<RequestDraft>({
    kind: null,
    topic: null,
    subtopic: null,
    note: '',
    customer: null,
    open: false,
    due: null,
  });
  saving = $state<Saving>('idle');
  #registered = $state.raw<RequestView | null>(null);
  #running: Promise<void> | null = null;
  #dirty = false;

  constructor(call: string, value: RequestDraft) {
    this.call = call;
    this.value = value;
  }

  /** What was registered: the engine knows, also when it was done before this page was loaded, or in another window. */
  get request(): RequestView | null {
    const now = store.snapshot;
    const call = now?.calls.find((one) => one.id === this.call);
    const wrapUp = now?.wrapUp?.call === this.call ? now.wrapUp : null;
    return (call ?? wrapUp)?.request ?? this.#registered;
  }

  get registered(): boolean {
    return this.request !== null;
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
        if (['store.missing', 'sign_out.done'].includes((e as ApiError).code)) break;
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
    this.#registered = await store.call('register_request', { call: this.call, draft: this.value });
  }

  /** Says whose call it is, also after it. True when the engine has it. */
  async choose(customer: string | null): Promise<boolean> {
    await this.#running;
    if ((await act('choose_customer', { call: this.call, customer })) === undefined) return false;
    this.value = { ...this.value, customer };
    return true;
  }
}

const drafts = new Map<string, Draft>();

/** The draft of a call: the same object from the first ring to the end of wrap-up. */
export function draftOf(call: string, value: RequestDraft): Draft {
  let draft = drafts.get(call);
  if (!draft) drafts.set(call, (draft = new Draft(call, value)));
  return draft;
}
