import type { ApiError, Commands, Message } from './bindings';

export type Command = keyof Commands;
export type RequestOf<K extends Command> = Commands[K][0];
export type AnswerTo<K extends Command> = Commands[K][1];

/** The engine behind the window, whatever carries the words. A refused command rejects with an {@link ApiError}. */
export interface Engine {
  call<K extends Command>(command: K, request: RequestOf<K>): Promise<AnswerTo<K>>;
  /** Everything the engine says from now on. */
  onMessage(listener: (message: Message) => void): void;
  /** Whether the engine can be reached; called at each change, and once it is known. */
  onConnection(listener: (open: boolean) => void): void;
}

/** Whatever was thrown, as an error with a code. */
export function asApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return { code: String(thrown.code), message: String(thrown.message) };
  }
  return { code: 'window.unexpected', message: thrown instanceof Error ? thrown.message : String(thrown) };
}
