//! Writes a day's work into a data folder: two calls of 5 November 2026 with their requests, and one that was practised.
#![allow(clippy::unwrap_used)]

use cuffia_customers::{CallRecord, Customer, Request, Store, open_key};
use std::path::Path;

/// Ten o'clock in Greenwich: the same day from Hawaii to Auckland.
const MORNING: i64 = 1_793_872_800_000;
const MINUTE: i64 = 60_000;

fn main() {
    let [_, folder] = std::env::args().collect::<Vec<_>>().try_into().expect("FOLDER");
    let (key, _) = open_key(Path::new(&folder), false).unwrap();
    let store = Store::open(&Path::new(&folder).join("cuffia.db"), &key).unwrap();
    let anna = Customer {
        id: "anna".into(),
        name: "Anna Po".into(),
        company: "Officine Po".into(),
        numbers: vec!["011 555 0147".into()],
        ..Customer::default()
    };
    store.put_customer(&anna, "IT", MORNING).unwrap();
    for (i, (note, practice)) in
        [("La fattura 40827 non torna", false), ("=1+1; \"tra virgolette\"", false), ("Esercizio", true)]
            .iter()
            .enumerate()
    {
        let (id, started) = (format!("call-{i}"), MORNING + i as i64 * 10 * MINUTE);
        let call = CallRecord {
            id: id.clone(),
            number: "+390115550147".into(),
            customer: Some("anna".into()),
            practice: *practice,
            started,
            answered: Some(started + 5_000),
            ended: Some(started + 5_000 + 3 * MINUTE),
            reason: Some("hung_up_there".into()),
            ..CallRecord::default()
        };
        store.put_call(&call).unwrap();
        let request = Request {
            id: format!("request-{i}"),
            call: Some(id),
            customer: Some("anna".into()),
            at: started + 2 * MINUTE,
            kind: "complaint".into(),
            topic: "invoices".into(),
            subtopic: "mismatch".into(),
            note: (*note).into(),
            done: true,
            ..Request::default()
        };
        store.register(&request, None, "IT", started).unwrap();
    }
}
