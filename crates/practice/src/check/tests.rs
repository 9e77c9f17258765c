use super::*;

fn fact(kind: FactKind, told: &str) -> Fact {
    Fact { id: told.to_owned(), name: String::new(), told: told.to_owned(), was_told: true, kind }
}

#[test]
fn each_form_of_a_fact_is_found_and_each_slip_is_named() {
    use FactKind::{Amount, Date, Digits, Name, Phone};
    use Problem::{Missing, Transposed, WrongDigit};
    let table: &[(FactKind, &str, &str, Option<Problem>)] = &[
        (Digits, "47192", "Fattura n. 47192, cliente irritata", None),
        (Digits, "47192", "invoice 471 92", None),
        (Digits, "47192", "no. 47-192.", None),
        (Digits, "47192", "invoice 47912", Some(Transposed)),
        (Digits, "47192", "invoice 17492", Some(Transposed)),
        (Digits, "47192", "invoice 47193", Some(WrongDigit)),
        (Digits, "47192", "invoice 4719", Some(WrongDigit)),
        (Digits, "47192", "invoice 471922", Some(WrongDigit)),
        (Digits, "47192", "invoice", Some(Missing)),
        (Digits, "47192", "", Some(Missing)),
        (Digits, "47192", "call back on 07700 900279", Some(Missing)),
        (Amount, "£1,284.50", "billed 1,284.50", None),
        (Amount, "£1,284.50", "billed £1284.5 instead", None),
        (Amount, "£1,284.50", "1.284,50", None),
        (Amount, "£1,284.50", "1284 pounds and 50", None),
        (Amount, "1.284,50 €", "fatturati 1284,50 euro", None),
        (Amount, "1.284,50 €", "fatturati € 1 284,50", None),
        (Amount, "1.284,50 €", "1284 euro e 50", None),
        (Amount, "£1,284.00", "billed 1284, order 47192", None),
        (Amount, "£1,284.00", "billed 1284. Call back", None),
        (Amount, "£1,284.50", "billed 1248.50", Some(Transposed)),
        (Amount, "£1,284.50", "billed 1284", Some(WrongDigit)),
        (Amount, "£1,284.50", "billed 1384.50", Some(WrongDigit)),
        (Amount, "£1,284.50", "billed too much", Some(Missing)),
        (Amount, "£420.00", "420", None),
        (Date, "12 March", "of 12 March", None),
        (Date, "12 March", "March 12th", None),
        (Date, "12 March", "the 12th of march", None),
        (Date, "12 March", "dated 12/3", None),
        (Date, "12 March", "dated 12.03.2026", None),
        (Date, "12 March", "12-03-26", None),
        (Date, "12 March", "2026-03-12", None),
        (Date, "23 March", "03/23", None),
        (Date, "12 marzo", "del 12 marzo 2026", None),
        (Date, "12 marzo", "del 12 mar", None),
        (Date, "21 marzo", "del 12 marzo", Some(Transposed)),
        (Date, "21 marzo", "del 22/03", Some(WrongDigit)),
        (Date, "21 marzo", "del mese scorso", Some(Missing)),
        (Phone, "07700 900279", "ring back +44 7700 900279", None),
        (Phone, "07700 900279", "tel. 07700900279", None),
        (Phone, "333 555 1429", "+39 3335551429", None),
        (Phone, "333 555 1429", "333-555-14-29", None),
        (Phone, "333 555 1429", "333 555 4129", Some(Transposed)),
        (Phone, "333 555 1429", "333 555 1428", Some(WrongDigit)),
        (Phone, "333 555 1429", "richiamare domani", Some(Missing)),
        (Name, "Giulia Ferraro", "chiamata da ferraro giulia", None),
        (Name, "Nicolò D'Amico", "Sig. Nicolo Damico", None),
        (Name, "Giulia Ferraro", "Giulia Ferrari", Some(WrongDigit)),
        (Name, "Giulia Ferraro", "Giulia Ferarro", Some(Transposed)),
        (Name, "Giulia Ferraro", "una cliente", Some(Missing)),
    ];
    for (kind, told, note, problem) in table {
        let checked = check(&[fact(*kind, told)], note);
        assert_eq!((checked[0].written, checked[0].problem), (problem.is_none(), *problem), "{told:?} in {note:?}");
    }
}

#[test]
fn one_fact_is_never_taken_for_the_slip_of_another() {
    let facts = [fact(FactKind::Amount, "£1,284.50"), fact(FactKind::Amount, "£1,248.50")];
    let checked = check(&facts, "should be 1248.50");
    assert_eq!(checked[0].problem, Some(Problem::Missing), "the other amount is right, this one is not there");
    assert!(checked[1].written);
}

#[test]
fn a_whole_note_in_free_words() {
    let facts = [
        fact(FactKind::Digits, "47192"),
        fact(FactKind::Date, "17 aprile"),
        fact(FactKind::Amount, "1.284,50 €"),
        fact(FactKind::Amount, "984,50 €"),
        fact(FactKind::Phone, "333 555 1429"),
    ];
    let note = "Ferraro: ft. 47192 del 17/4, fatturati 1284,50 invece di 984,50. Richiamare 3335551429";
    let checked = check(&facts, note);
    assert!(checked.iter().all(|check| check.written), "{checked:?}");
    assert_eq!(data_score(&checked), Some(100.0));
    let checked = check(&facts, "ft. 41792 del 17/4, 1284,50 invece di 984,50. Tel 3335551429");
    assert_eq!(checked[0].problem.map(Problem::word), Some("transposed"));
    assert_eq!(data_score(&checked), Some(80.0));
}

#[test]
fn only_what_was_told_counts() {
    let mut facts = [fact(FactKind::Digits, "47192"), fact(FactKind::Date, "17 April")];
    facts[0].was_told = false;
    assert_eq!(data_score(&check(&facts, "17 April")), Some(100.0));
    facts[1].was_told = false;
    assert_eq!(data_score(&check(&facts, "17 April")), None);
    assert_eq!(Problem::WrongDigit.word(), "wrong_digit");
    assert_eq!(Problem::Missing.word(), "missing");
}
