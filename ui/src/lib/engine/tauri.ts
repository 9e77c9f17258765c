import { Channel, invoke } from '@tauri-apps/api/core';
import type { Message } from './bindings';
import type { AnswerTo, Command, Engine, RequestOf } from './engine';

/** The engine in the same process: one command, one channel. */
export class TauriEngine implements Engine {
  call<K extends Command>(command: K, request: RequestOf<K>): Promise<AnswerTo<K>> {
    return invoke<AnswerTo<K>>('rpc', { command, arguments: request });
  }

  onMessage(listener: (message: Message) => void): void {
    this.#followed = invoke('follow', { to: new Channel<Message>(listener) });
  }

  onConnection(listener: (open: boolean) => void): void {
    // Open only once events flow: a snapshot taken before would miss what happens in between.
    (this.#followed ?? Promise.resolve()).then(
      () => listener(true),
      () => listener(false),
    );
  }

  #followed: Promise<unknown> | undefined;
}
