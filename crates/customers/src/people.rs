//! Customers and how they are found.

use crate::{Store, StoreError, normalise, search};
use rusqlite::{Connection, OptionalExtension, Row, params};

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
            let mut exact = db.prepare_cached("SELECT DISTINCT customer FROM phone WHERE e164 = ?1")?;
            ids = exact.query_map([e164], |r| r.get(0))?.collect::<Result<_, _>>()?;
        }
        if ids.is_empty()
            && let Some(tail) = tail(&number.raw)
        {
            let mut loose = db.prepare_cached("SELECT DISTINCT customer FROM phone WHERE tail = ?1")?;
            ids = loose.query_map([tail], |r| r.get(0))?.collect::<Result<_, _>>()?;
        }
        ids.iter().filter_map(|id| get(&db, id).transpose()).collect()
    }

    /// Customers whose name, company, town or number begin with what was typed.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn find_customers(&self, text: &str, limit: u32) -> Result<Vec<Customer>, StoreError> {
        let db = self.read();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_number = digits.len() >= 3 && !text.chars().any(char::is_alphabetic);
        let ids: Vec<String> = if is_number {
            let mut by_number = db.prepare_cached(
                "SELECT DISTINCT customer FROM phone WHERE e164 LIKE '%' || ?1 || '%' OR raw LIKE '%' || ?1 || '%' LIMIT ?2",
            )?;
            by_number.query_map(params![digits, limit], |r| r.get(0))?.collect::<Result<_, _>>()?
        } else if let Some(query) = search::query(text) {
            // In the order of entry: ranking a two-letter prefix over a large table takes a hundred times as long.
            let mut by_text = db.prepare_cached("SELECT id FROM customer_text WHERE text MATCH ?1 LIMIT ?2")?;
            by_text.query_map(params![query, limit], |r| r.get(0))?.collect::<Result<_, _>>()?
        } else {
            let mut newest = db.prepare_cached("SELECT id FROM customer ORDER BY company, name LIMIT ?1")?;
            newest.query_map([limit], |r| r.get(0))?.collect::<Result<_, _>>()?
        };
        ids.iter().filter_map(|id| get(&db, id).transpose()).collect()
    }
}

fn tail(number: &str) -> Option<i64> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().checked_sub(9)?..)?.parse().ok()
}

fn put(db: &Connection, c: &Customer, region: &str, now: i64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO customer (id, name, company, product, town, note, updated, sample)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT(id) DO UPDATE SET name = ?2, company = ?3, product = ?4, town = ?5, note = ?6, updated = ?7, sample = ?8",
    )?
    .execute(params![c.id, c.name, c.company, c.product, c.town, c.note, now, c.sample])?;
    db.prepare_cached("DELETE FROM phone WHERE customer = ?1")?.execute([&c.id])?;
    for (position, raw) in (0i64..).zip(&c.numbers) {
        let number = normalise(raw, region);
        db.prepare_cached("INSERT INTO phone (customer, position, raw, e164, tail) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![c.id, position, raw, number.e164, tail(&number.raw)])?;
    }
    db.prepare_cached("DELETE FROM customer_text WHERE id = ?1")?.execute([&c.id])?;
    let text = search::fold(&format!("{} {} {}", c.name, c.company, c.town));
    db.prepare_cached("INSERT INTO customer_text (text, id) VALUES (?1, ?2)")?.execute([&text, &c.id])?;
    Ok(())
}

fn get(db: &Connection, id: &str) -> Result<Option<Customer>, StoreError> {
    let read = |r: &Row<'_>| {
        Ok(Customer {
            id: r.get(0)?,
            name: r.get(1)?,
            company: r.get(2)?,
            product: r.get(3)?,
            town: r.get(4)?,
            note: r.get(5)?,
            numbers: Vec::new(),
            sample: r.get(6)?,
        })
    };
    let found = db
        .prepare_cached("SELECT id, name, company, product, town, note, sample FROM customer WHERE id = ?1")?
        .query_row([id], read)
        .optional()?;
    let Some(mut customer) = found else { return Ok(None) };
    let mut numbers =
        db.prepare_cached("SELECT coalesce(e164, raw) FROM phone WHERE customer = ?1 ORDER BY position")?;
    customer.numbers = numbers.query_map([id], |r| r.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(customer))
}
