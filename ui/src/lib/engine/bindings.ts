// Made from the table in crates/api: `npm run bindings`. Do not edit.

/**
 * The other side of a call becomes a customer.
 */
export type AddCustomer = { 
/**
 * The call, whose number he gets.
 */
call: string, 
/**
 * Person; must not be empty.
 */
name: string, 
/**
 * Company; may be empty.
 */
company: string, };

/**
 * Something went wrong: what happened, in words, and a stable code for translations and programs.
 */
export type ApiError = { 
/**
 * A stable code such as `line.wrong_password`.
 */
code: string, 
/**
 * English, says what to do.
 */
message: string, };

/**
 * The program itself.
 */
export type AppView = { 
/**
 * Version.
 */
version: string, 
/**
 * Language of the window.
 */
language: Language, 
/**
 * Look of the window.
 */
theme: Theme, 
/**
 * The first-start pages have not been finished yet.
 */
firstStart: boolean, 
/**
 * Folder with all data.
 */
dataFolder: string, 
/**
 * Where the database key is kept.
 */
keyStore: KeyStore, 
/**
 * Sample customers that can be removed.
 */
samples: number, 
/**
 * The page that opens for who calls.
 */
pop: PopView | null, 
/**
 * The program that is told what happens to calls.
 */
events: EventsView | null, 
/**
 * The knowledge articles.
 */
articles: ArticlesView, 
/**
 * This computer keeps nothing of the operator any more.
 */
signedOut: boolean, 
/**
 * The database was damaged and has been mended, and the operator has not said that he knows.
 */
mended: Mended | null, };

/**
 * An article to be read.
 */
export type ArticlePage = { 
/**
 * Its title.
 */
title: string, 
/**
 * Its text as HTML of known parts only; what was looked for is in `mark`, links lead to the web, to a mail, to a call or to
 * another article.
 */
html: string, 
/**
 * When it was last changed.
 */
changed: number, 
/**
 * In how many calls it was opened.
 */
calls: number, };

/**
 * An article in a list.
 */
export type ArticleRow = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its title.
 */
title: Array<Piece>, 
/**
 * Some words of it, around what was found.
 */
excerpt: Array<Piece>, };

/**
 * The knowledge articles as they stand.
 */
export type ArticlesView = { 
/**
 * The folder they are read from; none as long as there are samples.
 */
folder: string | null, 
/**
 * How many there are.
 */
count: number, 
/**
 * When the folder was last read.
 */
read: number | null, 
/**
 * Why it could not be read the last time; what was read before is still there.
 */
problem: ApiError | null, 
/**
 * Files and folders in it that are not read: the first of them.
 */
notRead: Array<NotReadFile>, 
/**
 * How many those are.
 */
notReadCount: number, };

/**
 * An address book of a user's, a database, or a queue.
 */
export type BookView = { 
/**
 * Its path on the server, its name, or its number.
 */
path: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Cards in it, or requests that are to be done.
 */
cards: number, 
/**
 * It keeps customers for this user.
 */
customers: boolean, 
/**
 * It keeps requests.
 */
requests: boolean, 
/**
 * Whether we may change it.
 */
writable: boolean, };

/**
 * Names a call.
 */
export type CallRef = { 
/**
 * Its id.
 */
call: string, };

/**
 * A call in the list.
 */
export type CallRow = { 
/**
 * Id.
 */
id: string, 
/**
 * Who began it.
 */
direction: Direction, 
/**
 * The other side's number.
 */
number: string, 
/**
 * The other side's name.
 */
name: string | null, 
/**
 * Customer it was linked with.
 */
customer: string | null, 
/**
 * A practice call.
 */
practice: boolean, 
/**
 * When it began.
 */
started: number, 
/**
 * When it was answered.
 */
answered: number | null, 
/**
 * When it ended; none: the program was stopped in the middle.
 */
ended: number | null, 
/**
 * Why it ended.
 */
reason: EndReasonView, 
/**
 * There is a recording.
 */
recording: boolean, 
/**
 * What was registered.
 */
request: RequestView | null, 
/**
 * What is left as a draft.
 */
draft: RequestDraft | null, 
/**
 * Mean quality, 1 to 4.5.
 */
mos: number | null, 
/**
 * What was wrong with the sound at some time.
 */
troubles: Array<TroubleView>, };

/**
 * How a call stands.
 */
export type CallState = "dialling" | "ringing_there" | "ringing_here" | "answering" | "active" | "held" | "held_there" | "ended";

/**
 * A call that lives.
 */
export type CallView = { 
/**
 * Its id; the same in the list of calls later.
 */
id: string, 
/**
 * Who began it.
 */
direction: Direction, 
/**
 * How it stands.
 */
state: CallState, 
/**
 * The other side's number as it came or was dialled.
 */
number: string, 
/**
 * The other side's name: the customer's, else what the network says.
 */
name: string | null, 
/**
 * What was called, for an incoming call.
 */
called: string, 
/**
 * A practice call.
 */
practice: boolean, 
/**
 * When it began.
 */
started: number, 
/**
 * When it was answered.
 */
answered: number | null, 
/**
 * Whether it is being recorded.
 */
recording: boolean, 
/**
 * Customers with this number, best match first, and the one chosen.
 */
customers: Array<CustomerCard>, 
/**
 * How well it is heard, once there is sound.
 */
quality: QualityView | null, 
/**
 * What is written down so far, as saved.
 */
draft: RequestDraft, 
/**
 * What was registered.
 */
request: RequestView | null, };

/**
 * A part of the [`Snapshot`] in its new form, or a hint.
 */
export type Change = { "part": "app", "value": AppView } | { "part": "line", "value": LineView } | { "part": "headset", "value": HeadsetView } | { "part": "operator", "value": OperatorView } | { "part": "calls", "value": Array<CallView> } | { "part": "wrapUp", "value": WrapUpView | null } | { "part": "practice", "value": PracticeView | null } | { "part": "crm", "value": CrmView } | { "part": "import", "value": ImportView | null } | { "part": "notReached", "value": CallRow } | { "part": "records" } | { "part": "notice", "value": ApiError };

