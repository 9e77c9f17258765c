//! A second copy of what nobody else has: changes that wait for a CRM, customers it does not know of, calls, requests, promises, drafts,
//! settings, the audit log. It is a database of its own beside the first, so that what damages the one leaves the other. What a CRM can
//! give again is not in it.
//!
//! Triggers of the connection note which rows a transaction touches; once it is committed, these are copied, without waiting for the
//! disk. Both count the transactions: a copy that is behind is made anew, and a database that is behind its copy has lost something.

use crate::{DatabaseKey, StoreError};
use rusqlite::{Connection, OptionalExtension};
use std::path::{Path, PathBuf};

/// A table of which rows are copied.
struct Kept {
    table: &'static str,
    letter: char,
    /// What a row is known by.
    keys: &'static [&'static str],
    /// Which rows, as SQL on the table's rows by its letter.
    which: &'static str,
}

/// A customer's card has something in a field that the CRM does not keep.
const PRIVATE: &str = "EXISTS (SELECT 1 FROM
     (SELECT coalesce(json_extract(fields, '$.contact'), fields) AS kept FROM {s}.upstream) WHERE
     (m.product != '' AND instr(kept, '\"product\"') = 0) OR (m.note != '' AND instr(kept, '\"note\"') = 0)
     OR (m.town != '' AND instr(kept, '\"town\"') = 0) OR (m.company != '' AND instr(kept, '\"company\"') = 0)
     OR (m.emails != '[]' AND instr(kept, '\"emails\"') = 0))";
/// No CRM knows of a customer, or of all that is on his card.
const OWN_CUSTOMER: &str = "(NOT EXISTS (SELECT 1 FROM {s}.link l WHERE l.entity = 'contact' AND l.uid = m.id)
     OR EXISTS (SELECT 1 FROM {s}.outbox o WHERE o.entity = 'contact' AND o.uid = m.id)
     OR EXISTS (SELECT 1 FROM {s}.conflict c WHERE c.entity = 'contact' AND c.uid = m.id)
     OR {private})";
/// Which record there such a customer is, or what waits or is to be chosen is about; and which are those that were made here, for their
/// ids can't be worked out again (of a CRM's own the id is a UUIDv5 of it).
const OWN_LINK: &str =
    "(substr(k.uid, 15, 1) != '5' OR EXISTS (SELECT 1 FROM {s}.outbox o WHERE o.entity = k.entity AND o.uid = k.uid)
     OR EXISTS (SELECT 1 FROM {s}.conflict c WHERE c.entity = k.entity AND c.uid = k.uid)
     OR EXISTS (SELECT 1 FROM {s}.customer m WHERE m.id = k.uid AND k.entity = 'contact' AND {private}))";
/// What came in a call of this computer, and what no CRM knows of, or not all of it.
const OWN_REQUEST: &str =
    "(q.call IS NOT NULL OR NOT EXISTS (SELECT 1 FROM {s}.link l WHERE l.entity = 'request' AND l.uid = q.id)
     OR EXISTS (SELECT 1 FROM {s}.outbox o WHERE o.entity = 'request' AND o.uid = q.id)
     OR EXISTS (SELECT 1 FROM {s}.conflict c WHERE c.entity = 'request' AND c.uid = q.id))";
const ALL: &str = "1";

/// Customers before their numbers, which are copied with them.
const KEPT: [Kept; 14] = [
    Kept { table: "customer", letter: 'm', keys: &["id"], which: OWN_CUSTOMER },
    Kept {
        table: "phone",
        letter: 'p',
        keys: &["customer"],
        which: "p.customer IN (SELECT n FROM {s}.customer m WHERE {own_customer})",
    },
    Kept { table: "link", letter: 'k', keys: &["entity", "uid"], which: OWN_LINK },
    Kept { table: "upstream", letter: 'r', keys: &["id"], which: ALL },
    Kept { table: "outbox", letter: 'r', keys: &["seq"], which: ALL },
    Kept { table: "conflict", letter: 'r', keys: &["entity", "uid", "field"], which: ALL },
    Kept { table: "call", letter: 'r', keys: &["id"], which: ALL },
    Kept { table: "request", letter: 'q', keys: &["id"], which: OWN_REQUEST },
    Kept { table: "draft", letter: 'r', keys: &["call"], which: ALL },
    Kept { table: "promise", letter: 'r', keys: &["id"], which: ALL },
    Kept { table: "article_use", letter: 'r', keys: &["article", "call"], which: ALL },
    Kept { table: "call_event", letter: 'r', keys: &["seq"], which: ALL },
    Kept { table: "setting", letter: 'r', keys: &["name"], which: ALL },
    Kept { table: "audit", letter: 'r', keys: &["seq"], which: ALL },
];

