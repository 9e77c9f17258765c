//! Customers from a file that another program wrote: a table (CSV as in RFC 4180, and as spreadsheets write it), or vCards.

use crate::vcard;
use calcard::{Entry, Parser};
use cuffia_customers::sync::upstream::Fields;
use serde_json::{Value, json};

/// What a column of a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The whole name.
    Name,
    /// The given name.
    First,
    /// The family name.
    Last,
    /// The company.
    Company,
    /// The product in use.
    Product,
    /// The town.
    Town,
    /// A note.
    Note,
    /// A telephone number. There may be several such columns.
    Number,
    /// A mail address. There may be several such columns.
    Email,
}

/// A customer to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Where it begins in the file, counted from 1: the line of a table, the number of a card.
    pub line: u64,
    /// Its fields.
    pub fields: Fields,
}

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Neither a name nor a company.
    Nameless,
    /// It can't be read: a quote that is never closed, something between cards.
    Unreadable,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns' names; empty ones where the first line is a customer already.
    pub header: Vec<String>,
    /// Lines with their cells, as many as there are columns.
    pub rows: Vec<(u64, Vec<String>)>,
    /// Lines that can't be read.
    pub faults: Vec<(u64, Fault)>,
}

/// A table has so many columns at most; what stands further to the right is left out.
const WIDEST: usize = 100;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A table, whose columns are to be understood.
    Table(Table),
    /// Cards, which tell what is what.
    Cards(Vec<Candidate>, Vec<(u64, Fault)>),
}

/// Reads a file's text. Anything that is no card is a table.
pub fn read(text: &str) -> Source {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().get(..11).is_some_and(|begin| begin.eq_ignore_ascii_case("BEGIN:VCARD")) {
        let (cards, faults) = cards(text);
        Source::Cards(cards, faults)
    } else {
        Source::Table(table(text))
    }
}

fn cards(text: &str) -> (Vec<Candidate>, Vec<(u64, Fault)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut parser = Parser::new(text);
    for number in 1.. {
        match parser.entry() {
            Entry::VCard(card) => match named(vcard::read(&card)) {
                Some(fields) => good.push(Candidate { line: number, fields }),
                None => bad.push((number, Fault::Nameless)),
            },
            Entry::Eof => break,
            _ => bad.push((number, Fault::Unreadable)),
        }
        // Each entry takes something of the text; should one not, this is the end of it all the same.
        if number > text.len() as u64 {
            break;
        }
    }
    (good, bad)
}

/// Who has no name is called as the company; nobody is called nothing.
fn named(mut fields: Fields) -> Option<Fields> {
    let text = |f: &Fields, field: &str| f.get(field).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    if text(&fields, "name").is_empty() {
        let company = text(&fields, "company");
        if company.is_empty() {
            return None;
        }
        fields.insert("name".into(), json!(company));
    }
    Some(fields)
}

/// The character between cells: the one that the first line has most of, outside of quotes.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b';', 0), (b',', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().filter(|(c, _)| *c == byte).for_each(|(_, n)| *n += 1),
        }
    }
    counts.iter().max_by_key(|(_, n)| *n).map_or(b',', |(c, _)| *c)
}

fn table(text: &str) -> Table {
    let delimiter = delimiter(text);
    let (mut rows, mut faults) = (rows(text, 0, delimiter, true), Vec::new());
    // A quote that is never closed has taken the rest of the file for one cell: that line is told, and the rest read line by line.
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1
        && let Some((line, at, _)) = rows.pop()
    {
        faults.push((line, Fault::Unreadable));
        if let Some(next) = text[at..].find('\n') {
            rows.extend(self::rows(text, at + next + 1, delimiter, false));
        }
    }
    let width = rows.iter().map(|(.., cells)| cells.len()).max().unwrap_or(0).min(WIDEST);
    let mut rows: Vec<(u64, Vec<String>)> = rows
        .into_iter()
        .map(|(line, _, mut cells)| {
            cells.resize(width, String::new());
            (line, cells)
        })
        .collect();
    let is_header = |cells: &Vec<String>| !cells.iter().any(|cell| is_email(cell) || is_number(cell));
    let header = match rows.first() {
        Some((_, cells)) if is_header(cells) => rows.remove(0).1,
        _ => vec![String::new(); width],
    };
    Table { header, rows, faults }
}

/// The lines from a byte of the text on that have anything in them: number, where they begin, cells.
fn rows(text: &str, from: usize, delimiter: u8, quotes: bool) -> Vec<(u64, usize, Vec<String>)> {
    let rest = text.get(from..).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(quotes)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(rest.as_bytes());
    let mut rows = Vec::new();
    // The reader's own count leaves out line breaks within quotes.
    let breaks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let (mut line, mut counted) = (1 + breaks(&text.as_bytes()[..from.min(text.len())]), 0);
    for record in reader.records() {
        // From text in memory there is nothing that could fail but the encoding, and that is known.
        let Ok(record) = record else { continue };
        let at = record.position().map_or(0, |p| usize::try_from(p.byte()).unwrap_or(usize::MAX)).min(rest.len());
        // It may stand before the line break, or a half of it, and empty lines.
        let begins = at + rest.bytes().skip(at).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        line += breaks(rest.as_bytes().get(counted..begins).unwrap_or_default());
        counted = begins;
        if record.iter().any(|cell| !cell.is_empty()) {
            rows.push((line, from + begins, record.iter().take(WIDEST).map(str::to_owned).collect()));
        }
    }
    rows
}