/**
 * What is done with a record.
 */
export type ChangeKind = "create" | "update" | "delete";

/**
 * Whose a call is.
 */
export type ChooseCustomer = { 
/**
 * The call.
 */
call: string, 
/**
 * The customer; none: no customer's.
 */
customer: string | null, };

/**
 * The operator's choice.
 */
export type ChooseValue = { 
/**
 * What it is about.
 */
what: RecordKind, 
/**
 * Its id.
 */
record: string, 
/**
 * The field; none when it is about the whole record.
 */
field: string | null, 
/**
 * What he was shown.
 */
shown: string, 
/**
 * His own, or else the CRM's.
 */
mine: boolean, };

/**
 * What a column holds.
 */
export type ColumnUse = "name" | "first" | "last" | "company" | "product" | "town" | "note" | "number" | "email";

/**
 * A column of a table.
 */
export type ColumnView = { 
/**
 * Its name, empty where the table has none.
 */
name: string, 
/**
 * What it holds.
 */
holds: ColumnUse | null, 
/**
 * The first cells.
 */
cells: Array<string>, };

/**
 * What a conflict is about.
 */
export type ConflictKind = "field" | "gone_there" | "deleted_here";

/**
 * What both sides changed.
 */
export type ConflictView = { 
/**
 * What it is.
 */
what: RecordKind, 
/**
 * Its id.
 */
record: string, 
/**
 * The customer it is, or is of.
 */
customer: string | null, 
/**
 * His name, or what a request is called.
 */
name: string, 
/**
 * What it is about.
 */
kind: ConflictKind, 
/**
 * The field.
 */
field: string | null, 
/**
 * What it was.
 */
base: string, 
/**
 * What the operator wrote.
 */
mine: string, 
/**
 * What the CRM has.
 */
theirs: string, 
/**
 * Of a whole record: what the side that changed it has.
 */
fields: Array<FieldView>, 
/**
 * What the operator was shown, to be given back with the choice.
 */
shown: string, 
/**
 * When it was noticed.
 */
at: number, };

/**
 * Connects an address book, a database or a queue.
 */
export type ConnectCrm = { 
/**
 * What the server speaks.
 */
kind: CrmKind, 
/**
 * The server's address.
 */
server: string, 
/**
 * User name.
 */
user: string, 
/**
 * Password; empty for the one that is kept.
 */
password: string, 
/**
 * The address book's path, the database's name, or the queue's number.
 */
book: string, 
/**
 * What has not reached the CRM before stays on this computer.
 */
leaveBehind: boolean, };

/**
 * What a CRM speaks.
 */
export type CrmKind = "card_dav" | "tryton" | "rt";

/**
 * How it stands with a CRM.
 */
export type CrmState = "none" | "off" | "connected" | "unreachable" | "sign_in" | "asking";

/**
 * A user of a CRM. An empty password stands for the one that is kept.
 */
export type CrmUser = { 
/**
 * What it speaks.
 */
kind: CrmKind, 
/**
 * The server's address.
 */
server: string, 
/**
 * User name.
 */
user: string, 
/**
 * Password.
 */
password: string, };

/**
 * How it is with the CRM.
 */
export type CrmView = { 
/**
 * How it stands.
 */
state: CrmState, 
/**
 * What it speaks.
 */
kind: CrmKind, 
/**
 * The address book's, the database's or the queue's name.
 */
name: string, 
/**
 * The server's address as typed.
 */
server: string, 
/**
 * The user there.
 */
user: string, 
/**
 * Changes that wait or are on their way.
 */
waiting: number, 
/**
 * What needs the operator: conflicts, and what was refused.
 */
needs: number, 
/**
 * The last answer.
 */
answered: number | null, 
/**
 * Why the last request came to nothing, in the server's or the system's words.
 */
error: string | null, 
/**
 * During the first fetch: customers that are here.
 */
here: number | null, 
/**
 * And still to come, where the server tells.
 */
toCome: number | null, 
/**
 * How long that will take if it goes on as it has, milliseconds.
 */
leftMs: number | null, 
/**
 * So many customers would vanish at once, and the operator is asked first.
 */
vanishing: number | null, };

/**
 * All that waits, for the CRM or for the operator.
 */
export type CrmWork = { 
/**
 * The oldest changes that wait or are on their way.
 */
waiting: Array<WaitingView>, 
/**
 * What the CRM refused.
 */
refused: Array<RefusedView>, 
/**
 * What both sides changed.
 */
conflicts: Array<ConflictView>, 
/**
 * The operator's customers that it does not know of.
 */
onlyHere: number, };

/**
 * A customer, as the card shows him.
 */
export type CustomerCard = { 
/**
 * Id.
 */
id: string, 
/**
 * Person.
 */
name: string, 
/**
 * Company.
 */
company: string, 
/**
 * Product in use.
 */
product: string, 
/**
 * Town.
 */
town: string, 
/**
 * Numbers, E.164.
 */
numbers: Array<string>, 
/**
 * Mail addresses.
 */
emails: Array<string>, 
/**
 * A standing note.
 */
note: string, 
/**
 * The newest requests.
 */
requests: Array<RequestView>, 
/**
 * Promises not kept yet.
 */
promises: Array<PromiseView>, 
/**
 * A sample: invented, so that a first start is alive.
 */
sample: boolean, };

/**
 * A customer's fields as they are written, to be edited.
 */
export type CustomerFields = { 
/**
 * Person.
 */
name: string, 
/**
 * Company.
 */
company: string, 
/**
 * Product in use.
 */
product: string, 
/**
 * Town.
 */
town: string, 
/**
 * A standing note.
 */
note: string, 
/**
 * Numbers.
 */
numbers: Array<string>, 
/**
 * Mail addresses.
 */
emails: Array<string>, };

