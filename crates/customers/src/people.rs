//! Customers and how they are found.

use crate::{Store, StoreError, normalise, search};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

/// A customer's id, UUIDv7 in text.
pub type CustomerId = String;

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customer {
    /// Id.
    pub id: CustomerId,
    /// Person.
    pub name: String,
    /// Company.
    pub company: String,
    /// Product in use.
    pub product: String,
    /// Town.
    pub town: String,
    /// Standing note.
    pub note: String,
    /// Numbers as written; found by their E.164 form.
    pub numbers: Vec<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Invented, so that a first start is alive.
    pub sample: bool,
}

impl Store {
    /// Adds or replaces a customer. `region` is the country of numbers written without one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_customer(&self, customer: &Customer, region: &str, now: i64) -> Result<(), StoreError> {
        let mut db = self.write();
        let tx = db.transaction()?;
        put(&tx, customer, region, now)?;
        tx.commit()?;
        Ok(())
    }

    /// Adds many in one go.
    ///
    /// # Errors
    /// When the database refuses; then none is added.
    pub fn put_customers(&self, customers: &[Customer], region: &str, now: i64) -> Result<(), StoreError> {
        let mut db = self.write();
        let tx = db.transaction()?;
        for customer in customers {
            put(&tx, customer, region, now)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn count_customers(&self) -> Result<i64, StoreError> {
        Ok(self.read().query_row("SELECT count(*) FROM customer", [], |r| r.get(0))?)
    }

    /// One customer.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none with this id.
    pub fn customer(&self, id: &str) -> Result<Customer, StoreError> {
        let db = self.read();
        get(&db, id)?.ok_or(StoreError::Missing("customer"))
    }

    /// All customers with this number: exact first, then those whose last nine digits agree (a switchboard that drops the country).
    ///
    /// # Errors
    /// When the database refuses.
    pub fn customers_by_number(&self, number: &str, region: &str) -> Result<Vec<Customer>, StoreError> {
        let number = normalise(number, region);
        let db = self.read();
        let mut ids: Vec<String> = Vec::new();
        if let Some(e164) = &number.e164 {
            let mut exact = db.prepare_cached(
                "SELECT DISTINCT c.id FROM phone p JOIN customer c ON c.n = p.customer WHERE p.e164 = ?1",
            )?;
            ids = exact.query_map([e164], |r| r.get(0))?.collect::<Result<_, _>>()?;
        }
        if ids.is_empty()
            && let Some(tail) = tail(&number.raw)
        {
            let mut loose = db.prepare_cached(
                "SELECT DISTINCT c.id FROM phone p JOIN customer c ON c.n = p.customer WHERE p.tail = ?1",
            )?;
            ids = loose.query_map([tail], |r| r.get(0))?.collect::<Result<_, _>>()?;
        }
        ids.iter().filter_map(|id| get(&db, id).transpose()).collect()
    }

    /// Whether a customer is here already: with the same name and one of the same numbers or mail addresses; or, having neither, with the
    /// same name and company.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn is_known(&self, c: &Customer, region: &str) -> Result<bool, StoreError> {
        let name = search::fold(&c.name);
        let same = |other: &Customer| search::fold(&other.name) == name;
        for number in &c.numbers {
            if self.customers_by_number(number, region)?.iter().any(same) {
                return Ok(true);
            }
        }
        const MOST: u32 = 50;
        for email in c.emails.iter().map(|e| e.to_lowercase()) {
            let found = self.find_customers(&email, MOST)?;
            if found.iter().any(|o| same(o) && o.emails.iter().any(|e| e.to_lowercase() == email)) {
                return Ok(true);
            }
        }
        if !c.numbers.is_empty() || !c.emails.is_empty() {
            return Ok(false);
        }
        let company = search::fold(&c.company);
        let found = self.find_customers(&format!("{} {}", c.name, c.company), MOST)?;
        Ok(found.iter().any(|o| same(o) && search::fold(&o.company) == company))
    }

    /// Customers with a word of their name, company, town or mail address that begins with each word typed, or with a number that has
    /// these digits anywhere, in the order of entry; of the first fifty those whose name or company begins so come first. Nothing typed:
    /// by company and name.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn find_customers(&self, text: &str, limit: u32) -> Result<Vec<Customer>, StoreError> {
        let db = self.read();
        // Ranking all that a letter or two find takes a hundred times as long as taking some of them and ranking these.
        let enough = limit.max(50);
        let found: Vec<i64> = if let Some(digits) = search::digits(text) {
            let mut by_number =
                db.prepare_cached("SELECT rowid FROM number_text WHERE number_text MATCH ?1 ORDER BY rowid LIMIT ?2")?;
            let query = search::number_query(&digits);
            by_number.query_map(params![query, enough], |r| r.get(0))?.collect::<Result<_, _>>()?
        } else if let Some(query) = search::query(text) {
            let mut by_text = db.prepare_cached(
                "SELECT rowid FROM customer_text WHERE customer_text MATCH ?1 ORDER BY rowid LIMIT ?2",
            )?;
            let mut find = |query: &str| -> rusqlite::Result<Vec<i64>> {
                by_text.query_map(params![query, enough], |r| r.get(0))?.collect()
            };
            let by_pairs = search::letter_query(text).map(|query| find(&query)).transpose()?;
            match by_pairs.filter(|found| found.len() >= enough as usize) {
                Some(found) => found,
                None => find(&query)?,
            }
        } else {
            let mut all = db.prepare_cached("SELECT n FROM customer ORDER BY company, name LIMIT ?1")?;
            all.query_map([limit], |r| r.get(0))?.collect::<Result<_, _>>()?
        };
        let mut all: Vec<Customer> = found.iter().filter_map(|n| at(&db, *n).transpose()).collect::<Result<_, _>>()?;
        let typed = search::fold(text);
        let begins = |of: &str| !typed.is_empty() && search::fold(of).starts_with(&typed);
        all.sort_by_key(|c| !(begins(&c.name) || begins(&c.company)));
        all.truncate(limit as usize);
        Ok(all)
    }
}