/// The setting that counts the transactions that touched something to be copied.
const COUNT: &str = "copy.count";

impl Kept {
    /// The rows that are kept, of a database beside others.
    fn rows(&self, schema: &str) -> String {
        let Kept { table, letter, .. } = self;
        format!("SELECT {letter}.* FROM {schema}.{table} {letter} WHERE {}", self.which(&format!("{schema}.")))
    }

    fn which(&self, schema: &str) -> String {
        let which = self.which.replace("{own_customer}", OWN_CUSTOMER);
        which.replace("{private}", PRIVATE).replace("{s}.", schema)
    }
}

/// The copy of a database file.
pub(crate) fn path(database: &Path) -> PathBuf {
    database.with_extension("copy.db")
}

/// A database's file, and those beside it as long as it is open.
pub(crate) fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// Removes a database.
pub(crate) fn remove(path: &Path) -> std::io::Result<()> {
    for file in files(path) {
        match std::fs::remove_file(file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Opens the copy beside a connection, under the name `copy`.
pub(crate) fn attach(db: &Connection, path: &Path, key: &DatabaseKey) -> rusqlite::Result<()> {
    db.execute("ATTACH DATABASE ?1 AS copy KEY ?2", rusqlite::params![path.to_string_lossy(), *key.pragma()])?;
    db.execute_batch(
        "PRAGMA copy.journal_mode = WAL;
         PRAGMA copy.synchronous = NORMAL;
         PRAGMA copy.secure_delete = ON;",
    )
}

/// How many transactions a database has counted; none when it has no such table.
pub(crate) fn count(db: &Connection, schema: &str) -> rusqlite::Result<Option<i64>> {
    let tables: i64 = db.query_row(
        &format!("SELECT count(*) FROM {schema}.sqlite_master WHERE type = 'table' AND name = 'setting'"),
        [],
        |r| r.get(0),
    )?;
    if tables == 0 {
        return Ok(None);
    }
    let sql = format!("SELECT CAST(value AS INTEGER) FROM {schema}.setting WHERE name = ?1");
    Ok(Some(db.query_row(&sql, [COUNT], |r| r.get(0)).optional()?.unwrap_or(0)))
}

/// Whether a database lacks what its copy has.
pub(crate) fn is_ahead(db: &Connection) -> rusqlite::Result<bool> {
    Ok(count(db, "copy")? > count(db, "main")?)
}

/// Whether the attached copy has what it should.
fn is_even(db: &Connection) -> rusqlite::Result<bool> {
    let version = |schema| db.pragma_query_value(Some(schema), "user_version", |r| r.get::<_, i64>(0));
    Ok(version("main")? == version("copy")? && count(db, "copy")? == count(db, "main")?)
}

/// Notes from now on what is touched.
pub(crate) fn begin(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&watch())
}

/// The copy lacks something: with the next change it is made anew. Nothing of it is on the disk, which may be full.
pub(crate) fn is_behind(db: &Connection) -> rusqlite::Result<()> {
    db.execute("INSERT INTO behind (so) VALUES (1) ON CONFLICT DO NOTHING", []).map(drop)
}

/// Makes the attached copy anew if it is not what it should be.
pub(crate) fn catch_up(db: &mut Connection) -> rusqlite::Result<()> {
    if is_even(db)? { Ok(()) } else { renew(db) }
}

fn is_attached(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM pragma_database_list WHERE name = 'copy')")?
        .query_row([], |r| r.get(0))
}

/// Makes the attached copy anew from the database.
pub(crate) fn renew(db: &mut Connection) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for kept in KEPT.iter().rev() {
        tx.execute_batch(&format!("DROP TABLE IF EXISTS copy.{}", kept.table))?;
    }
    for kept in &KEPT {
        let table = kept.table;
        let sql: String =
            tx.query_row("SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?1", [table], |r| {
                r.get(0)
            })?;
        let columns = sql.split_once('(').map_or("", |(_, columns)| columns);
        tx.execute_batch(&format!("CREATE TABLE copy.{table} ({columns}"))?;
        tx.execute_batch(&format!("INSERT INTO copy.{table} {}", kept.rows("main")))?;
    }
    let version: i64 = tx.pragma_query_value(Some("main"), "user_version", |r| r.get(0))?;
    tx.pragma_update(Some("copy"), "user_version", version)?;
    tx.execute_batch("DELETE FROM touched; DELETE FROM behind;")?;
    tx.commit()
}