/**
 * A customer's page.
 */
export type CustomerPage = { 
/**
 * The card.
 */
card: CustomerCard, 
/**
 * Calls and requests, newest first.
 */
timeline: Array<TimelineItem>, };

/**
 * Names a customer.
 */
export type CustomerRef = { 
/**
 * Id.
 */
customer: string, };

/**
 * A customer in a search result.
 */
export type CustomerRow = { 
/**
 * Id.
 */
id: string, 
/**
 * Person.
 */
name: string, 
/**
 * Company.
 */
company: string, 
/**
 * First number, E.164.
 */
number: string, 
/**
 * Where a practice customer is reached: this row is no real customer.
 */
practice: boolean, 
/**
 * A sample.
 */
sample: boolean, };

/**
 * What this side adds to the way of the sound beside the buffer; each in ms.
 */
export type DelaysView = { 
/**
 * From the microphone to the program: the device, its driver, and the reserve between two clocks.
 */
microphone: number, 
/**
 * Taking out echo and noise.
 */
processing: number, 
/**
 * Filling a packet, and what the codec looks ahead.
 */
packet: number, 
/**
 * From the program to the ear.
 */
loudspeaker: number, };

/**
 * Devices by preference, best first; the system's default comes after the last.
 */
export type DeviceChoice = { 
/**
 * Ids of microphones.
 */
microphone: Array<string>, 
/**
 * Ids of loudspeakers.
 */
loudspeaker: Array<string>, 
/**
 * Ids of ringing devices; empty: the loudspeaker rings.
 */
ringer: Array<string>, };

/**
 * A sound device.
 */
export type DeviceView = { 
/**
 * For [`DeviceChoice`].
 */
id: string, 
/**
 * For people; `default` for the system's default.
 */
name: string, 
/**
 * Has a microphone.
 */
input: boolean, 
/**
 * Has a loudspeaker.
 */
output: boolean, };

/**
 * What to dial: a number, a `tel:` or `sip:` link.
 */
export type Dial = { 
/**
 * As typed or pasted.
 */
target: string, };

/**
 * Keys of the keypad.
 */
export type Digits = { 
/**
 * The call.
 */
call: string, 
/**
 * `0-9 * # A-D`.
 */
digits: string, };

/**
 * Who began a call.
 */
export type Direction = "in" | "out";

/**
 * Changes a customer.
 */
export type EditCustomer = { 
/**
 * The customer's id.
 */
customer: string, 
/**
 * What the form showed at first.
 */
seen: CustomerFields, 
/**
 * What it shows now.
 */
fields: CustomerFields, };

/**
 * Why a call ended.
 */
export type EndReasonView = "none" | "hung_up_here" | "hung_up_there" | "missed" | "answered_elsewhere" | "declined_here" | "busy" | "declined" | "not_found" | "no_answer" | "forbidden" | "unreachable" | "failed" | "interrupted";

/**
 * One change, numbered without gaps. After a gap take a new [`Snapshot`].
 */
export type Event = { 
/**
 * Number.
 */
seq: number, 
/**
 * The change.
 */
change: Change, };

/**
 * In which form a program is told.
 */
export type EventsForm = "zammad" | "webhook";

/**
 * A program to be told.
 */
export type EventsTarget = { 
/**
 * In which form.
 */
form: EventsForm, 
/**
 * Its address; empty: the one that is kept for this form.
 */
address: string, 
/**
 * What a webhook is signed with; empty: what is kept for this address.
 */
secret: string, };

/**
 * The program that is told what happens to calls.
 */
export type EventsView = { 
/**
 * In which form.
 */
form: EventsForm, 
/**
 * Its server.
 */
host: string, 
/**
 * How many events wait.
 */
waiting: number, 
/**
 * Why the last was not taken.
 */
problem: ApiError | null, };

/**
 * What is to be exported.
 */
export type ExportAsk = { 
/**
 * Which records.
 */
what: ExportWhat, 
/**
 * First day, such as `2026-11-01`, where the operator is.
 */
from: string, 
/**
 * Last day, which is with it.
 */
to: string, 
/**
 * How.
 */
format: ExportFormat, 
/**
 * Name of the form; none: all columns.
 */
form: string | null, };

/**
 * What a column can hold.
 */
export type ExportColumn = { 
/**
 * Of which records.
 */
what: ExportWhat, 
/**
 * Id.
 */
id: string, 
/**
 * In the window's language.
 */
name: string, };

/**
 * A form that an employer prescribes.
 */
export type ExportForm = { 
/**
 * What the operator calls it.
 */
name: string, 
/**
 * Of which records.
 */
what: ExportWhat, 
/**
 * Columns in their order.
 */
columns: Array<FormColumn>, };

/**
 * Names a form.
 */
export type ExportFormRef = { 
/**
 * Its name.
 */
name: string, };

/**
 * How a file is written.
 */
export type ExportFormat = "xlsx" | "csv";

/**
 * An employer's headings, to be understood.
 */
export type ExportHeadings = { 
/**
 * Of which records.
 */
what: ExportWhat, 
/**
 * A file's text, whose first line they are, or they themselves.
 */
text: string, };

/**
 * An export of the audit log.
 */
export type ExportLine = { 
/**
 * When.
 */
at: number, 
/**
 * Which records.
 */
what: ExportWhat, 
/**
 * First day.
 */
from: string, 
/**
 * Last day.
 */
to: string, 
/**
 * Name of the form; none: all columns.
 */
form: string | null, 
/**
 * How many records.
 */
rows: number, 
/**
 * Name of the file.
 */
file: string, 
/**
 * There is no file after all.
 */
failed: boolean, };

/**
 * What would be written.
 */
