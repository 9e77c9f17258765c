//! Two hundred customers of a help desk for accounting software, so that a first start is alive. All people and companies are
//! invented; British numbers are from the ranges kept for drama (Ofcom), Italian ones end in the same way.

use crate::{Customer, Promise, Request, Store, StoreError, new_id};

const DAY: i64 = 86_400_000;

/// The people who call in the practice scenarios, by language: (language, id, number).
pub const PRACTICE_CUSTOMERS: [(&str, &str, &str); 2] = [
    ("it", "00000000-0000-7000-8000-000000000001", "+390115550147"),
    ("en", "00000000-0000-7000-8000-000000000002", "+441134960147"),
];

const IT_FIRST: [&str; 20] = [
    "Giulia",
    "Marco",
    "Chiara",
    "Luca",
    "Francesca",
    "Alessandro",
    "Sara",
    "Matteo",
    "Elena",
    "Davide",
    "Martina",
    "Andrea",
    "Valentina",
    "Stefano",
    "Federica",
    "Paolo",
    "Silvia",
    "Roberto",
    "Niccolò",
    "Lucia",
];
const IT_LAST: [&str; 20] = [
    "Ferraro",
    "Rossi",
    "Bianchi",
    "Esposito",
    "Romano",
    "Colombo",
    "Ricci",
    "Marino",
    "Greco",
    "Bruno",
    "Gallo",
    "Conti",
    "De Luca",
    "Costa",
    "Giordano",
    "Mancini",
    "Rizzo",
    "Lombardi",
    "D’Amico",
    "Moretti",
];
const IT_COMPANY: [&str; 12] = [
    "Officine",
    "Studio",
    "Panificio",
    "Autotrasporti",
    "Ceramiche",
    "Farmacia",
    "Libreria",
    "Vivai",
    "Tipografia",
    "Cantina",
    "Serramenti",
    "Ottica",
];
const IT_TOWN: [(&str, &str); 8] = [
    ("Torino", "011"),
    ("Milano", "02"),
    ("Bologna", "051"),
    ("Napoli", "081"),
    ("Verona", "045"),
    ("Bari", "080"),
    ("Genova", "010"),
    ("Firenze", "055"),
];
const EN_FIRST: [&str; 20] = [
    "Margaret",
    "James",
    "Olivia",
    "Thomas",
    "Hannah",
    "Edward",
    "Priya",
    "Daniel",
    "Grace",
    "Samuel",
    "Amelia",
    "Oliver",
    "Charlotte",
    "Peter",
    "Fiona",
    "Owen",
    "Ruth",
    "Callum",
    "Nadia",
    "Simon",
];
const EN_LAST: [&str; 20] = [
    "Hale",
    "Whitfield",
    "Okafor",
    "Bennett",
    "Sharma",
    "Doyle",
    "Prescott",
    "Lowe",
    "Ashworth",
    "Fletcher",
    "Hughes",
    "Carver",
    "Mercer",
    "Thorne",
    "Kaur",
    "Barlow",
    "Finch",
    "Gallagher",
    "Pryce",
    "Nolan",
];
const EN_COMPANY: [&str; 12] = [
    "Joinery",
    "Motors",
    "Bakery",
    "Haulage",
    "Dental Practice",
    "Books",
    "Nurseries",
    "Print Works",
    "Brewing",
    "Windows",
    "Opticians",
    "Catering",
];
const EN_TOWN: [(&str, &str); 4] =
    [("Leeds", "113 496"), ("Sheffield", "114 496"), ("Bristol", "117 496"), ("London", "20 7946")];
const PRODUCT: [&str; 4] = ["Registro Base", "Registro Pro", "Registro Pro + Paghe", "Registro Studio"];

/// (kind, topic, subtopic, English note, Italian note); the topics are the desk's own.
const HISTORY: [(&str, &str, &str, &str, &str); 8] = [
    (
        "consultation",
        "invoices",
        "numbering",
        "Asked how to restart invoice numbers in January; explained.",
        "Ha chiesto come ripartire con la numerazione a gennaio; spiegato.",
    ),
    (
        "complaint",
        "payments",
        "double_charge",
        "Subscription charged twice; refund asked of accounts.",
        "Abbonamento addebitato due volte; chiesto rimborso all’amministrazione.",
    ),
    (
        "consultation",
        "installation",
        "update",
        "Update stopped at 80 %; solved by closing the second window.",
        "Aggiornamento fermo all’80 %; risolto chiudendo la seconda finestra.",
    ),
    ("order", "licences", "more_users", "Two more users ordered.", "Ordinati altri due utenti."),
    (
        "information",
        "licences",
        "prices",
        "Asked for the price of the payroll module.",
        "Ha chiesto il prezzo del modulo paghe.",
    ),
    (
        "callback",
        "reports",
        "vat",
        "Wants to be called about the VAT summary.",
        "Vuole una telefonata per il riepilogo IVA.",
    ),
    (
        "consultation",
        "invoices",
        "mismatch",
        "Total differed by a rounding cent; explained.",
        "Totale diverso per un centesimo di arrotondamento; spiegato.",
    ),
    (
        "consultation",
        "reports",
        "export",
        "Export to spreadsheet: showed where it is.",
        "Esportazione su foglio: mostrato dove si trova.",
    ),
];

