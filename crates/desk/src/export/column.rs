//! What can stand in a column of an export, what it is called, and what of a call or a request stands there.

use crate::records::{Ending, Kind};
use crate::topics::{TOPICS, Topic};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use cuffia_crm::import::{says, words};
use cuffia_customers::{Exported, Records};

/// What stands in a cell. Times are the operator's local ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    /// What the operator had put there: it is what it is.
    Fixed(String),
    Date(NaiveDate),
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    /// Milliseconds.
    Duration(i64),
    /// With one digit after the point.
    Number(f64),
}

/// Declares the columns: word in a form, name in English and Italian, width as many characters, words of employers' headings.
macro_rules! columns {
    ($($name:ident $word:literal $en:literal $it:literal $width:literal [$($guess:literal)*])*) => {
        /// What a column of an export holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Column { $(#[doc = $en] $name,)* }

        impl Column {
            /// The word in a form, and for programs.
            pub fn word(self) -> &'static str {
                match self { $(Column::$name => $word,)* }
            }

            /// From the word.
            pub fn from_word(word: &str) -> Option<Column> {
                match word { $($word => Some(Column::$name),)* _ => None }
            }

            /// Its name for people, and its heading where none is prescribed.
            pub fn name(self, italian: bool) -> &'static str {
                match self { $(Column::$name => if italian { $it } else { $en },)* }
            }

            /// How wide it is, in characters.
            pub(crate) fn width(self) -> f64 {
                match self { $(Column::$name => f64::from($width),)* }
            }

            /// Words of headings it is known by; whole ones, or their beginnings where there is a star.
            fn guesses(self) -> &'static [&'static str] {
                match self { $(Column::$name => &[$($guess),*],)* }
            }
        }
    };
}

columns! {
    Registered "registered_at" "Registered at" "Registrata il" 17
        ["registered*" "registrat*" "date and time" "data e ora" "data ora" "datetime" "timestamp"]
    Began "call_began" "Call began" "Inizio chiamata" 17
        ["began" "start*" "call start*" "inizio*" "inizio chiamata" "date and time" "data e ora" "data ora" "datetime" "timestamp"]
    Date "date" "Date" "Data" 11 ["date" "data" "day" "giorno"]
    Time "time" "Time" "Ora" 9 ["time" "ora" "orario" "hour"]
    Kind "kind" "Kind" "Tipo" 15 ["kind" "type" "category" "tipo" "tipologia" "categoria"]
    Topic "topic" "Topic" "Argomento" 20 ["topic" "reason" "argomento" "motivo" "causale"]
    Subtopic "subtopic" "Detail" "Dettaglio" 26 ["subtopic" "detail*" "dettagli*" "sottoargomento" "sotto argomento"]
    Title "title" "Title" "Titolo" 40 ["title" "subject" "summary" "titolo" "oggetto"]
    Note "note" "Note" "Nota" 60
        ["note*" "nota" "comment*" "description" "remarks" "descrizione" "annotazion*" "osservazion*"]
    Customer "customer" "Customer" "Cliente" 26
        ["customer" "customer name" "client" "contact" "cliente" "nome cliente" "contatto" "name" "nome" "nominativo"]
    Name "name" "Name as called" "Nome in chiamata" 26 ["name" "caller name" "nome" "nome chiamante" "nominativo"]
    Company "company" "Company" "Azienda" 26
        ["company" "company name" "organi*" "azienda" "ditta" "società" "societa" "ragione sociale"]
    CustomerNumber "customer_number" "Customer’s number" "Numero del cliente" 18
        ["customer number" "customer s number" "customer phone" "numero cliente" "numero del cliente" "telefono cliente"]
    Number "number" "Number" "Numero" 18
        ["number" "phone*" "tel" "mobile" "caller" "cli" "numero" "telefon*" "cellulare" "chiamante" "numero chiamante"]
    Called "called" "Called" "Numero chiamato" 18
        ["called" "called number" "dialled" "dialed" "chiamato" "numero chiamato" "linea" "line"]
    Direction "direction" "Direction" "Direzione" 12 ["direction" "direzione" "verso"]
    Answered "answered" "Answered" "Con risposta" 13 ["answered" "rispost*"]
    Rang "rang_for" "Rang for" "Ha squillato per" 16 ["rang*" "ring*" "wait*" "attesa" "squill*"]
    Talked "talk_time" "Talk time" "Conversazione" 12
        ["talk*" "talk time" "duration" "call time" "length" "durata" "conversazione"]
    Ended "ended_because" "Ended because" "Motivo della fine" 28
        ["ended*" "end reason" "outcome" "result" "esito" "risultato" "motivo della fine"]
    Recording "recording" "Recording" "Audio salvato" 12 ["recording*" "recorded" "registrazione" "audio*"]
    Quality "quality" "Quality (MOS)" "Qualità (MOS)" 12 ["quality" "mos" "qualità" "qualita"]
    Due "due" "To be done by" "Da fare entro" 17 ["due*" "deadline" "scaden*" "entro"]
    Done "done" "Done" "Fatto" 8 ["done" "closed" "completed" "status" "fatto" "chius*" "stato" "evas*"]
    Id "id" "Id" "Codice" 38 ["id" "reference" "request id" "call id" "riferimento" "id richiesta" "id chiamata"]
    CrmId "crm_id" "Id in the CRM" "Codice nel CRM" 16 ["crm id" "id crm" "ticket*" "crm" "codice nel crm"]
}