export type ExportPreview = { 
/**
 * How many records.
 */
count: number, 
/**
 * Headings.
 */
headings: Array<string>, 
/**
 * The first rows.
 */
rows: Array<Array<string>>, };

/**
 * What an export can be made of, and the last ones.
 */
export type ExportRoom = { 
/**
 * All columns that there are.
 */
columns: Array<ExportColumn>, 
/**
 * Forms that are kept.
 */
forms: Array<ExportForm>, 
/**
 * Where files go.
 */
folder: string, 
/**
 * The last exports, newest first.
 */
log: Array<ExportLine>, };

/**
 * Which records are exported.
 */
export type ExportWhat = "requests" | "calls";

/**
 * What was written.
 */
export type ExportWritten = { 
/**
 * The file.
 */
path: string, 
/**
 * How many records.
 */
rows: number, 
/**
 * Cells that were longer than a workbook allows, and were cut.
 */
cut: number, };

/**
 * More time after a call.
 */
export type Extend = { 
/**
 * Seconds more.
 */
seconds: number, };

/**
 * One fact of a scenario.
 */
export type FactView = { 
/**
 * What it is.
 */
name: string, 
/**
 * What the customer said.
 */
told: string, 
/**
 * Whether he came to say it.
 */
wasTold: boolean, 
/**
 * Whether it stands in the note.
 */
written: boolean, 
/**
 * What is wrong, in one word for translation: transposed, wrong_digit, missing.
 */
problem: string | null, };

/**
 * A line that is no customer.
 */
export type FaultyLine = { 
/**
 * Line of the table, or number of the card.
 */
line: number, 
/**
 * Why.
 */
fault: ImportFault, };

/**
 * A field and its value.
 */
export type FieldView = { 
/**
 * The field.
 */
field: string, 
/**
 * Its value.
 */
value: string, };

/**
 * A search.
 */
export type Find = { 
/**
 * Any part of a name, company or number.
 */
text: string, 
/**
 * At most so many.
 */
limit: number, };

/**
 * Looks for articles.
 */
export type FindArticles = { 
/**
 * Words, each of which may be only begun; without one all are listed.
 */
text: string, };

/**
 * A column of a form.
 */
export type FormColumn = { 
/**
 * The heading, as the employer wants it.
 */
heading: string, 
/**
 * Id of an [`ExportColumn`]; none: always the same text.
 */
column: string | null, 
/**
 * That text; it may be nothing.
 */
text: string, };

/**
 * A file for whoever takes over what has not reached the CRM.
 */
export type HandedOver = { 
/**
 * Its path.
 */
file: string, };

/**
 * Devices and mute.
 */
export type HeadsetView = { 
/**
 * Name of the microphone in use; `default` for the system’s default, here and below.
 */
microphone: string | null, 
/**
 * Name of the loudspeaker in use.
 */
loudspeaker: string | null, 
/**
 * Name of a separate ringing device in use.
 */
ringer: string | null, 
/**
 * The other side hears silence.
 */
muted: boolean, 
/**
 * What is wrong, if anything.
 */
warning: HeadsetWarning | null, 
/**
 * The room is loud beside the voice.
 */
noisy: boolean, 
/**
 * Preferences.
 */
choice: DeviceChoice, 
/**
 * Processing steps.
 */
processing: ProcessingView, };

/**
 * What can be wrong with a headset.
 */
export type HeadsetWarning = "no_microphone" | "no_loudspeaker" | "dead_microphone" | "echo" | "too_loud" | "too_slow";

/**
 * What the columns hold.
 */
export type ImportColumns = { 
/**
 * For each column; none: it is left out.
 */
columns: Array<ColumnUse | null>, };

/**
 * Why a line is no customer.
 */
export type ImportFault = "nameless" | "unreadable";

/**
 * A file's text, as the window read it.
 */
export type ImportText = { 
/**
 * All of it.
 */
text: string, };

/**
 * A file that was read, and what becomes of it.
 */
export type ImportView = { 
/**
 * Columns of a table; none for cards.
 */
columns: Array<ColumnView>, 
/**
 * Customers that would be, or are, made.
 */
fresh: number, 
/**
 * Customers who are here already, or twice in the file.
 */
known: number, 
/**
 * The first lines of these.
 */
knownLines: Array<number>, 
/**
 * Lines that are no customer.
 */
faults: number, 
/**
 * The first of these.
 */
faulty: Array<FaultyLine>, 
/**
 * How many were made, once it was begun.
 */
made: number | null, 
/**
 * It was stopped, or is done.
 */
over: boolean, };

/**
 * A form to be kept.
 */
export type KeepForm = { 
/**
 * It.
 */
form: ExportForm, 
/**
 * Name of the form it takes the place of; none: it is a new one.
 */
insteadOf: string | null, };

/**
 * Where the database key is kept.
 */
export type KeyStore = "system" | "file";

/**
 * Languages of the window, and of practice customers.
 */
export type Language = "en" | "it";

/**
 * What signing out would destroy that nobody else has.
 */
export type LeftBehind = { 
/**
 * Changes that have not reached the CRM.
 */
unsent: number, 
/**
 * Events of calls that another program is still to be told.
 */
events: number, 
/**
 * Customers that no CRM knows of.
 */
customers: number, 
/**
 * Calls, with notes and recordings.
 */
calls: number, };

/**
 * Levels, 20 times a second, outside the numbered events.
 */
export type LevelsView = { 
/**
 * Microphone, dBFS.
 */
microphone: number, 
/**
 * Ear, dBFS.
 */
ear: number, 
/**
 * Where a replay is, ms.
 */
replay: number | null, };

/**
 * An account at a switchboard.
 */
export type LineAccount = { 
/**
 * Address, such as `wss://pbx.example/ws`.
 */
server: string, 
/**
 * Extension.
 */
user: string, 
/**
 * Password.
 */
password: string, 
/**
 * Name shown to others.
 */
displayName: string, };