fn is_email(cell: &str) -> bool {
    cell.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !cell.contains(' '))
}

fn is_number(cell: &str) -> bool {
    // A day is none: 2026-11-28, 28/11/2026.
    let parts: Vec<usize> = cell.split(['-', '/', '.']).map(str::len).collect();
    if let [a, b, c] = parts.as_slice()
        && *b <= 2
        && (*a + *c == 6 || *a + *c <= 4)
    {
        return false;
    }
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    digits >= 6 && cell.chars().all(|c| c.is_ascii_digit() || " +-/().".contains(c))
}

/// Words of headers, in English, Italian, German, French and Spanish, and what stands under them: whole words, or their beginnings where
/// there is a star. The first that fits counts: a "company name" is a company.
const WORDS: [(Column, &[&str]); 10] = [
    (Column::Email, &["mail", "email", "posta elettronica", "correo"]),
    (Column::Number, &["phone*", "telefon*", "teléfono", "tel", "mobile", "mobil*", "cell*", "handy"]),
    (Column::Last, &["last name", "lastname", "surname", "family name", "cognome", "nachname", "apellido*"]),
    (Column::First, &["first name", "firstname", "given name", "vorname", "prénom", "prenom"]),
    (
        Column::Company,
        &["company", "organi*", "aziend*", "ditta", "società", "societa", "ragione sociale", "firma", "empresa"],
    ),
    (
        Column::Town,
        &["city", "town", "città", "citta", "comune", "località", "localita", "stadt", "ort", "ville", "ciudad"],
    ),
    (Column::Product, &["product*", "prodott*", "produkt*", "produit*"]),
    (Column::Note, &["note", "notes", "comment*", "osservazion*", "bemerkung*", "notiz*"]),
    (Column::Name, &["name", "nominativo", "cliente", "customer", "contatto", "contact", "kunde"]),
    (Column::First, &["nome"]),
];
/// About something else, whatever stands beside it: kinds, codes, numbers nobody should call.
const OTHER: [&str; 12] =
    ["fax", "type", "tipo", "id", "code", "codice", "nr", "no", "vat", "iva", "fattura", "invoice"];

/// A header's words in small letters, each between spaces.
pub fn words(header: &str) -> String {
    let words: Vec<String> = header
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect();
    format!(" {} ", words.join(" "))
}

/// Whether a word stands among [`words`], or one that begins so where it ends in a star.
pub fn says(words: &str, word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(begin) => words.contains(&format!(" {begin}")),
        None => words.contains(&format!(" {word} ")),
    }
}

/// The cells of a text's first line with something in it.
pub fn first_line(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}').trim_start_matches(['\r', '\n']);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let line = reader.records().next().and_then(Result::ok);
    line.map_or_else(Vec::new, |line| line.iter().map(str::to_owned).collect())
}

impl Table {
    /// What each column seems to hold, by its name, else by what stands in it.
    pub fn guess(&self) -> Vec<Option<Column>> {
        let mut guessed: Vec<Option<Column>> = Vec::new();
        for (i, name) in self.header.iter().enumerate() {
            let name = words(name);
            let other = OTHER.iter().any(|word| says(&name, word));
            let by_name =
                WORDS.iter().find(|(_, words)| words.iter().any(|w| says(&name, w))).map(|(column, _)| *column);
            let column = if other { None } else { by_name.or_else(|| self.by_content(i)) };
            // Of numbers and addresses there may be several; of the rest the first is taken.
            let several = matches!(column, Some(Column::Number | Column::Email));
            let taken = !several && column.is_some() && guessed.contains(&column);
            guessed.push(column.filter(|_| !taken));
        }
        if !guessed.iter().any(|c| matches!(c, Some(Column::Name | Column::Last | Column::First | Column::Company)))
            && let Some(first) = guessed.iter_mut().find(|c| c.is_none())
        {
            *first = Some(Column::Name);
        }
        guessed
    }

    fn by_content(&self, i: usize) -> Option<Column> {
        const LOOK: usize = 50;
        let filled: Vec<&String> =
            self.rows.iter().filter_map(|(_, cells)| cells.get(i)).filter(|cell| !cell.is_empty()).take(LOOK).collect();
        let most =
            |is: fn(&str) -> bool| !filled.is_empty() && filled.iter().filter(|c| is(c)).count() * 2 > filled.len();
        match () {
            () if most(is_email) => Some(Column::Email),
            () if most(is_number) => Some(Column::Number),
            () => None,
        }
    }

