import type {
  ArticlePage,
  ArticleRow,
  Piece,
  BookView,
  CallRow,
  CallView,
  ExportForm,
  ExportPreview,
  ExportRoom,
  Language,
  CrmWork,
  CustomerCard,
  CustomerRow,
  DeviceView,
  ImportView,
  OpenRequest,
  PracticeResult,
  PracticeView,
  RecordingView,
  RequestView,
  ScenarioView,
  Snapshot,
  TimelineItem,
  TopicView,
  WrapUpView,
} from '../src/lib/engine/bindings';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = () => Date.now();
const empty = { kind: null, topic: null, subtopic: null, note: '', customer: null, open: false, due: null };

export function snapshot(): Snapshot {
  return {
    seq: 1,
    app: {
      version: '0.1.0',
      language: 'en',
      theme: 'light',
      firstStart: false,
      dataFolder: '~/.local/share/cuffia',
      keyStore: 'file',
      samples: 198,
      pop: null,
      signedOut: false,
      events: { form: 'zammad', host: 'zammad.example.com', waiting: 2, problem: null },
      articles: {
        folder: '/srv/articles',
        count: 42,
        read: now() - 40_000,
        problem: null,
        notReadCount: 1,
        notRead: [{ file: 'old/prices.md', why: 'not_text' }],
      },
      mended: null,
    },
    line: {
      kind: 'real',
      state: 'registered',
      server: 'wss://pbx.example/ws',
      user: '204',
      since: now() - 2 * HOUR,
      error: null,
      retryAt: null,
      network: true,
    },
    headset: {
      microphone: 'Jabra Evolve2 40',
      loudspeaker: 'Jabra Evolve2 40',
      ringer: null,
      muted: false,
      warning: null,
      noisy: false,
      choice: { microphone: ['jabra'], loudspeaker: ['jabra'], ringer: [] },
      processing: { echoCancellation: true, noiseSuppression: true, strongNoiseSuppression: false, gainControl: false },
    },
    operator: { state: 'ready', since: now() - 4 * MINUTE },
    calls: [],
    wrapUp: null,
    practice: null,
    crm: {
      kind: 'card_dav',
      state: 'connected',
      name: 'Customers',
      server: 'https://dav.example.com/',
      user: 'anna',
      waiting: 0,
      needs: 0,
      answered: now() - MINUTE,
      error: null,
      here: null,
      toCome: null,
      leftMs: null,
      vanishing: null,
    },
    import: null,
  };
}

export const table: ImportView = {
  columns: [
    { name: 'Nome', holds: 'first', cells: ['Giulia', 'Marco', 'Chiara'] },
    { name: 'Cognome', holds: 'last', cells: ['Ferraro', 'Bianchi', 'Russo'] },
    { name: 'Ragione sociale', holds: 'company', cells: ['Officine Ferraro', 'Studio Bianchi', ''] },
    { name: 'Telefono', holds: 'number', cells: ['011 555 0147', '02 555 0101', '338 123 4567'] },
    { name: 'Codice', holds: null, cells: ['A-1', 'A-2', 'A-3'] },
  ],
  fresh: 1180,
  known: 12,
  knownLines: [4, 9],
  faults: 2,
  faulty: [
    { line: 17, fault: 'nameless' },
    { line: 203, fault: 'nameless' },
  ],
  made: null,
  over: false,
};

export const books: BookView[] = [
  { path: '/anna/customers/', name: 'Customers', cards: 4120, writable: true, customers: true, requests: false },
  { path: '/shared/suppliers/', name: 'Suppliers', cards: 88, writable: false, customers: true, requests: false },
];

const nothing = { what: 'customer' as const, base: '', mine: '', theirs: '', fields: [], shown: 'null' };