/**
 * Which switchboard a line leads to.
 */
export type LineKind = "none" | "practice" | "real";

/**
 * How a line stands.
 */
export type LineState = "off" | "connecting" | "registered" | "failed";

/**
 * The line to a switchboard.
 */
export type LineView = { 
/**
 * Which switchboard.
 */
kind: LineKind, 
/**
 * How it stands.
 */
state: LineState, 
/**
 * The switchboard's address, as given.
 */
server: string, 
/**
 * The extension.
 */
user: string, 
/**
 * Since when it stands so.
 */
since: number, 
/**
 * Why it is not registered.
 */
error: ApiError | null, 
/**
 * When the next attempt is made.
 */
retryAt: number | null, 
/**
 * The machine has a network (a practice line needs none).
 */
network: boolean, };

/**
 * A page of the list of calls.
 */
export type ListCalls = { 
/**
 * Only calls begun before this; none: from the newest.
 */
before: number | null, 
/**
 * At most so many.
 */
limit: number, };

/**
 * What became of a damaged database.
 */
export type Mended = "whole" | "partly";

/**
 * What a shell receives: numbered events, and levels in between.
 */
export type Message = { "kind": "event", "data": Event } | { "kind": "levels", "data": LevelsView };

/**
 * Mute or not.
 */
export type Mute = { 
/**
 * True: the other side hears silence.
 */
on: boolean, };

/**
 * Why a file is no article.
 */
export type NotRead = "too_long" | "not_text" | "refused";

/**
 * A file that is no article.
 */
export type NotReadFile = { 
/**
 * Its path from the folder.
 */
file: string, 
/**
 * Why.
 */
why: NotRead, };

/**
 * For commands that need or give nothing.
 */
export type Nothing = Record<symbol, never>;

/**
 * Which article.
 */
export type OpenArticle = { 
/**
 * Its id.
 */
article: string, 
/**
 * What is to be marked in it.
 */
words: string, 
/**
 * The call in which it is opened.
 */
call: string | null, };

/**
 * A link of an article.
 */
export type OpenLink = { 
/**
 * To the web or to a mail.
 */
address: string, };

/**
 * A request of the operator's that is to be done.
 */
export type OpenRequest = { 
/**
 * The request.
 */
request: RequestView, 
/**
 * The customer's name.
 */
name: string | null, };

/**
 * What the operator does.
 */
export type OperatorState = "ready" | "in_call" | "wrap_up" | "paused";

/**
 * The operator.
 */
export type OperatorView = { 
/**
 * State.
 */
state: OperatorState, 
/**
 * Since when.
 */
since: number, };

/**
 * Break or not.
 */
export type Pause = { 
/**
 * True: no calls.
 */
on: boolean, };

/**
 * A piece of text.
 */
export type Piece = { 
/**
 * The text.
 */
text: string, 
/**
 * It is what was looked for.
 */
found: boolean, };

/**
 * Replay.
 */
export type Play = { 
/**
 * The call.
 */
call: string, 
/**
 * From where, ms.
 */
from: number, };

/**
 * The page of the employer's own web program that opens for who calls.
 */
export type PopView = { 
/**
 * Its address, with places such as `{phone}` in it.
 */
template: string, 
/**
 * When it opens.
 */
when: PopWhen, };

/**
 * When a page opens by itself.
 */
export type PopWhen = "ringing" | "answered" | "by_hand";

/**
 * How a practice customer left.
 */
export type PracticeEnding = "thanked" | "left_angry" | "hung_up_on" | "unanswered";

/**
 * A short, honest result of a practice call.
 */
export type PracticeResult = { 
/**
 * Scenario.
 */
scenario: string, 
/**
 * The call.
 */
call: string, 
/**
 * From the first ring to the answer, ms; none when it was not answered.
 */
timeToAnswer: number | null, 
/**
 * From the answer to the operator's first word, ms.
 */
timeToGreeting: number | null, 
/**
 * Stretches in which nobody spoke for more than four seconds.
 */
silences: number, 
/**
 * The longest of them, ms.
 */
longestSilence: number, 
/**
 * How often the operator talked into the customer's sentence.
 */
interruptions: number, 
/**
 * The operator's share of all speech, percent; a figure to look at, no points.
 */
talkShare: number, 
/**
 * How the customer left.
 */
ending: PracticeEnding, 
/**
 * Facts, as told and as typed.
 */
facts: Array<FactView>, 
/**
 * Of the facts told, how many were written down right, percent; none before the request is registered.
 */
dataScore: number | null, 
/**
 * It was too noisy to measure speech.
 */
tooNoisy: boolean, 
/**
 * Nothing came from the operator's microphone, through the whole call.
 */
microphoneSilent: boolean, 
/**
 * The language the customer spoke.
 */
language: Language, 
/**
 * What was said, as far as it is known; empty in results that were kept before it was.
 */
transcript: Array<TranscriptLine>, };

/**
 * How practice stands.
 */
export type PracticeState = "preparing" | "calling" | "talking" | "finished";

/**
 * The practice room.
 */
export type PracticeView = { 
/**
 * Scenario.
 */
scenario: string, 
/**
 * Its language.
 */
language: Language, 
/**
 * How it stands.
 */
state: PracticeState, 
/**
 * While it is prepared: how far, percent.
 */
prepared: number, 
/**
 * What was said, as far as it is known (the customer's lines; the operator's are not recognised).
 */
transcript: Array<TranscriptLine>, 
/**
 * Afterwards.
 */
result: PracticeResult | null, };

/**
 * Theme and language.
 */
export type Preferences = { 
/**
 * Language.
 */
language: Language, 
/**
 * Look.
 */
theme: Theme, };

/**
 * Processing of the microphone.
 */
export type ProcessingView = { 
/**
 * Echo cancellation.
 */
echoCancellation: boolean, 
/**
 * Noise suppression.
 */
noiseSuppression: boolean, 
/**
 * Its strong form, for noisy rooms; only with it.
 */
strongNoiseSuppression: boolean, 
/**
 * Gain control.
 */
gainControl: boolean, };

