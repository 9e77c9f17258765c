//! Customers from a file.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

wire! {
    /// A file's text, as the window read it.
    struct ImportText {
        /// All of it.
        text: String,
    }

    /// What the columns hold.
    struct ImportColumns {
        /// For each column; none: it is left out.
        columns: Vec<Option<ColumnUse>>,
    }

    /// What a column holds.
    enum ColumnUse {
        /** The whole name. */ Name,
        /** The given name. */ First,
        /** The family name. */ Last,
        /** Company. */ Company,
        /** Product. */ Product,
        /** Town. */ Town,
        /** Note. */ Note,
        /** A number. */ Number,
        /** A mail address. */ Email,
    }

    /// A column of a table.
    struct ColumnView {
        /// Its name, empty where the table has none.
        name: String,
        /// What it holds.
        holds: Option<ColumnUse>,
        /// The first cells.
        cells: Vec<String>,
    }

    /// Why a line is no customer.
    enum ImportFault { /** Neither a name nor a company. */ Nameless, /** It can't be read. */ Unreadable, }

    /// A line that is no customer.
    struct FaultyLine {
        /// Line of the table, or number of the card.
        line: u64,
        /// Why.
        fault: ImportFault,
    }

    /// A file that was read, and what becomes of it.
    struct ImportView {
        /// Columns of a table; none for cards.
        columns: Vec<ColumnView>,
        /// Customers that would be, or are, made.
        fresh: u32,
        /// Customers who are here already, or twice in the file.
        known: u32,
        /// The first lines of these.
        known_lines: Vec<u64>,
        /// Lines that are no customer.
        faults: u32,
        /// The first of these.
        faulty: Vec<FaultyLine>,
        /// How many were made, once it was begun.
        made: Option<u32>,
        /// It was stopped, or is done.
        over: bool,
    }
}