/// Of requests, as they stand where no form is prescribed.
const REQUESTS: [Column; 20] = [
    Column::Registered,
    Column::Date,
    Column::Time,
    Column::Kind,
    Column::Topic,
    Column::Subtopic,
    Column::Title,
    Column::Note,
    Column::Customer,
    Column::Company,
    Column::CustomerNumber,
    Column::Number,
    Column::Direction,
    Column::Began,
    Column::Talked,
    Column::Recording,
    Column::Due,
    Column::Done,
    Column::Id,
    Column::CrmId,
];

/// Of calls.
const CALLS: [Column; 21] = [
    Column::Began,
    Column::Date,
    Column::Time,
    Column::Direction,
    Column::Number,
    Column::Name,
    Column::Customer,
    Column::Company,
    Column::CustomerNumber,
    Column::Called,
    Column::Answered,
    Column::Rang,
    Column::Talked,
    Column::Ended,
    Column::Recording,
    Column::Quality,
    Column::Kind,
    Column::Topic,
    Column::Subtopic,
    Column::Note,
    Column::Id,
];

/// About somebody or something else, whatever stands beside it.
const OTHER: [&str; 11] =
    ["fax", "code", "codice", "vat", "iva", "invoice", "fattura", "operator*", "operatore", "agent*", "agente"];

impl Column {
    /// All that there are of these records, in our order.
    pub fn of(records: Records) -> &'static [Column] {
        match records {
            Records::Requests => &REQUESTS,
            Records::Calls => &CALLS,
        }
    }

    /// Which column an employer's heading seems to mean: the one with the longest of its words in it.
    pub(crate) fn guess(heading: &str, records: Records) -> Option<Column> {
        let heading = words(heading);
        // Our own names are always known.
        let own = |c: &&Column| [false, true].iter().any(|italian| words(c.name(*italian)) == heading);
        if let Some(column) = Column::of(records).iter().find(own) {
            return Some(*column);
        }
        if OTHER.iter().any(|word| says(&heading, word)) {
            return None;
        }
        let longest = |c: &Column| c.guesses().iter().filter(|w| says(&heading, w)).map(|w| w.len()).max();
        // Of equals the last is taken: ours come the other way round.
        Column::of(records).iter().rev().filter_map(|c| Some((longest(c)?, *c))).max_by_key(|(n, _)| *n).map(|(_, c)| c)
    }

    /// What stands in it, of a record.
    pub(crate) fn cell(self, records: Records, of: &Exported, zone: &impl TimeZone, italian: bool) -> Cell {
        let Exported { call, request, customer, there } = of;
        let local = |at: i64| Some(zone.timestamp_millis_opt(at).single()?.naive_local());
        let at = match records {
            Records::Requests => request.as_ref().map_or(call.started, |r| r.at),
            Records::Calls => call.started,
        };
        let text = |text: &str| (!text.is_empty()).then(|| Cell::Text(text.to_owned()));
        let moment = |at: Option<i64>| at.and_then(local).map(Cell::DateTime);
        let so = |so: bool| {
            text(match (so, italian) {
                (true, false) => "yes",
                (true, true) => "sì",
                (false, _) => "no",
            })
        };
        let topic = || request.as_ref().and_then(|r| TOPICS.iter().find(|t| t.id == r.topic));
        let cell = match self {
            Column::Registered => moment(request.as_ref().map(|r| r.at)),
            Column::Began => moment(Some(call.started)),
            Column::Date => local(at).map(|t| Cell::Date(t.date())),
            Column::Time => local(at).map(|t| Cell::Time(t.time())),
            Column::Kind => request
                .as_ref()
                .and_then(|r| text(Kind::from_word(&r.kind).map_or(r.kind.as_str(), |kind| kind.name(italian)))),
            Column::Topic => request.as_ref().and_then(|r| text(topic().map_or(&r.topic, |t| t.name(italian)))),
            Column::Subtopic => {
                let below = |r: &str| topic().and_then(|t: &Topic| t.name_below(r, italian));
                request.as_ref().and_then(|r| text(below(&r.subtopic).unwrap_or(&r.subtopic)))
            }
            Column::Title => request.as_ref().and_then(|r| text(&r.title)),
            Column::Note => request.as_ref().and_then(|r| text(&r.note)),
            Column::Customer => customer.as_ref().and_then(|c| text(&c.name)),
            Column::Name => call.name.as_deref().and_then(text),
            Column::Company => customer.as_ref().and_then(|c| text(&c.company)),
            Column::CustomerNumber => customer.as_ref().and_then(|c| text(c.numbers.first()?)),
            Column::Number => text(&call.number),
            Column::Called => text(&call.called),
            Column::Direction => text(match (call.outgoing, italian) {
                (false, false) => "Incoming",
                (false, true) => "In entrata",
                (true, false) => "Outgoing",
                (true, true) => "In uscita",
            }),
            Column::Answered => so(call.answered.is_some()),
            Column::Rang => call.answered.or(call.ended).map(|end| Cell::Duration((end - call.started).max(0))),
            Column::Talked => call.answered.zip(call.ended).map(|(from, to)| Cell::Duration((to - from).max(0))),
            Column::Ended => text(match call.reason.as_deref() {
                Some(word) => Ending::from_word(word).map_or(word, |ending| ending.name(italian)),
                None => return Cell::Empty,
            }),
            Column::Recording => so(call.recording.is_some()),
            Column::Quality => call.mos.map(Cell::Number),
            Column::Due => moment(request.as_ref().and_then(|r| r.due)),
            Column::Done => request.as_ref().and_then(|r| so(r.done)),
            Column::Id => text(match (records, request) {
                (Records::Requests, Some(r)) => &r.id,
                _ => &call.id,
            }),
            Column::CrmId => there.as_deref().and_then(text),
        };
        cell.unwrap_or(Cell::Empty)
    }
}
