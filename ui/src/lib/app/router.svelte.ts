export type Room = 'calls' | 'customers' | 'knowledge' | 'practice' | 'settings' | 'sync' | 'export';
const ROOMS: readonly Room[] = ['calls', 'customers', 'knowledge', 'practice', 'settings', 'sync', 'export'];

function read(): { room: Room; id: string | null } {
  const [, room, id] = location.hash.split('/');
  return { room: ROOMS.find((r) => r === room) ?? 'calls', id: id ? decodeURIComponent(id) : null };
}

/** Where the operator is: `#/calls/ID`. The address, so that Back works. */
class Router {
  #place = $state.raw(read());

  constructor() {
    window.addEventListener('hashchange', () => (this.#place = read()));
  }

  get room(): Room {
    return this.#place.room;
  }

  get id(): string | null {
    return this.#place.id;
  }

  go(room: Room, id?: string) {
    location.hash = link(room, id);
    this.#place = read();
  }
}

export function link(room: Room, id?: string): string {
  return id ? `#/${room}/${encodeURIComponent(id)}` : `#/${room}`;
}

export const router = new Router();
