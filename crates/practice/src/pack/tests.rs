use super::*;

const LOGIC: &str = include_str!("../../packs/base/invoice-mismatch.toml");
const EN: &str = include_str!("../../packs/base/lines/invoice-mismatch.en.toml");
const IT: &str = include_str!("../../packs/base/lines/invoice-mismatch.it.toml");

fn load(logic: &str, en: &str, it: &str) -> Result<Scenario, PracticeError> {
    let source = |name, text| Source { name, text };
    let lines = [(Language::En, source("x.en.toml", en)), (Language::It, source("x.it.toml", it))];
    Scenario::load(&source("x.toml", logic), &lines)
}

/// The error's file, its line's text, and what it says.
fn refused(logic: &str, en: &str, it: &str) -> (String, String, String) {
    let error = load(logic, en, it).expect_err("it must be refused");
    assert_eq!(error.code(), "practice.pack");
    let PracticeError::Pack { file, line, why } = error else { panic!("{error}") };
    let text = match file.as_str() {
        "x.toml" => logic,
        "x.en.toml" => en,
        _ => it,
    };
    (file, text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(), why)
}

#[test]
fn the_base_pack_passes_its_own_checks() {
    let scenarios = library().unwrap();
    assert_eq!(scenarios.len(), 1);
    for language in [Language::En, Language::It] {
        let info = scenarios[0].info(language);
        assert_eq!((info.id.as_str(), info.number.as_str(), info.level), ("invoice-mismatch", "101", 1));
        assert!(!info.title.is_empty() && !info.summary.is_empty());
    }
    assert_ne!(scenarios[0].info(Language::En).title, scenarios[0].info(Language::It).title);
    assert_eq!(find("nothing", Language::En).map(|_| ()).unwrap_err().code(), "practice.no_such_scenario");
}

#[test]
fn a_broken_pack_is_refused_with_the_place_of_the_fault() {
    let broken: [(&str, &str, &str, &str); 9] = [
        ("on.turn_end = \"amounts\"", "on.turn_end = \"amount\"", "on.turn_end = \"amount\"", "no state \"amount\""),
        ("level = 1 ", "level = 9 ", "level = 9", "1 to 4"),
        ("level = 1 ", "level = \"one\" ", "level = \"one\"", "invalid type"),
        ("say = \"number\"", "say = \"numbr\"", "say = \"numbr\"", "no line \"numbr\""),
        ("on.turn_end = \"number\"\n\n[state.amounts]", "on.turn_end = \"number\"\n\n[state.amounts]", "", ""),
        ("[state.bye]", "[state.lost]\non.turn_end = \"bye\"\n\n[state.bye]", "[state.lost]", "nothing leads to"),
        ("on.turn_end = \"amounts\"", "on.turn_end = \"callback\"", "[state.amounts]", "nothing leads to"),
        ("type = \"date\"", "type = \"data\"", "", "unknown variant"),
        ("by = [36, 48, 120, 180, 270]", "by = []", "[facts.amount_billed]", "\"by\" how much"),
    ];
    for (from, to, line, why) in broken {
        if why.is_empty() {
            continue;
        }
        let (file, text, told) = refused(&LOGIC.replacen(from, to, 1), EN, IT);
        assert_eq!(file, "x.toml");
        assert!(text.starts_with(line), "{to}: {text:?}");
        assert!(told.contains(why), "{to}: {told}");
    }
}

#[test]
fn a_fact_that_need_not_be_told_is_refused() {
    // Straight from the number to the callback, with a detour by which the amounts are still reachable.
    let logic = LOGIC.replace(
        "on.turn_end = \"amounts\"",
        "on.turn_end = \"callback\"\non.silence = [{ after_s = 5, goto = \"amounts\" }]",
    );
    let (_, line, why) = refused(&logic, EN, IT);
    assert_eq!(line, "[facts.amount_billed]");
    assert!(why.contains("need not have been told"), "{why}");
}

#[test]
fn a_call_that_cannot_end_is_refused() {
    let logic = LOGIC.replace("end = \"thanked\"\n\n#", "on.turn_end = \"thanks\"\n\n#");
    assert!(refused(&logic, EN, IT).2.contains("never ends"), "{:?}", refused(&logic, EN, IT));
}

#[test]
fn lines_that_are_missing_or_cannot_be_spoken_are_refused() {
    let without = |text: &str, line: &str| {
        text.lines().filter(|l| !l.starts_with(line)).map(|l| format!("{l}\n")).collect::<String>()
    };
    assert!(refused(LOGIC, EN, &without(IT, "bye")).2.contains("x.it.toml has no line \"bye\""));
    assert!(refused(LOGIC, EN, &without(IT, "\"thanks@-2\"")).2.contains("which another language has"));
    assert!(refused(LOGIC, &without(EN, "invoice_no"), IT).2.contains("has no name"));
    let cases = [
        ("Goodbye.", "<break/>Goodbye.", "cannot be spoken"),
        ("dated {invoice_date}.\"\n\"number@again", "dated {invoice_dat}.\"\n\"number@again", "which is no fact"),
        ("number is {callback_no}. Have", "number is {callback_no. Have", "brace"),
        ("\"As I said, my number is {callback_no}.", "\"As I said.", "same facts"),
    ];
    for (from, to, why) in cases {
        assert!(EN.contains(from), "{from}");
        let (file, _, told) = refused(LOGIC, &EN.replacen(from, to, 1), IT);
        assert_eq!(file, "x.en.toml");
        assert!(told.contains(why), "{to}: {told}");
    }
    let long = format!("Goodbye.{}", " Really.".repeat(60));
    assert!(refused(LOGIC, &EN.replacen("Goodbye.", &long, 1), IT).2.contains("must have 1 to"));
    let huge = format!("{EN}\n# {}", "x".repeat(70_000));
    assert!(refused(LOGIC, &huge, IT).2.contains("larger than"));
}

#[test]
fn the_same_seed_draws_the_same_facts_and_another_draws_others() {
    use rand::SeedableRng;
    let scenario = find("invoice-mismatch", Language::It).unwrap();
    let draw = |seed| scenario.draw(Language::It, &mut StdRng::seed_from_u64(seed));
    assert_eq!(draw(4), draw(4));
    assert_ne!(draw(4), draw(5));
    let ids: Vec<String> = draw(4).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["invoice_no", "invoice_date", "amount_billed", "amount_expected", "callback_no"]);
    for seed in 0..500 {
        let facts: std::collections::BTreeMap<String, Value> = draw(seed).into_iter().collect();
        let (Value::Amount { cents: billed }, Value::Amount { cents: expected }) =
            (&facts["amount_billed"], &facts["amount_expected"])
        else {
            panic!("amounts are amounts")
        };
        assert!(billed > expected && *expected >= 31_000);
        let Value::Digits(number) = &facts["invoice_no"] else { panic!("a number") };
        assert!(number.len() == 5 && !number.starts_with('0'));
        assert!(number.as_bytes().windows(2).all(|pair| pair[0] != pair[1]), "{number}");
    }
}

#[test]
fn customers_are_found_by_what_is_dialled() {
    let who = |called: &str| dialled(called).map(|(scenario, language)| (scenario.logic.id.as_str(), language));
    assert_eq!(who("101"), Some(("invoice-mismatch", None)));
    assert_eq!(who("+390115550147"), Some(("invoice-mismatch", Some(Language::It))));
    assert_eq!(who("0113 496 0147"), Some(("invoice-mismatch", Some(Language::En))));
    assert_eq!(who("102"), None);
    assert_eq!(who("0"), None);
    assert_eq!(who(""), None);
}