/**
 * A promise to a customer.
 */
export type PromiseView = { 
/**
 * Id.
 */
id: string, 
/**
 * What was promised.
 */
text: string, 
/**
 * Until when.
 */
due: number, };

/**
 * What spoils how a call is heard.
 */
export type QualityCause = "delay" | "loss" | "late";

/**
 * How well a call is heard.
 */
export type QualityView = { 
/**
 * Estimated mean opinion score, 1 to 4.5 (ITU-T G.107).
 */
mos: number, 
/**
 * What costs most of it.
 */
cause: QualityCause, 
/**
 * Of the sound heard in the last second, invented to cover gaps; percent.
 */
concealed: number, 
/**
 * Of what should have come in the last second, percent.
 */
lossIn: number, 
/**
 * As the other side reports it, percent.
 */
lossOut: number, 
/**
 * Interarrival jitter, ms.
 */
jitter: number, 
/**
 * Round trip, ms.
 */
roundTrip: number | null, 
/**
 * Sound waiting in the jitter buffer, ms.
 */
buffer: number, 
/**
 * What else takes time.
 */
delays: DelaysView, 
/**
 * What the machine does for it.
 */
work: WorkView, 
/**
 * Codec.
 */
codec: string | null, 
/**
 * Way the packets go: host, srflx, relay.
 */
path: string | null, 
/**
 * Packets received.
 */
received: number, 
/**
 * Packets sent.
 */
sent: number, };

/**
 * What a record is.
 */
export type RecordKind = "customer" | "request";

/**
 * A recording's shape.
 */
export type RecordingView = { 
/**
 * Length, ms.
 */
duration: number, 
/**
 * Waveform of the operator, 0..=1, in equal steps.
 */
operator: Array<number>, 
/**
 * Waveform of the customer, same steps.
 */
customer: Array<number>, 
/**
 * Closed properly.
 */
complete: boolean, };

/**
 * Names what was refused.
 */
export type RefusedRef = { 
/**
 * Its number.
 */
seq: number, };

/**
 * A change that the CRM refused.
 */
export type RefusedView = { 
/**
 * Its number.
 */
seq: number, 
/**
 * What it is.
 */
what: RecordKind, 
/**
 * Its id.
 */
record: string, 
/**
 * The customer it is, or is of.
 */
customer: string | null, 
/**
 * His name, or what a request is called.
 */
name: string, 
/**
 * What was to be done.
 */
kind: ChangeKind, 
/**
 * The CRM's words.
 */
why: string, 
/**
 * When it was written.
 */
at: number, };

/**
 * What the operator writes down during a call. On disk at each key stroke.
 */
export type RequestDraft = { 
/**
 * Kind.
 */
kind: RequestKind | null, 
/**
 * Topic, first level: id.
 */
topic: string | null, 
/**
 * Topic, second level: id.
 */
subtopic: string | null, 
/**
 * Note.
 */
note: string, 
/**
 * Which of the customers with this number it is.
 */
customer: string | null, 
/**
 * Something is left to be done.
 */
open: boolean, 
/**
 * Until when.
 */
due: number | null, };

/**
 * Kinds of request.
 */
export type RequestKind = "consultation" | "order" | "complaint" | "survey" | "sale" | "information" | "callback";

/**
 * A registered request.
 */
export type RequestView = { 
/**
 * Id.
 */
id: string, 
/**
 * When.
 */
at: number, 
/**
 * Kind; none when it was made in the CRM.
 */
kind: RequestKind | null, 
/**
 * What it is called in the CRM.
 */
title: string, 
/**
 * Until when it is to be done.
 */
due: number | null, 
/**
 * Nothing is left to be done.
 */
done: boolean, 
/**
 * Topic, first level: id.
 */
topic: string, 
/**
 * Topic, second level: id.
 */
subtopic: string, 
/**
 * Note.
 */
note: string, 
/**
 * The customer it is about.
 */
customer: string | null, };

/**
 * A draft for a call.
 */
export type SaveDraft = { 
/**
 * The call.
 */
call: string, 
/**
 * What is written.
 */
draft: RequestDraft, };

/**
 * A scenario that can be practised.
 */
export type ScenarioView = { 
/**
 * Id.
 */
id: string, 
/**
 * Title.
 */
title: string, 
/**
 * What it is about.
 */
summary: string, 
/**
 * The customer's name.
 */
customer: string, 
/**
 * The number under which the customer can be called.
 */
number: string, 
/**
 * Difficulty, 1 to 4.
 */
level: number, };

/**
 * Where the articles are.
 */
export type SetArticles = { 
/**
 * A folder of this computer, from its beginning; none for the samples.
 */
folder: string | null, };

/**
 * Says of a request whether something is left to be done.
 */
export type SetDone = { 
/**
 * The request's id.
 */
request: string, 
/**
 * Nothing is.
 */
done: boolean, };

/**
 * The program to be told, or none.
 */
export type SetEvents = { 
/**
 * It.
 */
target: EventsTarget | null, };

/**
 * The page that opens for who calls, or none.
 */
export type SetPop = { 
/**
 * It.
 */
pop: PopView | null, };

/**
 * Destroys all that is kept here.
 */
export type SignOut = { 
/**
 * Also what has not reached the CRM.
 */
leaveBehind: boolean, };

/**
 * All that the window shows at one moment. Later [`Event`]s change its parts.
 */