export const work = (): CrmWork => ({
  waiting: [
    {
      what: 'customer',
      record: 'k1',
      customer: 'k1',
      name: 'Giulia Ferraro',
      kind: 'update',
      fields: ['town', 'note'],
      sent: true,
      at: now() - MINUTE,
      why: null,
    },
    {
      what: 'customer',
      record: 'k2',
      customer: 'k2',
      name: 'Marco Bianchi',
      kind: 'create',
      fields: [],
      sent: false,
      at: now() - 4 * MINUTE,
      why: 'the server fails: OperationalError',
    },
    {
      what: 'request',
      record: 'r2',
      customer: 'k2',
      name: 'Order: Licences – More users',
      kind: 'create',
      fields: [],
      sent: false,
      at: now() - 3 * MINUTE,
      why: null,
    },
  ],
  refused: [
    {
      seq: 4,
      what: 'customer',
      record: 'k3',
      customer: 'k3',
      name: 'Chiara Russo',
      kind: 'update',
      why: 'the server does not let this user change it',
      at: now() - HOUR,
    },
  ],
  conflicts: [
    {
      ...nothing,
      record: 'k1',
      customer: 'k1',
      name: 'Giulia Ferraro',
      kind: 'field',
      field: 'numbers',
      base: '011 555 0147',
      mine: '011 555 0147, 338 123 4567',
      theirs: '011 555 0148',
      at: now() - 20 * MINUTE,
    },
    {
      ...nothing,
      record: 'k5',
      customer: 'k5',
      name: 'Officine Po',
      kind: 'gone_there',
      field: null,
      fields: [
        { field: 'name', value: 'Officine Po' },
        { field: 'town', value: 'Torino' },
        { field: 'note', value: 'Calls back on Tuesdays.' },
      ],
      at: now() - DAY,
    },
  ],
  onlyHere: 12,
});

export const devices: DeviceView[] = [
  { id: 'jabra', name: 'Jabra Evolve2 40', input: true, output: true },
  { id: 'builtin', name: 'Built-in Audio', input: true, output: true },
];

const request = (
  id: string,
  ago: number,
  kind: RequestView['kind'],
  topic: string,
  subtopic: string,
  note: string,
): RequestView => ({
  id,
  at: now() - ago,
  kind,
  topic,
  subtopic,
  note,
  customer: 'k1',
  title: '',
  due: null,
  done: true,
});

export const open = (): OpenRequest[] => [
  {
    name: 'Giulia Ferraro',
    request: {
      ...request('r7', 2 * DAY, 'complaint', 'invoices', 'mismatch', 'Invoice 2291: send the corrected one'),
      done: false,
      due: now() - 5 * HOUR,
    },
  },
  {
    name: 'Marco Bianchi',
    request: {
      ...request('r8', HOUR, 'order', 'licences', 'more_users', 'Two more places from December'),
      done: false,
      due: now() + DAY,
    },
  },
  {
    name: 'Chiara Russo',
    request: { ...request('r9', 3 * HOUR, 'callback', 'other', 'other', ''), done: false },
  },
];

export function card(): CustomerCard {
  return {
    id: 'k1',
    name: 'Giulia Ferraro',
    company: 'Ferraro Ceramiche',
    product: 'Fattura Pro 4',
    town: 'Faenza',
    numbers: ['+390546123456', '+393331234567'],
    emails: ['giulia@ferraro.example'],
    note: 'Prefers to be called before noon.',
    requests: [
      request('r1', 2 * DAY, 'complaint', 'invoices', 'mismatch', 'Invoice 2291: total off by 12 euros'),
      request('r2', 20 * DAY, 'consultation', 'reports', 'vat', 'Where the quarterly summary is printed'),
    ],
    promises: [{ id: 'p1', text: 'Send the corrected invoice 2291', due: now() + 3 * HOUR }],
    sample: true,
  };
}

