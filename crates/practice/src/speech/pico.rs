//! SVOX Pico, compiled in with its voices.
//!
//! The engine is C and reads what a pack says, so it works on a thread of its own, within limits, and gives back nothing but
//! samples.

use crate::PracticeError;
use crate::pack::VoiceName;
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use ttspico::{Engine, EngineStatus, Resource, System, Voice};

/// The engine's own memory; three voices would fit.
const MEMORY: usize = 4 * 1024 * 1024;
/// Longer texts are refused.
const LONGEST_TEXT: usize = 1_000;
/// A text must not become longer than this at 16 kHz.
const LONGEST_SOUND: usize = 30 * 16_000;
/// Percent of the voice's own, at which loud vowels are cut off at full scale, low voices most.
const VOLUME: u16 = 40;
/// Steps without a sample or a letter taken, after which the engine counts as stuck.
const MOST_IDLE_STEPS: usize = 10_000;

/// A text and how it is to be spoken.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub text: String,
    /// Percent of the voice's own.
    pub pitch: u16,
    /// Percent of the voice's own.
    pub speed: u16,
}

/// The analysis and the signal part of a voice.
fn files(voice: VoiceName) -> [&'static [u8]; 2] {
    match voice {
        VoiceName::EnGb => [
            include_bytes!("../../../../assets/voices/pico/en-GB_ta.bin"),
            include_bytes!("../../../../assets/voices/pico/en-GB_kh0_sg.bin"),
        ],
        VoiceName::EnUs => [
            include_bytes!("../../../../assets/voices/pico/en-US_ta.bin"),
            include_bytes!("../../../../assets/voices/pico/en-US_lh0_sg.bin"),
        ],
        VoiceName::ItIt => [
            include_bytes!("../../../../assets/voices/pico/it-IT_ta.bin"),
            include_bytes!("../../../../assets/voices/pico/it-IT_cm0_sg.bin"),
        ],
    }
}

/// Speaks the texts, each as 16 kHz full scale ±1.0. Blocks until all are done; `spoken` is told how many are.
pub(crate) fn speak_all(
    voice: VoiceName,
    texts: Vec<Spoken>,
    spoken: impl Fn(usize) + Send,
) -> Result<Vec<Vec<f32>>, PracticeError> {
    let work = move || {
        let mut pico = Pico::open(voice)?;
        let speak = |(done, text): (usize, &Spoken)| {
            let sound = pico.speak(text)?;
            spoken(done + 1);
            Ok(sound)
        };
        texts.iter().enumerate().map(speak).collect()
    };
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("practice voice".into()).spawn_scoped(scope, work);
        let worker = worker.map_err(PracticeError::voice)?;
        worker.join().unwrap_or_else(|_| Err(PracticeError::voice("the speech engine broke")))
    })
}

struct Pico {
    engine: Engine,
}

impl Pico {
    fn open(voice: VoiceName) -> Result<Self, PracticeError> {
        let system = System::new(MEMORY).map_err(PracticeError::voice)?;
        let definition = System::create_voice(Rc::clone(&system), "customer").map_err(PracticeError::voice)?;
        for file in files(voice) {
            let resource = load(&system, file)?;
            definition.borrow_mut().add_resource(resource).map_err(PracticeError::voice)?;
        }
        // Safety: both parts of the voice were loaded and added just above, which is what this asks for.
        let engine = unsafe { Voice::create_engine(definition) }.map_err(PracticeError::voice)?;
        Ok(Self { engine })
    }

    fn speak(&mut self, spoken: &Spoken) -> Result<Vec<f32>, PracticeError> {
        let text = &spoken.text;
        if text.trim().is_empty() || text.len() > LONGEST_TEXT || text.contains(['<', '>', '&', '\0']) {
            return Err(PracticeError::voice("a text cannot be spoken"));
        }
        let (pitch, speed) = (spoken.pitch, spoken.speed);
        let marked = format!(
            "<volume level=\"{VOLUME}\"><pitch level=\"{pitch}\"><speed level=\"{speed}\">{text}</speed></pitch></volume>\0"
        );
        let mut rest = marked.as_bytes();
        let mut samples = Vec::new();
        let mut buffer = [0i16; 1_024];
        let mut idle_steps = 0;
        loop {
            let taken = if rest.is_empty() { 0 } else { self.engine.put_text(rest).map_err(PracticeError::voice)? };
            rest = rest.get(taken..).unwrap_or_default();
            let (made, status) = self.engine.get_data(&mut buffer[..]).map_err(PracticeError::voice)?;
            samples.extend(buffer.iter().take(made).map(|sample| f32::from(*sample) / 32_768.0));
            if rest.is_empty() && status == EngineStatus::Idle {
                return Ok(samples);
            }
            idle_steps = if taken + made > 0 { 0 } else { idle_steps + 1 };
            if samples.len() > LONGEST_SOUND || idle_steps > MOST_IDLE_STEPS {
                return Err(PracticeError::voice("the speech engine does not come to an end"));
            }
        }
    }
}

/// The engine reads files only, so a voice passes through one; it is read whole and the file is gone again at once.
fn load(system: &Rc<RefCell<System>>, bytes: &[u8]) -> Result<Rc<RefCell<Resource>>, PracticeError> {
    let mut file =
        tempfile::Builder::new().prefix("cuffia-voice").suffix(".bin").tempfile().map_err(PracticeError::voice)?;
    file.write_all(bytes).map_err(PracticeError::voice)?;
    // Closed before it is read: elsewhere than on Unix an open file is not shared.
    let path = file.into_temp_path();
    let name = path.to_str().ok_or_else(|| PracticeError::voice("the folder for temporary files has an odd name"))?;
    System::load_resource(Rc::clone(system), name).map_err(PracticeError::voice)
}
