import type { ApiError, Message } from './bindings';
import type { AnswerTo, Command, Engine, RequestOf } from './engine';

type Reply = { id: number; done: unknown } | { id: number; error: ApiError };
type Waiting = { resolve: (value: never) => void; reject: (error: ApiError) => void };

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;

/** The engine of `cuffia run --bridge`, over a WebSocket of this page's own origin. Comes back by itself. */
export class BridgeEngine implements Engine {
  #socket: WebSocket | undefined;
  #pause = FIRST_PAUSE;
  #next = 1;
  #waiting = new Map<number, Waiting>();
  #messages: ((message: Message) => void)[] = [];
  #connection: ((open: boolean) => void)[] = [];
  #address: string;

  constructor() {
    const token = new URLSearchParams(location.search).get('token') ?? '';
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.#address = `${scheme}://${location.host}/engine?token=${encodeURIComponent(token)}`;
    this.#connect();
  }

  call<K extends Command>(command: K, request: RequestOf<K>): Promise<AnswerTo<K>> {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(unreachable());
        return;
      }
      const id = this.#next++;
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#socket.send(JSON.stringify({ id, command, arguments: request }));
    });
  }

  onMessage(listener: (message: Message) => void): void {
    this.#messages.push(listener);
  }

  onConnection(listener: (open: boolean) => void): void {
    this.#connection.push(listener);
  }

  #connect() {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE;
      this.#connection.forEach((tell) => tell(true));
    };
    socket.onmessage = (event) => this.#received(JSON.parse(String(event.data)) as Reply | Message);
    socket.onclose = () => {
      // Nobody knows whether these were carried out; the snapshot after the reconnection shows it.
      this.#waiting.forEach((waiting) => waiting.reject(unreachable()));
      this.#waiting.clear();
      this.#connection.forEach((tell) => tell(false));
      setTimeout(() => this.#connect(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    };
  }

  #received(message: Reply | Message) {
    if ('kind' in message) {
      this.#messages.forEach((tell) => tell(message));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(message.error);
    else waiting?.resolve(message.done as never);
  }
}

function unreachable(): ApiError {
  return { code: 'window.unreachable', message: 'The engine cannot be reached. The window keeps trying.' };
}