    /// The customers of the table, its columns understood so.
    pub fn customers(&self, columns: &[Option<Column>]) -> (Vec<Candidate>, Vec<(u64, Fault)>) {
        let (mut good, mut bad) = (Vec::new(), self.faults.clone());
        for (line, cells) in &self.rows {
            let of = |wanted: Column| {
                let all = cells.iter().zip(columns).filter(move |(cell, c)| **c == Some(wanted) && !cell.is_empty());
                all.map(|(cell, _)| cell.as_str())
            };
            let first = |wanted: Column| of(wanted).next().unwrap_or_default();
            let parts = [first(Column::First), first(Column::Last)];
            let joined = parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" ");
            let name = Some(first(Column::Name)).filter(|n| !n.is_empty()).map_or(joined, str::to_owned);
            let fields = [
                ("name", json!(name)),
                ("company", json!(first(Column::Company))),
                ("product", json!(first(Column::Product))),
                ("town", json!(first(Column::Town))),
                ("note", json!(of(Column::Note).collect::<Vec<_>>().join("\n"))),
                ("numbers", json!(of(Column::Number).collect::<Vec<_>>())),
                ("emails", json!(of(Column::Email).collect::<Vec<_>>())),
            ];
            match named(fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()) {
                Some(fields) => good.push(Candidate { line: *line, fields }),
                None => bad.push((*line, Fault::Nameless)),
            }
        }
        (good, bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_table(text: &str) -> Table {
        match read(text) {
            Source::Table(table) => table,
            Source::Cards(..) => panic!("cards"),
        }
    }

    #[test]
    fn columns_are_understood_as_programs_name_them() {
        use Column::{Company, Email, First, Last, Name, Note, Number, Town};
        for (header, columns) in [
            (
                "Nome;Cognome;Ragione sociale;Telefono;Cellulare;E-mail;Città;Fax",
                vec![Some(First), Some(Last), Some(Company), Some(Number), Some(Number), Some(Email), Some(Town), None],
            ),
            (
                "First Name,Last Name,Organization Name,Phone 1 - Type,Phone 1 - Value,E-mail 1 - Value,Notes",
                vec![Some(First), Some(Last), Some(Company), None, Some(Number), Some(Email), Some(Note)],
            ),
            ("Customer\tCompany name\tTown", vec![Some(Name), Some(Company), Some(Town)]),
        ] {
            assert_eq!(a_table(&format!("{header}\nx\n")).guess(), columns, "{header}");
        }
    }

    #[test]
    fn a_table_without_names_of_columns_is_understood_by_what_stands_in_it() {
        let table = a_table("Anna Po,011 555 0147,anna@po.example\nLuca Ferri,011 555 0148,\n");
        assert_eq!(table.guess(), [Some(Column::Name), Some(Column::Number), Some(Column::Email)]);
        assert_eq!(table.rows.len(), 2);
    }

    #[test]
    fn quotes_line_breaks_and_missing_cells_are_no_obstacle() {
        let table = a_table(
            "\u{feff}Name;Note;Telefono\r\n\"Po; Anna\";\"two\r\nlines \"\"so\"\"\";011 555 0147\r\n;only a note\r\nLuca\r\n\r\n",
        );
        let (good, bad) = table.customers(&table.guess());
        let names: Vec<&Value> = good.iter().map(|c| &c.fields["name"]).collect();
        assert_eq!(names, ["Po; Anna", "Luca"]);
        assert_eq!(good[0].fields["note"], "two\r\nlines \"so\"");
        assert_eq!(good[0].fields["numbers"], json!(["011 555 0147"]));
        assert_eq!(bad, [(4, Fault::Nameless)]);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_line_alone() {
        let table = a_table(
            "Name,Telefono,Totale fattura,Data\nAnna,011 555 0147,1,2026-11-28\n\"Luca,011 555 0148,2,x\nCarla,011 555 0149,3,x\n",
        );
        let (good, bad) = table.customers(&table.guess());
        assert_eq!(good.iter().map(|c| &c.fields["name"]).collect::<Vec<_>>(), ["Anna", "Carla"]);
        assert_eq!((good[1].line, bad), (4, vec![(3, Fault::Unreadable)]));
        assert_eq!(table.guess(), [Some(Column::Name), Some(Column::Number), None, None]);
    }

    #[test]
    fn cards_of_either_version_are_read_and_what_is_no_card_is_told() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Po;Anna;;;\r\nTEL:011 555 0147\r\nEND:VCARD\r\n\
            BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Luca\r\nEMAIL:luca@x.example\r\nEND:VCARD\r\n\
            BEGIN:VCARD\r\nVERSION:4.0\r\nNOTE:nobody\r\nEND:VCARD\r\n";
        let Source::Cards(good, bad) = read(text) else { panic!("a table") };
        assert_eq!(good.iter().map(|c| &c.fields["name"]).collect::<Vec<_>>(), ["Anna Po", "Luca"]);
        assert_eq!(bad, [(3, Fault::Nameless)]);
    }
}
