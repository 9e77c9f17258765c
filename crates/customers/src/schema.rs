//! Tables, and how older databases become newer ones. Forward only; one step per released change, never edited afterwards.
//!
//! `rusqlite_migration` would do this, but its newest release is bound to an older rusqlite than ours.

use crate::StoreError;
use rusqlite::Connection;

const STEPS: &[&str] = &[
    "CREATE TABLE customer (
         id TEXT PRIMARY KEY, name TEXT NOT NULL, company TEXT NOT NULL, product TEXT NOT NULL, town TEXT NOT NULL,
         note TEXT NOT NULL, updated INTEGER NOT NULL) STRICT;
     CREATE TABLE phone (
         customer TEXT NOT NULL REFERENCES customer(id) ON DELETE CASCADE, position INTEGER NOT NULL, raw TEXT NOT NULL,
         e164 TEXT, tail INTEGER, PRIMARY KEY (customer, position)) STRICT;
     CREATE INDEX phone_e164 ON phone(e164);
     CREATE INDEX phone_tail ON phone(tail);
     CREATE VIRTUAL TABLE customer_text USING fts5(text, id UNINDEXED, prefix = '2 3', tokenize = 'unicode61');
     INSERT INTO customer_text(customer_text, rank) VALUES ('secure-delete', 1);
     CREATE TABLE call (
         id TEXT PRIMARY KEY, outgoing INTEGER NOT NULL, number TEXT NOT NULL, name TEXT, customer TEXT, called TEXT NOT NULL,
         practice INTEGER NOT NULL, started INTEGER NOT NULL, answered INTEGER, ended INTEGER, reason TEXT, recording TEXT,
         mos REAL, practice_result TEXT) STRICT;
     CREATE INDEX call_started ON call(started);
     CREATE INDEX call_customer ON call(customer);
     CREATE TABLE request (
         id TEXT PRIMARY KEY, call TEXT UNIQUE, customer TEXT, at INTEGER NOT NULL, kind TEXT NOT NULL, topic TEXT NOT NULL,
         subtopic TEXT NOT NULL, note TEXT NOT NULL) STRICT;
     CREATE INDEX request_customer ON request(customer, at);
     CREATE TABLE draft (call TEXT PRIMARY KEY, body TEXT NOT NULL, updated INTEGER NOT NULL) STRICT;
     CREATE TABLE promise (
         id TEXT PRIMARY KEY, customer TEXT NOT NULL, text TEXT NOT NULL, due INTEGER NOT NULL, kept INTEGER) STRICT;
     CREATE INDEX promise_customer ON promise(customer);
     CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;",
    // Until now there was no way to have customers other than the samples.
    "ALTER TABLE customer ADD COLUMN sample INTEGER NOT NULL DEFAULT 0;
     UPDATE customer SET sample = 1;
     CREATE INDEX customer_sample ON customer(id) WHERE sample = 1;",
    "ALTER TABLE call ADD COLUMN troubles TEXT NOT NULL DEFAULT '';",
];

/// Brings a database to the newest form, each step in a transaction of its own. `user_version` counts the steps done.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let done: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let todo = usize::try_from(done).ok().and_then(|done| STEPS.get(done..)).ok_or(StoreError::Newer)?;
    for (version, step) in (done + 1..).zip(todo) {
        let tx = db.transaction()?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}
