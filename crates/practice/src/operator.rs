//! A synthetic operator: speaks like a person at the phone, hears like the customer does, and knows only what he was told.

use crate::ears::{Ears, Edge};
use crate::pack::{self, VoiceName};
use crate::speech::{Noise, Spoken, finish, speak_all, spell_numbers};
use crate::{Language, PracticeError};
use cuffia_media::FRAME;
use std::sync::mpsc::{Receiver, channel};

/// Between the answer and the greeting.
const BREATH_MS: u64 = 600;
/// The customer must have been silent for so long.
const TURN_END_MS: u64 = 900;
/// If the customer says nothing for so long, the operator asks on.
const PATIENCE_MS: u64 = 5_000;
const TICK_MS: u64 = 10;

/// What the operator says, turn by turn. What he wrote down is read back in place of the fourth, when it is ready.
const EN: [&str; 6] = [
    "Customer service, good day. How can I help you?",
    "I'm sorry to hear that. Which invoice is it, please?",
    "Thank you. And what are the amounts?",
    "I see. And what number can we call you on?",
    "Yes, I have all of it. A colleague will check the invoice and call you back.",
    "Thank you for calling. Goodbye.",
];
const IT: [&str; 6] = [
    "Assistenza clienti, buongiorno. Come posso aiutarla?",
    "Mi dispiace. Di quale fattura si tratta?",
    "Grazie. E quali sono gli importi?",
    "Capisco. A che numero possiamo richiamarla?",
    "Sì, ho segnato tutto. Un collega controlla la fattura e la richiama.",
    "Grazie a lei, arrivederci.",
];
/// The turn in which he reads back.
const READ_BACK: usize = 4;

/// An operator for runs without a person: in tests, from the command line, without a display.
pub struct SpeakingOperator {
    language: Language,
    turns: Vec<Line>,
    next: usize,
    said: Vec<String>,
    ears: Ears,
    noise: Noise,
    now: u64,
    /// The line being spoken, and how far.
    speaking: Option<(Vec<f32>, usize)>,
    customer_speaks: bool,
    quiet_since: u64,
    /// The customer has spoken since the operator did.
    answered: bool,
    notes: Vec<String>,
    /// A turn that is being rendered.
    read_back: Option<Receiver<Line>>,
}

/// What is said, and how it sounds.
#[derive(Clone, Default)]
struct Line {
    text: String,
    sound: Vec<f32>,
}

impl SpeakingOperator {
    /// Gets the operator's voice ready; takes a moment.
    pub fn new(scenario: &str, language: Language) -> Result<Self, PracticeError> {
        pack::find(scenario, language)?;
        let texts = match language {
            Language::En => EN,
            Language::It => IT,
        };
        let texts = texts.into_iter().map(str::to_owned).collect();
        let turns = speak(language, texts)?;
        Ok(Self {
            language,
            turns,
            next: 0,
            said: Vec::new(),
            ears: Ears::new(),
            noise: Noise::new(1),
            now: 0,
            speaking: None,
            customer_speaks: false,
            quiet_since: 0,
            answered: false,
            notes: Vec::new(),
            read_back: None,
        })
    }

    /// 10 ms, from the moment of the answer on: what the customer said, and what the operator says.
    pub fn exchange(&mut self, heard: &[f32; FRAME], said: &mut [f32; FRAME]) {
        self.now += TICK_MS;
        match self.ears.hear(heard) {
            Some(Edge::Starts(_)) => (self.customer_speaks, self.answered) = (true, true),
            Some(Edge::Stops(at)) => (self.customer_speaks, self.quiet_since) = (false, self.quiet_since.max(at)),
            None => {}
        }
        if self.speaking.is_none() && self.is_my_turn() {
            self.begin();
        }
        said.fill(0.0);
        if let Some((line, at)) = &mut self.speaking {
            for (sample, voice) in said.iter_mut().zip(line.get(*at..).unwrap_or_default()) {
                *sample = *voice;
            }
            *at += FRAME;
            if *at >= line.len() {
                (self.speaking, self.answered, self.quiet_since) = (None, false, self.now);
            }
        }
        self.noise.add(said);
    }

    /// Takes a line of the customer's transcript, as it is told while the call runs.
    pub fn heard(&mut self, text: &str) {
        // A sentence without a digit tells no fact.
        if !text.bytes().any(|b| b.is_ascii_digit()) || self.notes.iter().any(|known| known == text) {
            return;
        }
        self.notes.push(text.to_owned());
        let (language, written) = (self.language, text.to_owned());
        let (done, read_back) = channel();
        // Rendered aside: the sound thread must not wait for a voice.
        let spoken = std::thread::Builder::new().name("operator reads back".into()).spawn(move || {
            let lead = match language {
                Language::En => "I have noted: ",
                Language::It => "Ho segnato: ",
            };
            let digits: Vec<&str> = written
                .split(|c: char| !(c.is_ascii_digit() || c == ' '))
                .map(str::trim)
                .filter(|run| run.len() > 4)
                .collect();
            let text = format!("{lead}{}.", digits.join(", "));
            if let Ok(lines) = speak(language, vec![spell_numbers(&text, language)]) {
                let _ = lines.into_iter().next().map(|line| done.send(Line { text, ..line }));
            }
        });
        if spoken.is_ok() {
            self.read_back = Some(read_back);
        }
    }

    /// What he would write down: the sentences with a fact in them, as he heard them.
    pub fn note(&self) -> String {
        self.notes.join(" ")
    }

    /// What he has said, turn by turn; the last one may not be over.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    fn is_my_turn(&self) -> bool {
        let quiet = self.now.saturating_sub(self.quiet_since);
        match self.next {
            0 if !self.answered => self.now >= BREATH_MS,
            _ if self.customer_speaks => false,
            _ if self.answered => quiet >= TURN_END_MS,
            // The last words are said again only to a customer who has not left yet.
            next => next < self.turns.len() && quiet >= PATIENCE_MS,
        }
    }

    fn begin(&mut self) {
        let mut line = self.turns.get(self.next).or(self.turns.last()).cloned().unwrap_or_default();
        if self.next == READ_BACK
            && let Some(mut read) = self.read_back.take().and_then(|ready| ready.try_recv().ok())
        {
            read.sound.extend([0.0; 10 * FRAME]);
            read.sound.append(&mut line.sound);
            read.text = format!("{} {}", read.text, line.text);
            line = read;
        }
        self.next += 1;
        self.said.push(line.text);
        self.speaking = Some((line.sound, 0));
    }
}

fn speak(language: Language, texts: Vec<String>) -> Result<Vec<Line>, PracticeError> {
    // A man's voice, so that the two can be told apart.
    let (voice, pitch, speed) = match language {
        Language::En => (VoiceName::EnUs, 62, 112),
        Language::It => (VoiceName::ItIt, 62, 112),
    };
    let spoken = texts.iter().map(|text| Spoken { text: text.clone(), pitch, speed }).collect();
    let sounds = speak_all(voice, spoken, |_| {})?;
    texts.into_iter().zip(sounds).map(|(text, sound)| Ok(Line { text, sound: finish(&sound)? })).collect()
}
