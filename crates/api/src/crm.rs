//! The commands about the employer's CRM, and its part of the window.

use crate::engine::Engine;
use crate::view::*;
use cuffia_customers::Store;
use cuffia_customers::sync::upstream::{Entity, Fields};
use cuffia_customers::sync::{Choice, Conflict, Kind, Stopped};
use cuffia_desk::{DeskError, words};
use serde_json::Value;

type Answer<T> = Result<T, ApiError>;
const DONE: Answer<Nothing> = Ok(Nothing {});
/// A first fetch that takes longer was interrupted.
const LONGEST_FETCH_MS: i64 = 2 * 3_600_000;
/// So many of what waits are listed; all are counted.
const LISTED: u32 = 100;

impl Engine {
    pub(crate) fn crm(&self) -> CrmView {
        let empty = CrmView {
            state: CrmState::None,
            kind: CrmKind::CardDav,
            name: String::new(),
            server: String::new(),
            user: String::new(),
            waiting: 0,
            needs: 0,
            answered: None,
            error: None,
            here: None,
            to_come: None,
            left_ms: None,
            vanishing: None,
        };
        // A database that refuses says so where it is used.
        let Ok(status) = self.desk().crm() else { return empty };
        let Some(account) = status.account else { return empty };
        let s = status.standing;
        CrmView {
            state: match &s.stopped {
                _ if !status.connected => CrmState::Off,
                Some(Stopped::SignIn) => CrmState::SignIn,
                Some(Stopped::Vanishing(_)) => CrmState::Asking,
                None if s.error.is_some() => CrmState::Unreachable,
                None => CrmState::Connected,
            },
            kind: match account.kind {
                cuffia_desk::CrmKind::CardDav => CrmKind::CardDav,
                cuffia_desk::CrmKind::Tryton => CrmKind::Tryton,
                cuffia_desk::CrmKind::Rt => CrmKind::Rt,
            },
            name: account.name,
            server: account.address,
            user: account.user,
            waiting: s.waiting,
            needs: s.conflicts + s.refused,
            answered: s.answered,
            error: s.error,
            here: s.progress.map(|p| p.here),
            to_come: s.progress.and_then(|p| p.to_come),
            left_ms: s.progress.and_then(|p| {
                // After a night off it would be the night's.
                let took = Some(self.desk().now() - p.began?).filter(|took| (0..LONGEST_FETCH_MS).contains(took))?;
                Some(took.saturating_mul(p.to_come?) / p.here.max(1))
            }),
            vanishing: match s.stopped {
                Some(Stopped::Vanishing(gone)) => Some(gone),
                _ => None,
            },
        }
    }

    pub(crate) async fn crm_books(&self, u: CrmUser) -> Answer<Vec<BookView>> {
        let books = self.desk().crm_books(account(u.kind, u.server, u.user, u.password)).await?;
        let view = |b: cuffia_desk::Book| BookView {
            path: b.path,
            name: b.name,
            cards: u32::try_from(b.cards).unwrap_or(u32::MAX),
            writable: b.writable,
            customers: b.customers,
            requests: b.requests,
        };
        Ok(books.into_iter().map(view).collect())
    }

    pub(crate) async fn connect_crm(&self, c: ConnectCrm) -> Answer<Nothing> {
        let user = account(c.kind, c.server, c.user, c.password);
        self.desk().connect_crm(user, &c.book, c.leave_behind).await?;
        DONE
    }

    pub(crate) async fn disconnect_crm(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().disconnect_crm()?;
        DONE
    }

    pub(crate) async fn sync_now(&self, s: SyncNow) -> Answer<Nothing> {
        self.desk().crm_now(s.may_vanish)?;
        DONE
    }

    pub(crate) async fn send_only_here(&self, _: Nothing) -> Answer<Nothing> {
        self.desk().send_only_here()?;
        DONE
    }

    pub(crate) async fn crm_work(&self, _: Nothing) -> Answer<CrmWork> {
        let store = self.desk().store();
        let named = |entity: Entity, uid: &str| named(store, entity, uid);
        let waiting = store.waiting(LISTED)?.into_iter().map(|w| {
            let Named { what, customer, name } = named(w.entity, &w.uid);
            let (record, kind) = (w.uid, kind(w.kind));
            WaitingView { what, record, customer, name, kind, fields: w.fields, sent: w.sent, at: w.at, why: w.why }
        });
        let refused = store.refused(LISTED)?.into_iter().map(|r| {
            let Named { what, customer, name } = named(r.entity, &r.uid);
            RefusedView { seq: r.seq, what, record: r.uid, customer, name, kind: kind(r.kind), why: r.why, at: r.at }
        });
        let conflicts = store.conflicts()?.into_iter().take(LISTED as usize).map(|c| conflict(store, &c));
        Ok(CrmWork {
            waiting: waiting.collect(),
            refused: refused.collect(),
            conflicts: conflicts.collect(),
            only_here: store.only_here()?,
        })
    }

    pub(crate) async fn choose_value(&self, c: ChooseValue) -> Answer<Nothing> {
        let all = self.desk().store().conflicts()?;
        let same = |x: &&Conflict| x.uid == c.record && what(x.entity) == c.what && x.field == c.field;
        let missing = DeskError::from(cuffia_customers::StoreError::Missing("conflict"));
        let mut conflict = all.iter().find(same).cloned().ok_or(missing)?;
        // What it is by now may be another than what he was shown.
        conflict.theirs = serde_json::from_str(&c.shown).unwrap_or(Value::Null);
        self.desk().choose(&conflict, if c.mine { Choice::Mine } else { Choice::Theirs })?;
        DONE
    }

