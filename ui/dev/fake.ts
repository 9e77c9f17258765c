// A scripted engine for pictures and for looking at states that are hard to reach. It answers over the page's own WebSocket,
// so the built page is looked at as it ships. Typed by the same table; never part of the bundle.
import type { Page } from '@playwright/test';
import type { Change, Commands, CrmWork, CustomerCard, Message, Snapshot } from '../src/lib/engine/bindings';
import * as sample from './sample';

type Handlers = { [K in keyof Commands]: (request: Commands[K][0]) => Commands[K][1] };

export class FakeEngine {
  state: Snapshot = sample.snapshot();
  card: CustomerCard = sample.card();
  work: CrmWork = { waiting: [], refused: [], conflicts: [], onlyHere: 0 };
  exported = 1284;
  asked: { command: string; request: unknown }[] = [];
  #send: ((message: Message) => void)[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Serves this page. Call it before the page is opened. */
  async serve(page: Page) {
    await page.routeWebSocket(/\/engine\?/, (socket) => {
      this.#send.push((message) => socket.send(JSON.stringify(message)));
      socket.onMessage((text) => {
        const {
          id,
          command,
          arguments: request,
        } = JSON.parse(String(text)) as {
          id: number;
          command: keyof Commands;
          arguments: never;
        };
        this.asked.push({ command, request });
        const done = (this.#handlers[command] as (request: never) => unknown)(request);
        socket.send(JSON.stringify({ id, done }));
      });
    });
    let tick = 0;
    this.#timer = setInterval(() => {
      tick++;
      const data = { microphone: -34 + 10 * Math.sin(tick / 3), ear: -28 + 12 * Math.sin(tick / 5), replay: null };
      this.#send.forEach((send) => send({ kind: 'levels', data }));
    }, 100);
  }

  stop() {
    clearInterval(this.#timer);
  }

  say(change: Change) {
    if (change.part !== 'records' && change.part !== 'notReached' && change.part !== 'notice')
      Object.assign(this.state, { [change.part]: change.value });
    this.state.seq++;
    const data = { seq: this.state.seq, change };
    this.#send.forEach((send) => send({ kind: 'event', data }));
  }

  #handlers: Handlers = {
    snapshot: () => this.state,
    set_preferences: (app) => (this.say({ part: 'app', value: { ...this.state.app, ...app } }), {}),
    finish_first_start: () => (this.say({ part: 'app', value: { ...this.state.app, firstStart: false } }), {}),
    list_devices: () => sample.devices,
    choose_devices: (choice) => (this.say({ part: 'headset', value: { ...this.state.headset, choice } }), {}),
    set_processing: (processing) => (this.say({ part: 'headset', value: { ...this.state.headset, processing } }), {}),
    test_sound: () => ({}),
    connect_line: () => ({}),
    line_account: () => ({ server: 'wss://pbx.example/ws', user: '204', password: '', displayName: 'Anna Conti' }),
    disconnect_line: () => ({}),
    dial: () => ({ call: 'c1' }),
    answer: () => ({}),
    reject: () => ({}),
    hang_up: () => ({}),
    hold: () => ({}),
    resume: () => ({}),
    send_digits: () => ({}),
    mute: ({ on }) => (this.say({ part: 'headset', value: { ...this.state.headset, muted: on } }), {}),
    pause: () => ({}),
    save_draft: () => ({}),
    register_request: ({ draft }) => ({
      id: 'r9',
      at: Date.now(),
      kind: draft.kind ?? 'order',
      topic: draft.topic ?? '',
      subtopic: draft.subtopic ?? '',
      note: draft.note,
      customer: draft.customer,
      title: '',
      due: draft.due,
      done: !draft.open,
    }),
    set_done: () => ({}),
    send_again: () => ({}),
    set_pop: ({ pop }) => (this.say({ part: 'app', value: { ...this.state.app, pop } }), {}),
    try_pop: () => ({}),
    open_page: () => ({}),
    left_behind: () => ({ unsent: 3, events: 0, customers: 2, calls: 214 }),
    hand_over: () => ({ file: '~/Downloads/changes not sent 2026-11-29.csv' }),
    sign_out: () => (this.say({ part: 'app', value: { ...this.state.app, signedOut: true } }), {}),
    set_events: () => ({}),
    try_events: () => ({}),
    find_articles: ({ text }) => sample.articles(text),
    suggest_articles: () => sample.articles('').slice(0, 2),
    open_article: () => sample.article,
    set_articles: ({ folder }) => {
      this.say({ part: 'app', value: { ...this.state.app, articles: { ...this.state.app.articles, folder } } });
      return {};
    },
    read_articles: () => ({}),
    open_link: () => ({}),
    open_requests: () => sample.open(),
    choose_customer: () => ({}),
    add_customer: () => ({ customer: 'k9' }),
    end_wrap_up: () => ({}),
    extend_wrap_up: () => ({}),
    topics: () => (this.state.app.language === 'it' ? sample.topicsIt : sample.topicsEn),
    find_customers: ({ text }) =>
      sample.customers.filter((c) => `${c.name} ${c.company}`.toLowerCase().includes(text.toLowerCase())),
    customer: () => ({ card: this.card, timeline: sample.timeline() }),
    customer_fields: () => ({
      name: this.card.name,
      company: this.card.company,
      product: this.card.product,
      town: this.card.town,
      note: this.card.note,
      numbers: this.card.numbers,
      emails: this.card.emails,
    }),
    edit_customer: () => ({}),
    delete_customer: () => ({}),
    crm_books: () => sample.books,
    connect_crm: () => (this.say({ part: 'crm', value: sample.snapshot().crm }), {}),
    disconnect_crm: () => (this.say({ part: 'crm', value: { ...this.state.crm, state: 'off' } }), {}),
    sync_now: () => ({}),
    send_only_here: () => ({}),
    crm_work: () => this.work,
    choose_value: () => ({}),
    let_go: () => ({}),
    read_import: () => (this.say({ part: 'import', value: sample.table }), {}),
    plan_import: () => ({}),
    run_import: () => (this.say({ part: 'import', value: { ...sample.table, made: 400 } }), {}),
    stop_import: () => (this.say({ part: 'import', value: null }), {}),
    mending_is_known: () => (this.say({ part: 'app', value: { ...this.state.app, mended: null } }), {}),
    export_room: () => sample.exportRoom(this.state.app.language),
    preview_export: () => sample.exportPreview(this.state.app.language, this.exported),
    run_export: () => ({ path: '~/Downloads/requests 2026-11-01 to 2026-11-30.xlsx', rows: 1284, cut: 0 }),
    read_headings: () => sample.theirForm().columns,
    keep_form: () => ({}),
    remove_form: () => ({}),
    remove_samples: () => (this.say({ part: 'app', value: { ...this.state.app, samples: 0 } }), {}),
    list_calls: ({ before }) => (before ? [] : sample.calls()),
    recording: () => sample.recording(),
    play_recording: () => ({}),
    stop_playing: () => ({}),
    scenarios: () => (this.state.app.language === 'it' ? sample.scenariosIt : sample.scenariosEn),
    start_practice: () => ({}),
    stop_practice: () => ({}),
    practice_result: () => sample.result(),
  };
}
