import type { Change, Event, LevelsView, Message, Snapshot } from './bindings';
import { chooseEngine } from './choose';
import { type AnswerTo, asApiError, type Command, type Engine, type RequestOf } from './engine';

/** Levels come twenty times a second: kept apart, so that only meters and playheads follow them. */
class Levels {
  microphone = $state(-120);
  ear = $state(-120);
  replay = $state<number | null>(null);

  take(levels: LevelsView) {
    this.microphone = levels.microphone;
    this.ear = levels.ear;
    this.replay = levels.replay;
  }
}

type Listener = (change: Change) => void;

/** Until a refused snapshot is asked for again, ms. */
const SNAPSHOT_PAUSE = 1_000;

/** What the engine said. The window shows it and never changes it by itself. */
class Store {
  /** Whole parts are exchanged, never edited: no deep proxies. */
  snapshot = $state.raw<Snapshot | null>(null);
  open = $state(false);
  /** Grows when lists of calls, requests or customers have changed: whoever shows one reads it anew. */
  records = $state(0);
  readonly levels = new Levels();

  #engine: Engine;
  #listeners: Listener[] = [];
  /** Events that came while a snapshot is on its way. */
  #early: Event[] | null = [];

  constructor(engine: Engine) {
    this.#engine = engine;
    engine.onMessage((message) => this.#message(message));
    engine.onConnection((open) => {
      this.open = open;
      if (open) void this.#refresh();
    });
  }

  call<K extends Command>(command: K, request: RequestOf<K>): Promise<AnswerTo<K>> {
    return this.#engine.call(command, request).catch((e: unknown) => Promise.reject(asApiError(e)));
  }

  /** Tells of each change after it has been applied. */
  onChange(listener: Listener) {
    this.#listeners.push(listener);
  }

  #message(message: Message) {
    if (message.kind === 'levels') {
      this.levels.take(message.data);
      return;
    }
    const event = message.data;
    const snapshot = this.snapshot;
    if (this.#early || !snapshot) (this.#early ??= []).push(event);
    else if (event.seq === snapshot.seq + 1) this.#apply(event);
    else if (event.seq > snapshot.seq) {
      this.#early = [event];
      void this.#refresh();
    }
  }

  async #refresh() {
    this.#early ??= [];
    try {
      const snapshot = await this.call('snapshot', {});
      this.snapshot = snapshot;
      this.records++;
      const early: Event[] = this.#early ?? [];
      this.#early = null;
      // An event that the snapshot may already contain does no harm: parts are whole.
      for (const event of early) if (event.seq > snapshot.seq) this.#apply(event);
    } catch {
      // Where the connection is gone, the next one takes a snapshot again. Else the events wait for this one: it must come.
      if (this.open) setTimeout(() => void this.#refresh(), SNAPSHOT_PAUSE);
    }
  }

  #apply({ seq, change }: Event) {
    const before = this.snapshot;
    if (!before) return;
    switch (change.part) {
      case 'app':
      case 'line':
      case 'headset':
      case 'operator':
      case 'calls':
      case 'wrapUp':
      case 'practice':
      case 'crm':
      case 'import':
        this.snapshot = { ...before, seq, [change.part]: change.value };
        break;
      case 'records':
        this.snapshot = { ...before, seq };
        this.records++;
        break;
      case 'notReached':
      case 'notice':
        this.snapshot = { ...before, seq };
        break;
    }
    for (const tell of this.#listeners) tell(change);
  }
}

export const store = new Store(chooseEngine());
