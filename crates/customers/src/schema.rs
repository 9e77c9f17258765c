//! Tables, and how older databases become newer ones. Forward only; one step per released change, never edited afterwards.
//!
//! `rusqlite_migration` would do this, but its newest release is bound to an older rusqlite than ours.

use crate::{StoreError, people};
use rusqlite::Connection;
#[cfg(test)]
use rusqlite::OptionalExtension;

/// Of a database from before this step, what customers are found by is written anew.
const NUMBERED: i64 = 4;

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
    // Numbered rows: what a customer is found by has the same number, so that it is changed without a search. What they are found by is
    // written anew after the step.
    "CREATE TABLE customer_4 (
         n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, company TEXT NOT NULL, product TEXT NOT NULL,
         town TEXT NOT NULL, note TEXT NOT NULL, emails TEXT NOT NULL DEFAULT '[]', updated INTEGER NOT NULL,
         sample INTEGER NOT NULL DEFAULT 0) STRICT;
     INSERT INTO customer_4 (id, name, company, product, town, note, updated, sample)
         SELECT id, name, company, product, town, note, updated, sample FROM customer ORDER BY updated, id;
     CREATE TABLE phone_4 (
         customer INTEGER NOT NULL REFERENCES customer_4(n) ON DELETE CASCADE, position INTEGER NOT NULL, raw TEXT NOT NULL,
         e164 TEXT, tail INTEGER, PRIMARY KEY (customer, position)) STRICT, WITHOUT ROWID;
     INSERT INTO phone_4 SELECT c.n, p.position, p.raw, p.e164, p.tail FROM phone p JOIN customer_4 c ON c.id = p.customer;
     DROP TABLE phone;
     DROP TABLE customer;
     ALTER TABLE customer_4 RENAME TO customer;
     ALTER TABLE phone_4 RENAME TO phone;
     CREATE INDEX phone_e164 ON phone(e164);
     CREATE INDEX phone_tail ON phone(tail);
     CREATE INDEX customer_sample ON customer(id) WHERE sample = 1;
     CREATE INDEX customer_order ON customer(company, name);
     DROP TABLE customer_text;
     CREATE VIRTUAL TABLE customer_text USING fts5(text, prefix = '2 3', tokenize = 'unicode61');
     INSERT INTO customer_text(customer_text, rank) VALUES ('secure-delete', 1);
     CREATE VIRTUAL TABLE number_text USING fts5(digits, tokenize = 'trigram');
     INSERT INTO number_text(number_text, rank) VALUES ('secure-delete', 1);",
    "CREATE TABLE link (
         entity TEXT NOT NULL, uid TEXT NOT NULL, remote TEXT NOT NULL, version TEXT, seen INTEGER NOT NULL,
         PRIMARY KEY (entity, uid)) STRICT, WITHOUT ROWID;
     CREATE UNIQUE INDEX link_remote ON link(entity, remote);
     CREATE TABLE fetch (
         entity TEXT NOT NULL, remote TEXT NOT NULL, not_before INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
         PRIMARY KEY (entity, remote)) STRICT, WITHOUT ROWID;
     CREATE TABLE feed (
         entity TEXT PRIMARY KEY, phase TEXT NOT NULL, token TEXT, high INTEGER, page TEXT, rising INTEGER, pass INTEGER NOT NULL,
         began INTEGER NOT NULL, gone INTEGER NOT NULL, full INTEGER NOT NULL, next_at INTEGER NOT NULL, list_at INTEGER NOT NULL,
         shown INTEGER NOT NULL, remaining INTEGER) STRICT, WITHOUT ROWID;
     CREATE TABLE upstream (
         id INTEGER PRIMARY KEY CHECK (id = 1), stopped TEXT, retry_at INTEGER NOT NULL, failures INTEGER NOT NULL, error TEXT,
         answered INTEGER, may_vanish INTEGER NOT NULL DEFAULT 0, who TEXT NOT NULL, fields TEXT NOT NULL) STRICT;
     CREATE TABLE outbox (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, uid TEXT NOT NULL, kind TEXT NOT NULL, patch TEXT NOT NULL,
         base TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'queued', not_before INTEGER NOT NULL DEFAULT 0,
         attempts INTEGER NOT NULL DEFAULT 0, error TEXT, at INTEGER NOT NULL) STRICT;
     CREATE INDEX outbox_record ON outbox(entity, uid, seq);
     CREATE INDEX outbox_state ON outbox(state);
     CREATE INDEX outbox_wait ON outbox(not_before);
     CREATE INDEX fetch_wait ON fetch(not_before);
     CREATE TABLE conflict (
         entity TEXT NOT NULL, uid TEXT NOT NULL, field TEXT NOT NULL, base TEXT NOT NULL, mine TEXT NOT NULL, theirs TEXT NOT NULL,
         at INTEGER NOT NULL, PRIMARY KEY (entity, uid, field)) STRICT, WITHOUT ROWID;",
    // What was registered until now is done; the fields a CRM keeps are named for each kind of record.
    "ALTER TABLE request ADD COLUMN title TEXT NOT NULL DEFAULT '';
     ALTER TABLE request ADD COLUMN due INTEGER;
     ALTER TABLE request ADD COLUMN done INTEGER NOT NULL DEFAULT 1;
     CREATE INDEX request_open ON request(due) WHERE done = 0 AND call IS NOT NULL;
     UPDATE upstream SET fields = json_object('contact', json(fields));",
    // What left this computer, and when. Lines are added, never changed.
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
     CREATE INDEX request_at ON request(at, id) WHERE call IS NOT NULL;",
    "CREATE TABLE article (
         n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, body TEXT NOT NULL, text TEXT NOT NULL,
         stamp TEXT NOT NULL, changed INTEGER NOT NULL) STRICT;
     CREATE VIRTUAL TABLE article_text USING fts5(title, text, prefix = '2 3', tokenize = 'unicode61');
     INSERT INTO article_text(article_text, rank) VALUES ('secure-delete', 1);
     CREATE TABLE article_use (
         article TEXT NOT NULL, call TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (article, call)) STRICT, WITHOUT ROWID;
     CREATE TABLE call_event (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, body TEXT NOT NULL, until INTEGER NOT NULL,
         told INTEGER NOT NULL DEFAULT 0) STRICT;
     CREATE INDEX call_event_call ON call_event(call);",
];