    pub(crate) async fn send_again(&self, r: RefusedRef) -> Answer<Nothing> {
        self.desk().send_again(r.seq)?;
        DONE
    }

    pub(crate) async fn let_go(&self, r: RefusedRef) -> Answer<Nothing> {
        self.desk().let_go(r.seq)?;
        DONE
    }

    pub(crate) async fn customer_fields(&self, c: CustomerRef) -> Answer<CustomerFields> {
        let missing = DeskError::from(cuffia_customers::StoreError::Missing("customer"));
        let fields = self.desk().store().customer_fields(&c.customer)?.ok_or(missing)?;
        let c = cuffia_customers::sync::customer(&fields);
        Ok(CustomerFields {
            name: c.name,
            company: c.company,
            product: c.product,
            town: c.town,
            note: c.note,
            numbers: c.numbers,
            emails: c.emails,
        })
    }

    pub(crate) async fn delete_customer(&self, c: CustomerRef) -> Answer<Nothing> {
        self.desk().delete_customer(&c.customer)?;
        DONE
    }

    pub(crate) async fn edit_customer(&self, e: EditCustomer) -> Answer<Nothing> {
        if e.fields.name.trim().is_empty() {
            return Err(DeskError::NoName.into());
        }
        // What was shown is taken as it was; only to see what the operator changed, spaces and empty lines are no change.
        let (before, mut patch) = (fields(&e.seen, true), fields(&e.fields, true));
        patch.retain(|field, value| before.get(field) != Some(value));
        if !patch.is_empty() {
            self.desk().edit_customer(&e.customer, &patch, &fields(&e.seen, false))?;
        }
        DONE
    }
}

fn account(kind: CrmKind, address: String, user: String, password: String) -> cuffia_desk::Account {
    let kind = match kind {
        CrmKind::CardDav => cuffia_desk::CrmKind::CardDav,
        CrmKind::Tryton => cuffia_desk::CrmKind::Tryton,
        CrmKind::Rt => cuffia_desk::CrmKind::Rt,
    };
    cuffia_desk::Account { kind, address, user, password }
}

fn fields(f: &CustomerFields, tidy: bool) -> Fields {
    let text = |t: &String| Value::from(if tidy { t.trim() } else { t });
    // An empty line of the form is no number.
    let list = |l: &Vec<String>| {
        let all = l.iter().map(|t| if tidy { t.trim() } else { t });
        Value::from(all.filter(|t| !tidy || !t.is_empty()).collect::<Vec<_>>())
    };
    let all = [
        ("name", text(&f.name)),
        ("company", text(&f.company)),
        ("product", text(&f.product)),
        ("town", text(&f.town)),
        ("note", text(&f.note)),
        ("numbers", list(&f.numbers)),
        ("emails", list(&f.emails)),
    ];
    all.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn kind(k: Kind) -> ChangeKind {
    match k {
        Kind::Create => ChangeKind::Create,
        Kind::Update => ChangeKind::Update,
        Kind::Delete => ChangeKind::Delete,
    }
}

fn what(entity: Entity) -> RecordKind {
    match entity {
        Entity::Contact => RecordKind::Customer,
        Entity::Request => RecordKind::Request,
    }
}

/// What people call a record.
struct Named {
    what: RecordKind,
    customer: Option<String>,
    name: String,
}

fn named(store: &Store, entity: Entity, uid: &str) -> Named {
    let what = what(entity);
    match entity {
        Entity::Contact => {
            let name = store.customer(uid).map(|c| c.name).unwrap_or_default();
            Named { what, customer: Some(uid.to_owned()), name }
        }
        Entity::Request => {
            let (name, customer) = store.request(uid).map(|r| (r.title, r.customer)).unwrap_or_default();
            let customer = customer.filter(|uid| store.customer(uid).is_ok());
            Named { what, customer, name }
        }
    }
}

fn conflict(store: &Store, c: &Conflict) -> ConflictView {
    let kind = match (&c.field, &c.mine) {
        (Some(_), _) => ConflictKind::Field,
        (None, Value::Null) => ConflictKind::DeletedHere,
        (None, _) => ConflictKind::GoneThere,
    };
    let record = if c.mine.is_null() { &c.theirs } else { &c.mine };
    let record = record.as_object().into_iter().flatten();
    let record: Vec<FieldView> =
        record.map(|(field, value)| FieldView { field: field.clone(), value: words(store, field, value) }).collect();
    let Named { what, customer, name } = named(store, c.entity, &c.uid);
    let named = record.iter().find(|f| f.field == "name" || f.field == "title").map(|f| f.value.clone());
    let value = |v: &Value| c.field.as_ref().map(|field| words(store, field, v)).unwrap_or_default();
    ConflictView {
        what,
        record: c.uid.clone(),
        customer,
        name: named.filter(|_| name.is_empty()).unwrap_or(name),
        kind,
        field: c.field.clone(),
        base: value(&c.base),
        mine: value(&c.mine),
        theirs: value(&c.theirs),
        fields: record,
        shown: c.theirs.to_string(),
        at: c.at,
    }
}
