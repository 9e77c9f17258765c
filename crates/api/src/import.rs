//! The commands about customers from a file.

use crate::engine::Engine;
use crate::view::*;
use cuffia_desk::{Column, Fault, Import};

type Answer<T> = Result<T, ApiError>;
const DONE: Answer<Nothing> = Ok(Nothing {});
/// So many lines are named; more are counted.
const NAMED: usize = 20;

const USES: [(Column, ColumnUse); 9] = [
    (Column::Name, ColumnUse::Name),
    (Column::First, ColumnUse::First),
    (Column::Last, ColumnUse::Last),
    (Column::Company, ColumnUse::Company),
    (Column::Product, ColumnUse::Product),
    (Column::Town, ColumnUse::Town),
    (Column::Note, ColumnUse::Note),
    (Column::Number, ColumnUse::Number),
    (Column::Email, ColumnUse::Email),
];

impl Engine {
    pub(crate) fn import(&self) -> Option<ImportView> {
        self.desk().import().map(|i| view(&i))
    }

    pub(crate) async fn read_import(&self, i: ImportText) -> Answer<Nothing> {
        self.desk().read_import(i.text).await?;
        DONE
    }

    pub(crate) async fn plan_import(&self, i: ImportColumns) -> Answer<Nothing> {
        let column = |used: ColumnUse| USES.iter().find(|(_, u)| *u == used).map(|(c, _)| *c);
        self.desk().plan_import(i.columns.into_iter().map(|used| used.and_then(column)).collect()).await?;
        DONE
    }

    pub(crate) async fn run_import(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().run_import()?;
        DONE
    }

    pub(crate) async fn stop_import(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().stop_import();
        DONE
    }
}

fn view(i: &Import) -> ImportView {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut columns = Vec::new();
    if let Some((header, rows)) = i.head() {
        let rows: Vec<&[String]> = rows.collect();
        for (n, name) in header.iter().enumerate() {
            let holds = i.columns.get(n).copied().flatten();
            columns.push(ColumnView {
                name: name.clone(),
                holds: holds.and_then(|c| USES.iter().find(|(column, _)| *column == c).map(|(_, used)| *used)),
                cells: rows.iter().filter_map(|cells| cells.get(n).cloned()).collect(),
            });
        }
    }
    let faulty = i.faults.iter().take(NAMED).map(|(line, fault)| FaultyLine {
        line: *line,
        fault: match fault {
            Fault::Nameless => ImportFault::Nameless,
            Fault::Unreadable => ImportFault::Unreadable,
        },
    });
    ImportView {
        columns,
        fresh: count(i.fresh.len()),
        known: count(i.known.len()),
        known_lines: i.known.iter().take(NAMED).copied().collect(),
        faults: count(i.faults.len()),
        faulty: faulty.collect(),
        made: i.made.map(count),
        over: i.over,
    }
}