export type Snapshot = { 
/**
 * Number of the last event already contained.
 */
seq: number, 
/**
 * The program itself.
 */
app: AppView, 
/**
 * The line to a switchboard.
 */
line: LineView, 
/**
 * Devices and mute.
 */
headset: HeadsetView, 
/**
 * The operator.
 */
operator: OperatorView, 
/**
 * Calls that live, oldest first.
 */
calls: Array<CallView>, 
/**
 * What is still to be done after the last call.
 */
wrapUp: WrapUpView | null, 
/**
 * The practice room, when it is open.
 */
practice: PracticeView | null, 
/**
 * The employer's CRM.
 */
crm: CrmView, 
/**
 * The file that is being looked at or taken over.
 */
import: ImportView | null, };

/**
 * Who spoke.
 */
export type Speaker = "customer" | "operator";

/**
 * Practice to begin.
 */
export type StartPractice = { 
/**
 * Scenario id.
 */
scenario: string, 
/**
 * Language of the customer.
 */
language: Language, };

/**
 * A topic of the second level.
 */
export type SubtopicView = { 
/**
 * Id.
 */
id: string, 
/**
 * Name in the window's language.
 */
name: string, };

/**
 * Asks the CRM now.
 */
export type SyncNow = { 
/**
 * The answer to the question whether so many may vanish.
 */
mayVanish: boolean, };

/**
 * What to test.
 */
export type TestSound = { 
/**
 * Where.
 */
on: TestTarget, };

/**
 * Where a test sound is played.
 */
export type TestTarget = "loudspeaker" | "ringer";

/**
 * Looks of the window.
 */
export type Theme = "system" | "light" | "dark" | "contrast";

/**
 * One thing that happened with a customer.
 */
export type TimelineItem = { 
/**
 * When.
 */
at: number, 
/**
 * A call.
 */
call: CallRow | null, 
/**
 * A request registered without a call in the list, or with it.
 */
request: RequestView | null, };

/**
 * A topic of the first level with those of the second.
 */
export type TopicView = { 
/**
 * Id.
 */
id: string, 
/**
 * Name in the window's language.
 */
name: string, 
/**
 * Second level.
 */
subtopics: Array<SubtopicView>, };

/**
 * A line of the dialogue.
 */
export type TranscriptLine = { 
/**
 * From the answer, ms.
 */
at: number, 
/**
 * Who.
 */
who: Speaker, 
/**
 * What; empty for the operator, whose words are not recognised.
 */
text: string, };

/**
 * What can be wrong with the sound of a call.
 */
export type TroubleView = "interrupted" | "dead_microphone" | "echo" | "too_loud" | "too_slow";

/**
 * Opens a page as if somebody called.
 */
export type TryPop = { 
/**
 * Its address, with places such as `{phone}` in it.
 */
template: string, };

/**
 * A change that waits.
 */
export type WaitingView = { 
/**
 * What it is.
 */
what: RecordKind, 
/**
 * Its id.
 */
record: string, 
/**
 * The customer it is, or is of.
 */
customer: string | null, 
/**
 * His name, or what a request is called.
 */
name: string, 
/**
 * What is to be done.
 */
kind: ChangeKind, 
/**
 * The fields.
 */
fields: Array<string>, 
/**
 * It may be on its way.
 */
sent: boolean, 
/**
 * When it was written.
 */
at: number, 
/**
 * Why the CRM did not do it the last time it was asked to.
 */
why: string | null, };

/**
 * What ten milliseconds of sound take of the machine, on average over the last second; each in ms.
 */
export type WorkView = { 
/**
 * Making sound of what came.
 */
receiving: number, 
/**
 * Exchange with the devices.
 */
devices: number, 
/**
 * Taking out echo.
 */
echo: number, 
/**
 * Taking out noise.
 */
noise: number, 
/**
 * Bringing the voice to its level.
 */
gain: number, 
/**
 * Making packets.
 */
sending: number, 
/**
 * Handing sound to the recorder.
 */
recording: number, 
/**
 * All else.
 */
rest: number, 
/**
 * All of it, for the ten milliseconds that took longest.
 */
longest: number, };

/**
 * What is still to be done after a call.
 */
export type WrapUpView = { 
/**
 * The call.
 */
call: string, 
/**
 * The other side's name or number.
 */
name: string, 
/**
 * The other side's number.
 */
number: string, 
/**
 * When the next call may come.
 */
ends: number, 
/**
 * What was registered.
 */
request: RequestView | null, 
/**
 * What is written down so far, as saved.
 */
draft: RequestDraft, 
/**
 * Customers with this number, and the one chosen.
 */
customers: Array<CustomerCard>, 
/**
 * Why the call ended.
 */
reason: EndReasonView, 
/**
 * How long they talked, ms.
 */
talked: number, };

