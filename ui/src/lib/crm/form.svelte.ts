import type { ApiError, BookView, CrmKind } from '../engine/bindings';
import { store } from '../engine/store.svelte';

export type Field = 'server' | 'user' | 'password';

const FIELD_OF: Record<string, Field> = {
  'crm.address': 'server',
  'crm.clear': 'server',
  'crm.unreachable': 'server',
  'crm.certificate': 'server',
  'crm.no_book': 'server',
  'crm.no_tryton': 'server',
  'crm.no_rt': 'server',
  'crm.no_queue': 'user',
  'crm.version': 'server',
  'crm.which_database': 'server',
  'crm.no_database': 'server',
  'crm.no_parties': 'server',
  'crm.password': 'password',
  'crm.more': 'user',
  'crm.rights': 'user',
};

export function fieldOf(error: ApiError | null): Field | null {
  return error ? (FIELD_OF[error.code] ?? null) : null;
}

/** What stands in the form. It outlives the room: what was typed is not lost by looking at a call. */
class CrmForm {
  kind = $state<CrmKind>('card_dav');
  server = $state('');
  user = $state('');
  password = $state('');
  open = $state(false);
  /** What the server has for this user; none until it was asked. */
  books = $state.raw<BookView[] | null>(null);
  book = $state('');
  refused = $state.raw<ApiError | null>(null);
  missing = $state<Field | null>(null);
  busy = $state(false);

  /** The engine keeps the password of this very user; another one needs his own. */
  get passwordKept(): boolean {
    const crm = store.snapshot?.crm;
    return !!crm && crm.state !== 'none' && crm.server === this.server.trim() && crm.user === this.user.trim();
  }

  begin() {
    const crm = store.snapshot?.crm;
    if (!this.server && crm) this.kind = crm.kind;
    this.server ||= crm?.server ?? '';
    this.user ||= crm?.user ?? '';
    this.open = true;
  }

  end() {
    this.open = false;
    this.password = '';
    this.changed();
  }

  /** What was found belongs to what stood there before. */
  changed() {
    this.books = this.refused = this.missing = null;
  }

  /** Asks the server. Answers the field that is wrong, if one is. */
  async look(): Promise<Field | null> {
    this.changed();
    this.missing = !this.server.trim()
      ? 'server'
      : !this.user.trim()
        ? 'user'
        : !this.password && !this.passwordKept
          ? 'password'
          : null;
    if (this.missing) return this.missing;
    const { kind, server, user, password } = this;
    const books = await this.#ask(() => store.call('crm_books', { kind, server, user, password }));
    // What was typed meanwhile is about another server.
    const same = kind === this.kind && server === this.server && user === this.user && password === this.password;
    if (books && same) {
      this.books = books;
      this.book = (books.find((b) => b.writable) ?? books[0])?.path ?? '';
    }
    return fieldOf(this.refused);
  }

  /** Connects the chosen book; when something would be left behind, that is asked first. */
  async connect(leaveBehind: boolean): Promise<boolean> {
    const { kind, server, user, password, book } = this;
    this.refused = null;
    const done = await this.#ask(() => store.call('connect_crm', { kind, server, user, password, book, leaveBehind }));
    if (done) this.end();
    return !!done;
  }

  async #ask<T>(what: () => Promise<T>): Promise<T | undefined> {
    this.busy = true;
    try {
      return await what();
    } catch (e) {
      this.refused = e as ApiError;
      return undefined;
    } finally {
      this.busy = false;
    }
  }
}

export const crmForm = new CrmForm();