/// Fills an empty store. Does nothing when there are customers already.
///
/// # Errors
/// When the database refuses.
pub fn fill(store: &Store, now: i64) -> Result<(), StoreError> {
    if store.count_customers()? > 0 {
        return Ok(());
    }
    let customers: Vec<(bool, Customer)> =
        (0..120).map(italian).map(|c| (true, c)).chain((0..80).map(|i| (false, british(i)))).collect();
    let (italians, britons): (Vec<_>, Vec<_>) = customers.into_iter().partition(|(it, _)| *it);
    for (group, region) in [(italians, "IT"), (britons, "GB")] {
        let people: Vec<Customer> = group.into_iter().map(|(_, c)| c).collect();
        store.put_customers(&people, region, now)?;
        for (i, c) in people.iter().enumerate() {
            history(store, c, i, region == "IT", now)?;
        }
    }
    Ok(())
}

/// The samples that can be removed: all but those who call in practice, for without them nobody would be known there.
const REMOVABLE: &str = "SELECT id FROM customer WHERE sample = 1 AND id NOT IN (?1, ?2)";

impl Store {
    /// How many samples [`Store::remove_samples`] would remove.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_samples(&self) -> Result<u32, StoreError> {
        let [it, en] = PRACTICE_CUSTOMERS.map(|p| p.1);
        Ok(self.read().query_row(&format!("SELECT count(*) FROM ({REMOVABLE})"), [it, en], |r| r.get(0))?)
    }

    /// Removes the samples with their invented requests and promises. Calls and what was written down in them stay, without a
    /// customer. The two who call in practice stay.
    ///
    /// # Errors
    /// When the database refuses; then all are there still.
    pub fn remove_samples(&self) -> Result<(), StoreError> {
        let [it, en] = PRACTICE_CUSTOMERS.map(|p| p.1);
        let mut db = self.write();
        let tx = db.transaction()?;
        for change in [
            "DELETE FROM request WHERE call IS NULL AND customer IN (@)",
            "UPDATE request SET customer = NULL WHERE customer IN (@)",
            "UPDATE call SET customer = NULL WHERE customer IN (@)",
            "UPDATE draft SET body = json_set(body, '$.customer', NULL) WHERE json_extract(body, '$.customer') IN (@)",
            "DELETE FROM promise WHERE customer IN (@)",
            "DELETE FROM customer_text WHERE rowid IN (SELECT n FROM customer WHERE id IN (@))",
            "DELETE FROM number_text WHERE rowid IN (SELECT n FROM customer WHERE id IN (@))",
            "DELETE FROM customer WHERE id IN (@)",
        ] {
            tx.execute(&change.replace('@', REMOVABLE), [it, en])?;
        }
        tx.commit()?;
        Ok(())
    }
}

fn italian(i: usize) -> Customer {
    let last = IT_LAST[(i * 7 + i / 20) % 20];
    let (town, area) = IT_TOWN[i % 8];
    let kind = IT_COMPANY[(i + i / 12) % 12];
    let (id, number) = match i {
        0 => (PRACTICE_CUSTOMERS[0].1.to_owned(), PRACTICE_CUSTOMERS[0].2.to_owned()),
        _ => (new_id(), format!("{area} 555 {:04}", 1000 + i * 37 % 9000)),
    };
    Customer {
        id,
        name: format!("{} {last}", IT_FIRST[(i * 3 + i / 20) % 20]),
        company: format!("{kind} {last} {}", ["srl", "snc", "& C. sas"][i % 3]),
        product: PRODUCT[i % 4].into(),
        town: town.into(),
        note: if i.is_multiple_of(9) { "Preferisce una telefonata prima delle 10.".into() } else { String::new() },
        numbers: if i % 5 == 1 { vec![number, format!("333 555 {:04}", 1000 + i)] } else { vec![number] },
        emails: Vec::new(),
        sample: true,
    }
}

fn british(i: usize) -> Customer {
    let last = EN_LAST[(i * 7 + i / 20) % 20];
    let (town, area) = EN_TOWN[i % 4];
    let (id, number) = match i {
        0 => (PRACTICE_CUSTOMERS[1].1.to_owned(), PRACTICE_CUSTOMERS[1].2.to_owned()),
        _ => (new_id(), format!("+44 {area} 0{:03}", i * 9 % 1000)),
    };
    Customer {
        id,
        name: format!("{} {last}", EN_FIRST[(i * 3 + i / 20) % 20]),
        company: format!("{last} {} {}", EN_COMPANY[(i + i / 12) % 12], ["Ltd", "& Sons", "LLP"][i % 3]),
        product: PRODUCT[(i + 1) % 4].into(),
        town: town.into(),
        note: if i.is_multiple_of(9) { "Prefers to be called before ten.".into() } else { String::new() },
        numbers: vec![number],
        emails: Vec::new(),
        sample: true,
    }
}

fn history(store: &Store, c: &Customer, i: usize, italian: bool, now: i64) -> Result<(), StoreError> {
    let practice = PRACTICE_CUSTOMERS.iter().any(|p| p.1 == c.id);
    for n in 0..if practice { 2 } else { i % 4 } {
        let (kind, topic, subtopic, en, it) = HISTORY[(i * 3 + n * 5 + 1) % HISTORY.len()];
        store.put_request(&Request {
            id: new_id(),
            call: None,
            customer: Some(c.id.clone()),
            at: now - (1 + i as i64 % 40 + 30 * n as i64) * DAY - (i as i64 % 7) * 3_600_000,
            kind: kind.into(),
            topic: topic.into(),
            subtopic: subtopic.into(),
            note: if italian { it } else { en }.into(),
            done: true,
            ..Request::default()
        })?;
    }
    if practice || i % 11 == 3 {
        let (en, it) = ("Send the guide to the new invoice layout", "Mandare la guida al nuovo modello di fattura");
        store.put_promise(&Promise {
            id: new_id(),
            customer: c.id.clone(),
            text: if italian { it } else { en }.into(),
            due: now + (i as i64 % 5 + 1) * DAY,
            kept: None,
        })?;
    }
    Ok(())
}