/** Every command: [request, response]. */
export type Commands = {
  /** All that the window shows. */
  snapshot: [Nothing, Snapshot];
  /** Sets language and look. */
  set_preferences: [Preferences, Nothing];
  /** The operator knows that the database was mended. */
  mending_is_known: [Nothing, Nothing];
  /** The first-start pages are done. */
  finish_first_start: [Nothing, Nothing];
  /** Sound devices of the machine. */
  list_devices: [Nothing, Array<DeviceView>];
  /** Chooses devices by preference. */
  choose_devices: [DeviceChoice, Nothing];
  /** Switches processing steps. */
  set_processing: [ProcessingView, Nothing];
  /** Plays three notes. */
  test_sound: [TestSound, Nothing];
  /** Connects to the employer's switchboard; how it goes is told by events. A malformed address is an error at once. */
  connect_line: [LineAccount, Nothing];
  /** The account as saved, password left out. */
  line_account: [Nothing, LineAccount];
  /** Leaves the switchboard, until it is connected again: also after practice and after the next start. */
  disconnect_line: [Nothing, Nothing];
  /** Calls a number, a name's number or a link. */
  dial: [Dial, CallRef];
  /** Answers. */
  answer: [CallRef, Nothing];
  /** Declines. */
  reject: [CallRef, Nothing];
  /** Hangs up. */
  hang_up: [CallRef, Nothing];
  /** Holds. */
  hold: [CallRef, Nothing];
  /** Resumes; another active call is held. */
  resume: [CallRef, Nothing];
  /** Sends keys. */
  send_digits: [Digits, Nothing];
  /** Mutes the microphone. */
  mute: [Mute, Nothing];
  /** Break or ready. */
  pause: [Pause, Nothing];
  /** Saves what is written down; on disk when it returns. */
  save_draft: [SaveDraft, Nothing];
  /** Registers the request of a call; on disk when it returns. */
  register_request: [SaveDraft, RequestView];
  /** Says whose a call is, or that it is no customer's; during it or later. Call and request move to that customer's time line. */
  choose_customer: [ChooseCustomer, Nothing];
  /** Makes the other side of a call a customer, with its number; `choose_customer` links him with the call. */
  add_customer: [AddCustomer, CustomerRef];
  /** Ends wrap-up. */
  end_wrap_up: [Nothing, Nothing];
  /** Extends wrap-up. */
  extend_wrap_up: [Extend, Nothing];
  /** Topics in two levels. */
  topics: [Nothing, Array<TopicView>];
  /** Searches customers by name, company or number; practice customers too. */
  find_customers: [Find, Array<CustomerRow>];
  /** A customer's page. */
  customer: [CustomerRef, CustomerPage];
  /** A customer's fields as they are written. */
  customer_fields: [CustomerRef, CustomerFields];
  /** Changes a customer; on disk when it returns, with what is to be sent to the CRM. */
  edit_customer: [EditCustomer, Nothing];
  /** Deletes a customer; in the CRM too. His calls and requests stay. */
  delete_customer: [CustomerRef, Nothing];
  /** Reads a file with customers and says what would be made of it. Nothing is made. */
  read_import: [ImportText, Nothing];
  /** The same with columns understood in another way. */
  plan_import: [ImportColumns, Nothing];
  /** Makes the customers of the file; how far it is, is told by events. */
  run_import: [Nothing, Nothing];
  /** Stops it, or puts the file away. */
  stop_import: [Nothing, Nothing];
  /** Removes the sample customers, but for those who call in practice. */
  remove_samples: [Nothing, Nothing];
  /** Calls, newest first. */
  list_calls: [ListCalls, Array<CallRow>];
  /** What an export can be made of, and the last ones. */
  export_room: [Nothing, ExportRoom];
  /** What an export would write; nothing is written. */
  preview_export: [ExportAsk, ExportPreview];
  /** Writes calls or requests into a file among the downloads, and a line about it into the audit log. */
  run_export: [ExportAsk, ExportWritten];
  /** What an employer's headings seem to mean. */
  read_headings: [ExportHeadings, Array<FormColumn>];
  /** Keeps a form, in place of another or beside the others. */
  keep_form: [KeepForm, Nothing];
  /** Forgets a form. */
  remove_form: [ExportFormRef, Nothing];
  /** Shape of a recording. */
  recording: [CallRef, RecordingView];
  /** Replays a recording to the ear. */
  play_recording: [Play, Nothing];
  /** Stops it. */
  stop_playing: [Nothing, Nothing];
  /** The address books of a user on a CardDAV server, with what they have and whether we may change them. */
  crm_books: [CrmUser, Array<BookView>];
  /** Connects an address book as the employer's CRM; how it goes is told by events. */
  connect_crm: [ConnectCrm, Nothing];
  /** Asks the CRM no more, until it is connected again. Changes wait. */
  disconnect_crm: [Nothing, Nothing];
  /** Asks the CRM now: sends what waits, fetches what is new. */
  sync_now: [SyncNow, Nothing];
  /** Sends the operator's customers that the CRM does not know of. */
  send_only_here: [Nothing, Nothing];
  /** What waits, for the CRM or for the operator. */
  crm_work: [Nothing, CrmWork];
  /** The operator chooses whose value a field in conflict shall have. */
  choose_value: [ChooseValue, Nothing];
  /** Gives up what the CRM refused: the customer is again what the CRM has. */
  send_again: [RefusedRef, Nothing];
  let_go: [RefusedRef, Nothing];
  set_done: [SetDone, Nothing];
  set_pop: [SetPop, Nothing];
  try_pop: [TryPop, Nothing];
  open_page: [CallRef, Nothing];
  /** From now on a program of the employer's is told what happens to calls, or none is. */
  set_events: [SetEvents, Nothing];
  /** Asks a program whether it would take events; it is told none. */
  try_events: [EventsTarget, Nothing];
  open_requests: [Nothing, Array<OpenRequest>];
  /** Looks for knowledge articles. */
  find_articles: [FindArticles, Array<ArticleRow>];
  /** Articles that may help with what is written down in a call: a topic's names and a note. */
  suggest_articles: [FindArticles, Array<ArticleRow>];
  /** An article to be read; that it is read in a call is counted. */
  open_article: [OpenArticle, ArticlePage];
  /** Takes the articles from a folder, or the samples. Nothing is changed when it can't be read. */
  set_articles: [SetArticles, Nothing];
  /** Looks now what is new in the folder. */
  read_articles: [Nothing, Nothing];
  /** Opens an article's link to the web or to a mail outside. */
  open_link: [OpenLink, Nothing];
  /** What signing out would destroy that nobody else has. */
  left_behind: [Nothing, LeftBehind];
  /** Writes what has not reached the CRM into a file among the downloads, which anybody can read. */
  hand_over: [Nothing, HandedOver];
  /** Destroys all that is kept here. Nothing is answered after it. */
  sign_out: [SignOut, Nothing];
  /** Scenarios in the window's language. */
  scenarios: [Nothing, Array<ScenarioView>];
  /** Opens the practice room: connects the practice line, and the customer calls. */
  start_practice: [StartPractice, Nothing];
  /** Leaves the practice room. */
  stop_practice: [Nothing, Nothing];
  /** Result of a practice call. */
  practice_result: [CallRef, PracticeResult];
};
