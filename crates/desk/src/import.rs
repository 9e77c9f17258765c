//! Taking customers over from a file: read, looked at, corrected, and then made, a few hundred at a time, until it is done or stopped.

use crate::desk::DeskEvent;
use crate::{Desk, DeskError};
use cuffia_crm::import::{Candidate, Column, Fault, Source, read};
use cuffia_customers::sync::customer;
use cuffia_customers::sync::upstream::{Entity, Fields};
use cuffia_customers::{StoreError, fold};
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many are made in one transaction.
const BATCH: usize = 200;

/// A file that was read, with what is made of it.
#[derive(Debug, Clone)]
pub struct Import {
    /// What tells it from a file before, and from the same file understood in another way.
    number: u64,
    source: Arc<Source>,
    /// What each column of a table holds; none for cards.
    pub columns: Vec<Option<Column>>,
    /// Customers that are not here yet.
    pub fresh: Arc<Vec<Candidate>>,
    /// Lines of customers who are here already, or earlier in the file.
    pub known: Vec<u64>,
    /// Lines that are no customer.
    pub faults: Vec<(u64, Fault)>,
    /// How many were made so far, once it was begun.
    pub made: Option<usize>,
    /// It was stopped, or it is done.
    pub over: bool,
}

impl Import {
    /// The columns' names and the first lines, of a table.
    pub fn head(&self) -> Option<(&[String], impl Iterator<Item = &[String]>)> {
        match &*self.source {
            Source::Table(table) => Some((&table.header, table.rows.iter().take(3).map(|(_, cells)| cells.as_slice()))),
            Source::Cards(..) => None,
        }
    }
}

impl Desk {
    /// The file that is being looked at or taken over.
    pub fn import(&self) -> Option<Import> {
        self.locked().import.clone()
    }

    /// Reads a file's text and says what would be made of it. Nothing is made.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn read_import(&self, text: String) -> Result<(), DeskError> {
        let (desk, number) = (self.clone(), self.next_import());
        crate::blocking(move || {
            let source = Arc::new(read(&text));
            let columns = match &*source {
                Source::Table(table) => table.guess(),
                Source::Cards(..) => Vec::new(),
            };
            desk.plan(number, source, columns)
        })
        .await
    }

    /// The same with columns understood in another way.
    ///
    /// # Errors
    /// When there is no file, or the store refuses.
    pub async fn plan_import(&self, columns: Vec<Option<Column>>) -> Result<(), DeskError> {
        let before = self.import().filter(|i| i.made.is_none()).ok_or(StoreError::Missing("import"))?;
        let (desk, number) = (self.clone(), self.next_import());
        crate::blocking(move || desk.plan(number, before.source, columns)).await
    }

    /// From now on nothing that was begun before counts any more.
    fn next_import(&self) -> u64 {
        self.with(|s| {
            s.imports += 1;
            s.imports
        })
    }

    fn plan(&self, number: u64, source: Arc<Source>, columns: Vec<Option<Column>>) -> Result<(), DeskError> {
        let (candidates, faults) = match &*source {
            Source::Table(table) => table.customers(&columns),
            Source::Cards(cards, faults) => (cards.clone(), faults.clone()),
        };
        let (mut fresh, mut known, mut met) = (Vec::new(), Vec::new(), BTreeSet::new());
        for candidate in candidates {
            let c = customer(&candidate.fields);
            // Twice in the file, by the same rule as those who are here.
            let name = fold(&c.name);
            let mut keys: Vec<String> = c.numbers.iter().map(|n| format!("{name} {}", n.replace(' ', ""))).collect();
            keys.extend(c.emails.iter().map(|e| format!("{name} {}", e.to_lowercase())));
            if keys.is_empty() {
                keys.push(format!("{name} {}", fold(&c.company)));
            }
            let mut again = false;
            for key in keys {
                again |= !met.insert(key);
            }
            if again || self.store().is_known(&c, self.region())? {
                known.push(candidate.line);
            } else {
                fresh.push(candidate);
            }
        }
        let fresh = Arc::new(fresh);
        let import = Import { number, source, columns, fresh, known, faults, made: None, over: false };
        self.with(|s| {
            if s.imports == number {
                s.import = Some(import);
            }
        });
        self.say(DeskEvent::Import);
        Ok(())
    }

    /// Makes the customers. Returns at once; how far it is, is told by events.
    ///
    /// # Errors
    /// When there is no file, or it was begun already.
    pub fn run_import(&self) -> Result<(), DeskError> {
        let begun = self.with(|s| {
            let current = s.imports;
            let import = s.import.as_mut().filter(|i| i.made.is_none() && i.number == current)?;
            import.made = Some(0);
            Some((import.number, import.fresh.clone()))
        });
        let (number, fresh) = begun.ok_or(StoreError::Missing("import"))?;
        let desk = self.clone();
        self.say(DeskEvent::Import);
        tokio::task::spawn_blocking(move || {
            if let Err(e) = desk.make_all(number, &fresh) {
                desk.say(DeskEvent::Notice(e.code(), e.to_string()));
            }
            desk.with_import(number, |i| i.over = true);
            desk.say(DeskEvent::Import);
            desk.say(DeskEvent::Records);
            desk.crm_has_work();
        });
        Ok(())
    }

    /// Changes the import of this number, if it is still there.
    fn with_import<T>(&self, number: u64, change: impl FnOnce(&mut Import) -> T) -> Option<T> {
        self.with(|s| s.import.as_mut().filter(|i| i.number == number).map(change))
    }

    fn make_all(&self, number: u64, fresh: &[Candidate]) -> Result<(), DeskError> {
        for batch in fresh.chunks(BATCH) {
            if self.with_import(number, |i| i.over) != Some(false) {
                return Ok(());
            }
            let fields: Vec<Fields> = batch.iter().map(|c| c.fields.clone()).collect();
            self.store().create_many(Entity::Contact, &fields, self.region(), self.now())?;
            self.with_import(number, |i| i.made = i.made.map(|n| n + batch.len()));
            self.say(DeskEvent::Import);
        }
        Ok(())
    }

    /// Stops; those that were made stay. Or forgets the file, when it is over or was not begun.
    pub fn stop_import(&self) {
        self.next_import();
        self.with(|s| match &mut s.import {
            Some(i) if i.made.is_some() && !i.over => i.over = true,
            import => *import = None,
        });
        self.say(DeskEvent::Import);
    }
}
