import type { ApiError, LineAccount } from '../engine/bindings';
import { store } from '../engine/store.svelte';

export type Field = 'server' | 'user' | 'password';

/** Which field a refusal is about; others stand above the form. */
const FIELD_OF: Record<string, Field> = {
  'line.bad_address': 'server',
  'line.no_such_host': 'server',
  'line.refused': 'server',
  'line.not_a_websocket': 'server',
  'line.bad_certificate': 'server',
  'line.wrong_password': 'password',
  'line.forbidden': 'user',
};

export function fieldOf(error: ApiError | null): Field | null {
  return error ? (FIELD_OF[error.code] ?? null) : null;
}

/** What stands in the form. It outlives the room: what was typed is not lost by looking at a call. */
class AccountForm {
  value = $state<LineAccount>({ server: '', user: '', password: '', displayName: '' });
  #saved = $state.raw({ server: '', user: '' });
  refused = $state.raw<ApiError | null>(null);
  missing = $state<Field | null>(null);
  #loaded = false;

  /** The engine keeps the password of this very account; another one needs its own. */
  get passwordSaved(): boolean {
    return (
      this.#saved.server !== '' && this.#saved.server === this.value.server && this.#saved.user === this.value.user
    );
  }

  async load() {
    if (this.#loaded) return;
    this.#loaded = true;
    try {
      const account = await store.call('line_account', {});
      this.#saved = account;
      // Whoever was quicker to type keeps what he typed.
      if (!this.value.server && !this.value.user) this.value = account;
    } catch {
      this.#loaded = false;
    }
  }

  async connect(): Promise<Field | null> {
    const { server, user, password } = this.value;
    this.refused = null;
    this.missing = !server.trim()
      ? 'server'
      : !user.trim()
        ? 'user'
        : !password && !this.passwordSaved
          ? 'password'
          : null;
    if (this.missing) return this.missing;
    try {
      await store.call('connect_line', { ...this.value });
      this.#saved = { server, user };
      return null;
    } catch (e) {
      this.refused = e as ApiError;
      return fieldOf(this.refused);
    }
  }
}

export const accountForm = new AccountForm();