export function call(part: Partial<CallView> = {}): CallView {
  return {
    id: 'c1',
    direction: 'in',
    state: 'active',
    number: '+390546123456',
    name: 'Giulia Ferraro',
    called: '800123',
    practice: false,
    started: now() - 3 * MINUTE,
    answered: now() - 167_000,
    recording: true,
    customers: [card()],
    quality: {
      mos: 4.3,
      cause: 'delay',
      concealed: 0.2,
      lossIn: 0.2,
      lossOut: 0,
      jitter: 4,
      roundTrip: 38,
      buffer: 60,
      delays: { microphone: 34, processing: 9, packet: 16.5, loudspeaker: 41 },
      work: {
        receiving: 0.09,
        devices: 0.05,
        echo: 0.21,
        noise: 0.06,
        gain: 0.03,
        sending: 0.14,
        recording: 0.01,
        rest: 0.02,
        longest: 1.6,
      },
      codec: 'opus',
      path: 'srflx',
      received: 8000,
      sent: 8000,
    },
    draft: { ...empty, customer: 'k1' },
    request: null,
    ...part,
  };
}

export function wrapUp(part: Partial<WrapUpView> = {}): WrapUpView {
  return {
    call: 'c1',
    name: 'Giulia Ferraro',
    ends: now() + 43_000,
    request: null,
    number: '+390546123456',
    draft: {
      kind: 'complaint',
      topic: 'invoices',
      subtopic: 'mismatch',
      note: 'Order 48213, invoice 2291 off by 12 euros',
      customer: 'k1',
      open: true,
      due: now() + DAY,
    },
    customers: [card()],
    reason: 'hung_up_there',
    talked: 187_000,
    ...part,
  };
}

export function result(): PracticeResult {
  return {
    scenario: 'invoice',
    call: 'c1',
    timeToAnswer: 3_200,
    timeToGreeting: 900,
    silences: 2,
    longestSilence: 6_400,
    interruptions: 1,
    talkShare: 46,
    ending: 'thanked',
    facts: [
      { name: 'order_number', told: '48231', wasTold: true, written: false, problem: 'transposed' },
      { name: 'invoice', told: '2291', wasTold: true, written: true, problem: null },
      { name: 'amount', told: '12 euros', wasTold: true, written: true, problem: null },
      { name: 'callback_time', told: '', wasTold: false, written: false, problem: null },
    ],
    dataScore: 67,
    tooNoisy: false,
    microphoneSilent: false,
    language: 'en',
    transcript: practice().transcript,
  };
}

export function practice(part: Partial<PracticeView> = {}): PracticeView {
  return {
    scenario: 'invoice',
    language: 'en',
    state: 'talking',
    prepared: 100,
    transcript: [
      { at: 1_200, who: 'operator', text: '' },
      {
        at: 3_900,
        who: 'customer',
        text: 'Good morning. I have a problem with my last invoice, it does not match the order.',
      },
      { at: 11_000, who: 'operator', text: '' },
      { at: 14_500, who: 'customer', text: 'The order number is four eight two three one.' },
      { at: 22_000, who: 'operator', text: '' },
    ],
    result: null,
    ...part,
  };
}

const row = (part: Partial<CallRow>): CallRow => ({
  id: 'x',
  direction: 'in',
  number: '+390546123456',
  name: null,
  customer: null,
  practice: false,
  started: now() - HOUR,
  answered: null,
  ended: now() - HOUR + 40_000,
  reason: 'missed',
  recording: false,
  request: null,
  draft: null,
  mos: null,
  troubles: [],
  ...part,
});

export function calls(): CallRow[] {
  const talk = (ago: number, length: number) => ({
    started: now() - ago,
    answered: now() - ago + 4_000,
    ended: now() - ago + 4_000 + length,
  });
  return [
    row({
      id: 'c1',
      name: 'Giulia Ferraro',
      customer: 'k1',
      ...talk(12 * MINUTE, 187_000),
      reason: 'hung_up_there',
      recording: true,
      mos: 4.2,
      troubles: ['interrupted', 'echo'],
      request: request(
        'r3',
        12 * MINUTE,
        'complaint',
        'invoices',
        'mismatch',
        'Order 48213, invoice 2291 off by 12 euros',
      ),
    }),
    row({
      id: 'c2',
      name: 'Marco Bellini',
      practice: true,
      number: '901',
      ...talk(48 * MINUTE, 262_000),
      reason: 'hung_up_there',
      recording: true,
      mos: 4.4,
      draft: { ...empty, kind: 'order', note: 'Two more licences' },
    }),
    row({ id: 'c3', number: '+4915112345678', started: now() - 70 * MINUTE }),
    row({
      id: 'c4',
      direction: 'out',
      name: 'Elena Russo',
      number: '+390632165498',
      started: now() - 95 * MINUTE,
      reason: 'busy',
    }),
    row({
      id: 'c5',
      direction: 'out',
      name: 'Officine Greco',
      number: '+390516549873',
      ...talk(DAY, 95_000),
      reason: 'hung_up_here',
      recording: true,
      mos: 3.7,
      request: request('r4', DAY, 'callback', 'licences', 'more_users', ''),
    }),
  ];
}