/// The triggers. They are of this connection alone, and of no migration's concern.
fn watch() -> String {
    let mut sql = format!(
        "CREATE TEMP TABLE touched (what TEXT NOT NULL, a NOT NULL, b NOT NULL DEFAULT '', c NOT NULL DEFAULT '',
             PRIMARY KEY (what, a, b, c)) WITHOUT ROWID;
         CREATE TEMP TABLE behind (so INTEGER PRIMARY KEY);
         CREATE TEMP TRIGGER touched_first AFTER INSERT ON touched
             WHEN NOT EXISTS (SELECT 1 FROM touched WHERE (what, a, b, c) != (NEW.what, NEW.a, NEW.b, NEW.c))
         BEGIN
             INSERT INTO setting (name, value) VALUES ('{COUNT}', '1') ON CONFLICT(name) DO UPDATE SET value = value + 1;
         END;"
    );
    // Numbers go with their customers.
    for kept in KEPT.iter().filter(|kept| kept.table != "phone") {
        let table = kept.table;
        let touch = |row: &str| {
            let note = |what: &str, values: &[String]| {
                let columns = ["a", "b", "c"][..values.len()].join(", ");
                let values = values.join(", ");
                format!("INSERT INTO touched (what, {columns}) VALUES ('{what}', {values}) ON CONFLICT DO NOTHING;")
            };
            let of = |columns: &[&str]| columns.iter().map(|c| format!("{row}.{c}")).collect::<Vec<_>>();
            // What is about a record decides whether the record is copied.
            let others = match table {
                "customer" => note("link", &["'contact'".to_owned(), format!("{row}.id")]),
                "outbox" | "conflict" => {
                    let uid = of(&["uid"]);
                    note("customer", &uid) + &note("request", &uid) + &note("link", &of(&["entity", "uid"]))
                }
                _ => String::new(),
            };
            note(table, &of(kept.keys)) + &others
        };
        // A CRM's own records pass by thousands: these are not noted.
        let own = |row: &str| kept.which("").replace(&format!("{}.", kept.letter), &format!("{row}."));
        let updated = match table {
            "upstream" => "OLD.who != NEW.who OR OLD.fields != NEW.fields".to_owned(),
            "customer" | "request" => format!("{} OR {}", own("OLD"), own("NEW")),
            _ => own("NEW"),
        };
        sql += &format!(
            "CREATE TEMP TRIGGER {table}_i AFTER INSERT ON main.{table} WHEN {} BEGIN {new} END;
             CREATE TEMP TRIGGER {table}_u AFTER UPDATE ON main.{table} WHEN {updated} BEGIN {old} {new} END;
             CREATE TEMP TRIGGER {table}_d AFTER DELETE ON main.{table} WHEN {} BEGIN {old} END;",
            own("NEW"),
            own("OLD"),
            new = touch("NEW"),
            old = touch("OLD"),
        );
    }
    sql
}

