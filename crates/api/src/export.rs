//! The commands about exports.

use crate::engine::Engine;
use crate::view::*;
use cuffia_customers::Records;
use cuffia_desk::{Ask, Days, Form, LogEntry};

type Answer<T> = Result<T, ApiError>;
const DONE: Answer<Nothing> = Ok(Nothing {});
/// So many of the last exports are shown.
const LISTED: u32 = 20;

impl Engine {
    pub(crate) async fn export_room(&self, _: Nothing) -> Answer<ExportRoom> {
        let italian = self.language() == Language::It;
        let named = |what: ExportWhat| {
            let column = move |c: &cuffia_desk::ExportColumn| ExportColumn {
                what,
                id: c.word().to_owned(),
                name: c.name(italian).to_owned(),
            };
            cuffia_desk::ExportColumn::of(records(what)).iter().map(column)
        };
        Ok(ExportRoom {
            columns: named(ExportWhat::Requests).chain(named(ExportWhat::Calls)).collect(),
            forms: self.desk().forms()?.into_iter().map(form).collect(),
            folder: self.desk().downloads().display().to_string(),
            log: self.desk().exports(LISTED)?.into_iter().map(line).collect(),
        })
    }

    pub(crate) async fn preview_export(&self, a: ExportAsk) -> Answer<ExportPreview> {
        let found = self.desk().preview_export(self.ask(a)?).await?;
        Ok(ExportPreview { count: found.count, headings: found.headings, rows: found.rows })
    }

    pub(crate) async fn run_export(&self, a: ExportAsk) -> Answer<ExportWritten> {
        let written = self.desk().run_export(self.ask(a)?).await?;
        Ok(ExportWritten { path: written.path.display().to_string(), rows: written.rows, cut: written.cut })
    }

    pub(crate) async fn read_headings(&self, h: ExportHeadings) -> Answer<Vec<FormColumn>> {
        let found = cuffia_desk::read_headings(&h.text, records(h.what)).map_err(cuffia_desk::DeskError::from)?;
        Ok(found.into_iter().map(column).collect())
    }

    pub(crate) async fn keep_form(&self, k: KeepForm) -> Answer<Nothing> {
        let f = k.form;
        let column = |c: FormColumn| cuffia_desk::FormColumn { heading: c.heading, column: c.column, text: c.text };
        let columns = f.columns.into_iter().map(column).collect();
        self.desk().keep_form(Form { name: f.name, records: records(f.what), columns }, k.instead_of.as_deref())?;
        DONE
    }

    pub(crate) async fn remove_form(&self, f: ExportFormRef) -> Answer<Nothing> {
        self.desk().remove_form(&f.name)?;
        DONE
    }

    fn ask(&self, a: ExportAsk) -> Answer<Ask> {
        Ok(Ask {
            records: records(a.what),
            days: Days::read(&a.from, &a.to).map_err(cuffia_desk::DeskError::from)?,
            format: match a.format {
                ExportFormat::Xlsx => cuffia_desk::ExportFormat::Xlsx,
                ExportFormat::Csv => cuffia_desk::ExportFormat::Csv,
            },
            form: a.form,
            italian: self.language() == Language::It,
        })
    }
}

fn records(what: ExportWhat) -> Records {
    match what {
        ExportWhat::Requests => Records::Requests,
        ExportWhat::Calls => Records::Calls,
    }
}

fn what(records: Records) -> ExportWhat {
    match records {
        Records::Requests => ExportWhat::Requests,
        Records::Calls => ExportWhat::Calls,
    }
}

fn column(c: cuffia_desk::FormColumn) -> FormColumn {
    FormColumn { heading: c.heading, column: c.column, text: c.text }
}

fn form(f: Form) -> ExportForm {
    ExportForm { name: f.name, what: what(f.records), columns: f.columns.into_iter().map(column).collect() }
}

fn line(e: LogEntry) -> ExportLine {
    let n = e.noted;
    ExportLine {
        at: e.at,
        what: what(n.what),
        from: n.from,
        to: n.to,
        form: n.form,
        rows: n.rows,
        file: n.file,
        failed: e.failed,
    }
}