export function timeline(): TimelineItem[] {
  const first = calls()[0];
  return [
    ...(first ? [{ at: first.started, call: first, request: null }] : []),
    {
      at: now() - 20 * DAY,
      call: null,
      request: request('r2', 20 * DAY, 'consultation', 'reports', 'vat', 'Where the quarterly summary is printed'),
    },
    {
      at: now() - 2 * DAY,
      call: null,
      request: {
        ...request('r10', 2 * DAY, null, '', '', 'It says December, and we paid in November.'),
        title: 'Reminder for invoice 2291',
        done: false,
        due: now() + DAY,
      },
    },
  ];
}

export function recording(): RecordingView {
  const speech = (turn: number) =>
    Array.from({ length: 600 }, (_, i) =>
      Math.floor(i / 60) % 2 === turn ? Math.abs(Math.sin(i / 2.3) * Math.sin(i / 17)) * 0.6 : 0.004,
    );
  return { duration: 187_000, operator: speech(0), customer: speech(1), complete: true };
}

export const customers: CustomerRow[] = [
  {
    id: 'k1',
    name: 'Giulia Ferraro',
    company: 'Ferraro Ceramiche',
    number: '+390546123456',
    practice: false,
    sample: true,
  },
  {
    id: 'k2',
    name: 'Giulio Marini',
    company: 'Studio Marini e Associati',
    number: '+390287654321',
    practice: false,
    sample: false,
  },
  {
    id: 'k3',
    name: 'Elena Russo',
    company: 'Russo Arredamenti',
    number: '+390632165498',
    practice: false,
    sample: true,
  },
  {
    id: 'k4',
    name: 'Paolo Giuliani',
    company: 'Officine Greco',
    number: '+390516549873',
    practice: false,
    sample: false,
  },
];

const topic = (id: string, name: string, below: [string, string][]): TopicView => ({
  id,
  name,
  subtopics: below.map(([s, n]) => ({ id: s, name: n })),
});
export const topicsEn: TopicView[] = [
  topic('invoices', 'Invoices', [
    ['mismatch', 'Amount does not match'],
    ['numbering', 'Numbering'],
  ]),
  topic('reports', 'Reports', [
    ['vat', 'VAT summary'],
    ['export', 'Export'],
  ]),
  topic('licences', 'Licences', [
    ['prices', 'Prices'],
    ['more_users', 'More users'],
  ]),
];
export const topicsIt: TopicView[] = [
  topic('invoices', 'Fatture', [
    ['mismatch', 'Importo che non torna'],
    ['numbering', 'Numerazione'],
  ]),
  topic('reports', 'Stampe e riepiloghi', [
    ['vat', 'Riepilogo IVA'],
    ['export', 'Esportazione'],
  ]),
  topic('licences', 'Licenze', [
    ['prices', 'Prezzi'],
    ['more_users', 'Altri utenti'],
  ]),
];

export const scenariosEn: ScenarioView[] = [
  {
    id: 'invoice',
    title: 'An invoice that does not match',
    summary: 'A calm customer. Take the order number and the amount, and read them back.',
    customer: 'Marco Bellini',
    number: '901',
    level: 1,
  },
  {
    id: 'angry',
    title: 'Charged twice',
    summary: 'An angry customer. He calms down when he is not interrupted.',
    customer: 'Sara Conti',
    number: '902',
    level: 4,
  },
];
export const scenariosIt: ScenarioView[] = [
  {
    id: 'invoice',
    title: 'Una fattura che non torna',
    summary: 'Un cliente tranquillo. Annota numero d’ordine e importo, e rileggili.',
    customer: 'Marco Bellini',
    number: '901',
    level: 1,
  },
  {
    id: 'angry',
    title: 'Addebitato due volte',
    summary: 'Un cliente arrabbiato. Si calma se non viene interrotto.',
    customer: 'Sara Conti',
    number: '902',
    level: 4,
  },
];

