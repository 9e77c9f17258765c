//! Invented customers, as many as wanted: Italian, English, Russian, Ukrainian and Greek names. Numbers are in ranges nobody has where
//! there are such; all are valid for the number plan, for otherwise they would be found by another path.

use cuffia_customers::{Customer, new_id};
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

const FIRST: [&str; 24] = [
    "Giulia",
    "Marco",
    "Niccolò",
    "Chiara",
    "Alessandro",
    "Francesca",
    "Luca",
    "Sofia",
    "Matteo",
    "Anna",
    "Margaret",
    "James",
    "Oliver",
    "Emily",
    "Анна",
    "Сергей",
    "Алёна",
    "Дмитрий",
    "Олена",
    "Тарас",
    "Ελένη",
    "Γιώργος",
    "Łukasz",
    "Zoë",
];
const LAST: [&str; 28] = [
    "Rossi",
    "Ferraro",
    "Bianchi",
    "Esposito",
    "D'Amico",
    "Marchetti",
    "Conti",
    "Galli",
    "Hale",
    "Thornton",
    "Okafor",
    "Smith",
    "Кузнецов",
    "Щукина",
    "Петров",
    "Иванова",
    "Шевченко",
    "Ткаченко",
    "Παπαδόπουλος",
    "Νικολάου",
    "Søndergård",
    "Müller",
    "Weiß",
    "García",
    "Nowak",
    "Kowalczyk",
    "Dubois",
    "Lefèvre",
];
const FIRM: [&str; 12] = [
    "Officine",
    "Studio",
    "Panificio",
    "Trasporti",
    "Joinery",
    "Holdings",
    "Consulting",
    "Automazione",
    "Мебель",
    "Логистика",
    "Impianti",
    "Vini",
];
const TOWN: [&str; 10] = ["Torino", "Milano", "Asti", "Napoli", "Leeds", "Bristol", "Москва", "Київ", "Αθήνα", "Łódź"];

/// One customer. A third have a second number, one in ten an own word in the company's name.
pub fn one(chance: &mut SmallRng) -> Customer {
    let mut pick = |of: &[&'static str]| of.choose(chance).copied().unwrap_or_default();
    let (first, last, firm, town) = (pick(&FIRST), pick(&LAST), pick(&FIRM), pick(&TOWN));
    let n: u32 = chance.random();
    let mut numbers = vec![format!("+39 011 {:03} {:04}", chance.random_range(100..999), chance.random_range(0..9999))];
    if n.is_multiple_of(3) {
        numbers.push(format!("+39 33{} {:03} {:04}", n % 10, n % 1000, chance.random_range(0..9999)));
    }
    Customer {
        id: new_id(),
        name: format!("{first} {last}"),
        company: format!("{firm} {last} {}", n % 5_000),
        product: "Contabile 4".into(),
        town: town.into(),
        note: String::new(),
        emails: vec![format!("c{}@example.com", n % 1_000_000)],
        numbers,
        sample: false,
    }
}