/// Brings a database to the newest form, each step in a transaction of its own. `user_version` counts the steps done.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    migrate_to(db, STEPS.len() as i64)
}

/// Brings a database to the form that a version had.
pub(crate) fn migrate_to(db: &mut Connection, newest: i64) -> Result<(), StoreError> {
    let done: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let range = usize::try_from(done).ok().zip(usize::try_from(newest).ok());
    let todo = range.and_then(|(done, newest)| STEPS.get(done..newest)).ok_or(StoreError::Newer)?;
    for (version, step) in (done + 1..).zip(todo) {
        let tx = db.transaction()?;
        tx.execute_batch(step)?;
        // Once the tables are as this program knows them.
        if version == STEPS.len() as i64 && done < NUMBERED {
            people::index(&tx)?;
        }
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_database_from_before_requests_were_records_knows_which_fields_its_crm_keeps_and_what_waits() {
        use crate::sync::upstream::Entity;
        use crate::sync::{outbox, state};
        let mut db = Connection::open_in_memory().unwrap();
        migrate_to(&mut db, 5).unwrap();
        db.execute_batch(
            "INSERT INTO upstream (id, retry_at, failures, who, fields) VALUES (1, 0, 0, 'crm', '[\"name\",\"note\"]');
             INSERT INTO outbox (entity, uid, kind, patch, base, at) VALUES ('contact', 'a', 'create', '{\"name\":\"Anna\"}', '{}', 1);
             INSERT INTO request VALUES ('r', NULL, 'a', 6, 'order', 't', 's', 'note');",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let mapped = state::mapped(&db, Entity::Contact).unwrap().unwrap();
        assert_eq!(mapped.into_iter().collect::<Vec<_>>(), ["name", "note"]);
        assert_eq!(state::mapped(&db, Entity::Request).unwrap(), None);
        assert_eq!(outbox::due(&db, 9).unwrap().unwrap().uid, "a");
        // The same CRM with the same fields: nothing is fetched anew.
        let h = crate::sync::Here { db: &db, region: "IT", now: 9 };
        db.execute("INSERT INTO feed VALUES ('contact', 'idle', 't', NULL, NULL, NULL, 1, 1, 0, 0, 9, 9, 0, NULL)", [])
            .unwrap();
        state::connect(&h, "crm", &[(Entity::Contact, &["name", "note"])]).unwrap();
        let feeds: i64 = db.query_row("SELECT count(*) FROM feed", [], |r| r.get(0)).unwrap();
        let done: bool = db.query_row("SELECT done FROM request WHERE id = 'r'", [], |r| r.get(0)).unwrap();
        assert_eq!((feeds, done), (1, true));
    }

    #[test]
    fn a_database_from_before_the_numbered_rows_keeps_all_and_everybody_is_found() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "foreign_keys", true).unwrap();
        for step in &STEPS[..3] {
            db.execute_batch(step).unwrap();
        }
        db.pragma_update(None, "user_version", 3).unwrap();
        db.execute_batch(
            "INSERT INTO customer VALUES ('a', 'Олена Ткаченко', 'Меблі', 'Contabile', 'Київ', 'knows Anna', 5, 0),
                 ('b', 'Anna Po', 'Officine', '', 'Asti', '', 7, 1);
             INSERT INTO phone VALUES ('a', 0, '011 555 0147', '+390115550147', 115550147), ('a', 1, '4021', NULL, NULL);
             INSERT INTO request VALUES ('r', NULL, 'a', 6, 'order', 't', 's', 'note');
             INSERT INTO promise VALUES ('p', 'a', 'call back', 8, NULL);",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let a = people::get(&db, "a").unwrap().unwrap();
        assert_eq!(
            (a.name.as_str(), a.town.as_str(), a.note.as_str(), a.sample),
            ("Олена Ткаченко", "Київ", "knows Anna", false)
        );
        assert_eq!(a.numbers, ["+390115550147", "4021"]);
        assert!(people::get(&db, "b").unwrap().unwrap().sample);
        let found = |table: &str, query: &str| -> Vec<String> {
            let sql = format!("SELECT c.id FROM {table} t JOIN customer c ON c.n = t.rowid WHERE {table} MATCH ?1");
            let mut all = db.prepare(&sql).unwrap();
            all.query_map([query], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(found("customer_text", "\"olena\"*"), ["a"]);
        assert_eq!(found("number_text", "\"5550\""), ["a"]);
        let kept: i64 =
            db.query_row("SELECT count(*) FROM request r JOIN promise p USING (customer)", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, 1);
        let broken: Option<String> = db.query_row("PRAGMA foreign_key_check", [], |r| r.get(0)).optional().unwrap();
        assert_eq!(broken, None);
    }
}