/// The last nine digits of a number that has so many.
pub(crate) fn tail(number: &str) -> Option<i64> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().checked_sub(9)?..)?.parse().ok()
}

/// Writes a customer with all that it is found by.
pub(crate) fn put(db: &Connection, c: &Customer, region: &str, now: i64) -> Result<(), StoreError> {
    let emails = Value::from(c.emails.clone()).to_string();
    let n: i64 = db
        .prepare_cached(
            "INSERT INTO customer (id, name, company, product, town, note, emails, updated, sample)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT(id) DO UPDATE SET name = ?2, company = ?3, product = ?4, town = ?5, note = ?6, emails = ?7, updated = ?8,
                 sample = ?9
             RETURNING n",
        )?
        .query_row(params![c.id, c.name, c.company, c.product, c.town, c.note, emails, now, c.sample], |r| r.get(0))?;
    db.prepare_cached("DELETE FROM phone WHERE customer = ?1")?.execute([n])?;
    for (position, raw) in (0i64..).zip(&c.numbers) {
        let number = normalise(raw, region);
        db.prepare_cached("INSERT INTO phone (customer, position, raw, e164, tail) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![n, position, raw, number.e164, tail(&number.raw)])?;
    }
    find_by(db, n, c)
}

/// Writes what a customer is found by.
fn find_by(db: &Connection, n: i64, c: &Customer) -> Result<(), StoreError> {
    // A mail address is found as a whole, as it is folded, and by its parts.
    let mails = c.emails.iter().map(|m| format!("{m} {}", m.replace(['.', '@', '-', '_', '+'], " ")));
    let mails = mails.collect::<Vec<_>>().join(" ");
    let words = search::indexed(&format!("{} {} {} {mails}", c.name, c.company, c.town));
    find_by_text(db, "customer_text", "text", n, &words)?;
    let mut phones = db.prepare_cached("SELECT coalesce(e164, ''), raw FROM phone WHERE customer = ?1")?;
    let mut rows = phones.query([n])?;
    let mut digits = String::new();
    while let Some(row) = rows.next()? {
        for form in [row.get::<_, String>(0)?, row.get::<_, String>(1)?] {
            digits.extend(form.chars().filter(char::is_ascii_digit).chain([' ']));
        }
    }
    find_by_text(db, "number_text", "digits", n, &digits)
}

/// Writes a row of an index, if it is another: to change one costs as much as the rest of a commit.
fn find_by_text(db: &Connection, table: &str, column: &str, n: i64, text: &str) -> Result<(), StoreError> {
    let before: Option<String> = db
        .prepare_cached(&format!("SELECT {column} FROM {table} WHERE rowid = ?1"))?
        .query_row([n], |r| r.get(0))
        .optional()?;
    if before.as_deref() == Some(text) {
        return Ok(());
    }
    let sql = match before {
        Some(_) => format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"),
        None => format!("INSERT INTO {table} (rowid, {column}) VALUES (?1, ?2)"),
    };
    db.prepare_cached(&sql)?.execute(params![n, text])?;
    Ok(())
}

/// Whether it is an invented customer.
pub(crate) fn is_sample(db: &Connection, id: &str) -> Result<bool, StoreError> {
    let mut query = db.prepare_cached("SELECT sample FROM customer WHERE id = ?1")?;
    Ok(query.query_row([id], |r| r.get(0)).optional()?.unwrap_or(false))
}

/// Writes what all customers are found by.
pub(crate) fn index(db: &Connection) -> Result<(), StoreError> {
    let all: Vec<i64> = db.prepare("SELECT n FROM customer")?.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for n in all {
        if let Some(customer) = at(db, n)? {
            find_by(db, n, &customer)?;
        }
    }
    Ok(())
}

/// Removes a customer and all that it is found by.
pub(crate) fn remove(db: &Connection, id: &str) -> Result<(), StoreError> {
    let n: Option<i64> =
        db.prepare_cached("SELECT n FROM customer WHERE id = ?1")?.query_row([id], |r| r.get(0)).optional()?;
    let Some(n) = n else { return Ok(()) };
    db.prepare_cached("DELETE FROM customer_text WHERE rowid = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM number_text WHERE rowid = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM customer WHERE n = ?1")?.execute([n])?;
    Ok(())
}

/// A customer by its id; the numbers in E.164 where they have it.
pub(crate) fn get(db: &Connection, id: &str) -> Result<Option<Customer>, StoreError> {
    let n: Option<i64> =
        db.prepare_cached("SELECT n FROM customer WHERE id = ?1")?.query_row([id], |r| r.get(0)).optional()?;
    n.map_or(Ok(None), |n| at(db, n))
}

fn at(db: &Connection, n: i64) -> Result<Option<Customer>, StoreError> {
    let read = |r: &Row<'_>| {
        let emails = serde_json::from_str(r.get_ref(7)?.as_str()?).unwrap_or_default();
        Ok(Customer {
            id: r.get(0)?,
            name: r.get(1)?,
            company: r.get(2)?,
            product: r.get(3)?,
            town: r.get(4)?,
            note: r.get(5)?,
            numbers: Vec::new(),
            emails,
            sample: r.get(6)?,
        })
    };
    let found = db
        .prepare_cached("SELECT id, name, company, product, town, note, sample, emails FROM customer WHERE n = ?1")?
        .query_row([n], read)
        .optional()?;
    let Some(mut customer) = found else { return Ok(None) };
    let mut numbers =
        db.prepare_cached("SELECT coalesce(e164, raw) FROM phone WHERE customer = ?1 ORDER BY position")?;
    customer.numbers = numbers.query_map([n], |r| r.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(customer))
}