const piece = (text: string, found = false): Piece => ({ text, found });

export const articles = (text: string): ArticleRow[] => [
  {
    id: 'invoice-mismatch.md',
    title: [piece('Invoice amount', !!text), piece(' does not match the contract')],
    excerpt: [
      piece('… the customer has an '),
      piece('invoice', !!text),
      piece(' in front of him and says that it is not …'),
    ],
  },
  {
    id: 'charged-twice.md',
    title: [piece('Charged twice for the same month')],
    excerpt: [
      piece('First find out whether money was taken twice, or the customer has two papers. Two debits on the …'),
    ],
  },
];

export const article: ArticlePage = {
  title: 'Invoice amount does not match the contract',
  html: `<p>The customer has an <mark>invoice</mark> in front of him and says that it is not what was agreed.</p>
    <h2>Ask for</h2><ol><li>the <strong><mark>invoice</mark> number</strong> and its date,</li><li>the amount that was billed.</li></ol>
    <table><thead><tr><th>what the customer sees</th><th>why</th></tr></thead>
    <tbody><tr><td>more by a tenth</td><td>the yearly adjustment, see <a href="#/knowledge/a.md">More users</a></td></tr></tbody></table>
    <blockquote><p>Promise no credit note on the telephone.</p></blockquote>`,
  changed: Date.parse('2026-11-20T09:00:00Z'),
  calls: 12,
};

export function theirForm(): ExportForm {
  const columns = [
    { heading: 'Data', column: 'date', text: '' },
    { heading: 'Nome cliente', column: 'customer', text: '' },
    { heading: 'Filiale', column: null, text: 'Torino 2' },
    { heading: 'Esito della telefonata', column: null, text: '' },
    { heading: 'Note dell’operatore', column: 'note', text: '' },
  ];
  return { name: 'Ferraro weekly', what: 'requests', columns };
}

export function exportRoom(language: Language): ExportRoom {
  const italian = language === 'it';
  const names = italian ? ['Data', 'Ora', 'Cliente', 'Nota'] : ['Date', 'Time', 'Customer', 'Note'];
  const ids = ['date', 'time', 'customer', 'note'];
  const line = { what: 'requests' as const, from: '2026-10-01', to: '2026-10-31', form: null, failed: false };
  return {
    columns: ids.map((id, i) => ({ what: 'requests', id, name: names[i] ?? '' })),
    forms: [theirForm()],
    folder: '~/Downloads',
    log: [
      { ...line, at: now() - 2 * DAY, rows: 1284, file: 'requests 2026-10-01 to 2026-10-31 (2).xlsx', failed: true },
      {
        ...line,
        at: now() - 9 * DAY,
        rows: 1284,
        form: 'Ferraro weekly',
        file: 'requests 2026-10-01 to 2026-10-31.xlsx',
      },
      { ...line, at: now() - 30 * DAY, what: 'calls', rows: 12, to: '2026-10-01', file: 'calls 2026-10-01.csv' },
    ],
  };
}

export function exportPreview(language: Language, count: number): ExportPreview {
  const room = exportRoom(language);
  const row = [
    '2026-11-03',
    '14:02:05',
    'Giulia Ferraro',
    'The total of invoice 40827 does not match her order of May',
  ];
  return {
    count,
    headings: [...room.columns.map((c) => c.name), 'Company', 'Customer’s number', 'Number', 'Direction', 'Talk time'],
    rows: Array.from({ length: Math.min(count, 5) }, () => [
      ...row,
      'Ferraro Ceramiche',
      '+390546123456',
      '+390546123456',
      'Incoming',
      '0:03:07',
    ]),
  };
}