/// Copies what the last transactions touched. When that fails it is still to be copied. `path` is the copy's.
pub(crate) fn keep_up(db: &mut Connection, path: &Path, key: &DatabaseKey) -> rusqlite::Result<()> {
    let touched: Vec<String> = db
        .prepare_cached("SELECT DISTINCT what FROM touched")?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    if touched.is_empty() {
        return Ok(());
    }
    if !is_attached(db)? {
        is_behind(db)?;
        attach(db, path, key)?;
    }
    let behind = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM behind)")?.query_row([], |r| r.get(0))?;
    // Else, what a CRM has is another question now.
    if behind || touched.iter().any(|what| what == "upstream") {
        return renew(db);
    }
    let tx = db.transaction()?;
    for kept in KEPT.iter().filter(|kept| touched.iter().any(|what| what == kept.table)) {
        let table = kept.table;
        let (keys, noted) = (kept.keys.join(", "), ["a", "b", "c"][..kept.keys.len()].join(", "));
        let touched = format!("({keys}) IN (SELECT {noted} FROM touched WHERE what = '{table}')");
        tx.prepare_cached(&format!("DELETE FROM copy.{table} WHERE {touched}"))?.execute([])?;
        tx.prepare_cached(&format!("INSERT INTO copy.{table} {} AND {touched}", kept.rows("main")))?.execute([])?;
        if table == "customer" {
            // The old ones went with him.
            tx.prepare_cached(
                "INSERT INTO copy.phone SELECT p.* FROM touched JOIN copy.customer c ON c.id = a
                     JOIN main.phone p ON p.customer = c.n WHERE what = 'customer'",
            )?
            .execute([])?;
        }
    }
    tx.prepare_cached("DELETE FROM touched")?.execute([])?;
    tx.commit()
}

/// Takes over what an attached database has of what is kept, or of these tables of it. The answer is the tables that are too damaged to be
/// read; after each `again` opens what is attached anew.
///
/// # Errors
/// When anything else is wrong: a disk that is full must not be taken for a table that is damaged.
pub(crate) fn take_over(
    db: &Connection,
    schema: &str,
    tables: Option<&[&str]>,
    again: impl Fn(&Connection) -> Result<(), StoreError>,
) -> Result<Vec<&'static str>, StoreError> {
    let there: Vec<String> = db
        .prepare(&format!("SELECT name FROM {schema}.sqlite_master WHERE type = 'table'"))?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    let has = |table: &str| there.iter().any(|name| name == table);
    let mut unread = Vec::new();
    for kept in &KEPT {
        let table = kept.table;
        if !has(table) || tables.is_some_and(|tables| !tables.contains(&table)) {
            continue;
        }
        // Before there was a CRM everything was the operator's.
        let mut rows = kept.rows(schema);
        if !has("link") {
            rows = format!("SELECT {letter}.* FROM {schema}.{table} {letter} WHERE 1", letter = kept.letter);
        }
        if table == "phone" {
            // His row may be one that can't be read.
            rows += " AND p.customer IN (SELECT n FROM main.customer)";
        }
        match db.execute(&format!("INSERT OR REPLACE INTO main.{table} {rows}"), []).map_err(StoreError::from) {
            Ok(_) => {}
            Err(StoreError::Damaged) => {
                tracing::warn!("{schema}.{table} is damaged");
                unread.push(table);
                again(db)?;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(unread)
}

/// Removes what would not be in a copy.
#[cfg(test)]
pub(crate) fn lose_the_rest(db: &Connection) {
    let lose = |table: &str| {
        let kept = KEPT.iter().find(|kept| kept.table == table).expect("a table that is kept");
        let key = kept.keys[kept.keys.len() - 1];
        let rows = kept.rows("main").replacen(".*", &format!(".{key}"), 1);
        format!("DELETE FROM {table} WHERE {key} NOT IN ({rows});")
    };
    let lost = ["customer", "request", "link"].map(lose).concat();
    let sql = format!("{lost} DELETE FROM feed; DELETE FROM fetch;");
    db.execute_batch(&sql).expect("a database in memory");
}
