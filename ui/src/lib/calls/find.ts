import type { CallRow } from '../engine/bindings';
import { store } from '../engine/store.svelte';

const PAGE = 100;
const PAGES = 20;

/** A call of the list by its id: the engine has no command for one alone, so pages are read until it is there. */
export async function findCall(id: string): Promise<CallRow | null> {
  let before: number | null = null;
  for (let page = 0; page < PAGES; page++) {
    const rows: CallRow[] = await store.call('list_calls', { before, limit: PAGE });
    const found = rows.find((row) => row.id === id);
    if (found) return found;
    const oldest = rows.at(-1);
    if (rows.length < PAGE || !oldest) return null;
    before = oldest.started;
  }
  return null;
}
