//! The customer's mouth: plays lines, stops them where it sounds right, and knows what was told.

use crate::speech::{Noise, Rendered, RenderedLine};
use cuffia_media::{FRAME, Frame};
use std::sync::Arc;

/// How long the voice takes to fade when it is stopped.
const FADE: usize = 48 * 60;
/// When no gap comes within this, the voice fades where it is.
const LONGEST_WAIT: usize = 48 * 250;

/// See the module.
pub(crate) struct Player {
    lines: Arc<Rendered>,
    noise: Noise,
    playing: Option<Playing>,
}

struct Playing {
    name: String,
    at: usize,
    /// The fade begins here.
    stop: Option<usize>,
}

/// A line is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Over {
    /// To its end.
    pub complete: bool,
    /// Facts it told.
    pub told: Vec<String>,
    /// None of its facts is missing.
    pub all_told: bool,
}

impl Player {
    pub fn new(lines: Arc<Rendered>, seed: u64) -> Self {
        Self { lines, noise: Noise::new(seed), playing: None }
    }

    /// Begins a line in place of the one that plays; its text. Nothing when there is no such line.
    pub fn say(&mut self, name: &str) -> Option<&str> {
        let line = self.lines.lines.get(name)?;
        self.playing = Some(Playing { name: name.to_owned(), at: 0, stop: None });
        Some(&line.text)
    }

    /// Stops at the next gap between words.
    pub fn stop(&mut self) {
        if let Some(playing) = &mut self.playing
            && let Some(line) = self.lines.lines.get(&playing.name)
        {
            let latest = playing.at + LONGEST_WAIT;
            let gap = line.gaps.iter().copied().find(|gap| *gap >= playing.at).unwrap_or(latest);
            playing.stop.get_or_insert(gap.min(latest));
        }
    }

    /// Stops at once.
    pub fn cut(&mut self) -> Option<Over> {
        let playing = self.playing.take()?;
        self.lines.lines.get(&playing.name).map(|line| over(line, playing.at))
    }

    /// Gives 10 ms, and what ended in them.
    pub fn play(&mut self, out: &mut Frame) -> Option<Over> {
        out.fill(0.0);
        let ended = self.fill(out);
        self.noise.add(out);
        ended
    }

    fn fill(&mut self, out: &mut Frame) -> Option<Over> {
        let playing = self.playing.as_mut()?;
        let line = self.lines.lines.get(&playing.name)?;
        let rest = line.samples.get(playing.at..).unwrap_or_default();
        for (n, (sample, voice)) in out.iter_mut().zip(rest).enumerate() {
            let faded = playing.stop.map_or(0, |stop| (playing.at + n).saturating_sub(stop));
            *sample = voice * (1.0 - faded as f32 / FADE as f32).max(0.0);
        }
        playing.at += FRAME;
        let stopped = playing.stop.filter(|stop| playing.at >= stop + FADE);
        let end = stopped.or((playing.at >= line.samples.len()).then_some(line.samples.len()))?;
        let result = over(line, end);
        self.playing = None;
        Some(result)
    }
}

fn over(line: &RenderedLine, at: usize) -> Over {
    let told: Vec<String> = line.facts.iter().filter(|(_, end)| *end <= at).map(|(id, _)| id.clone()).collect();
    Over { complete: at >= line.samples.len(), all_told: told.len() == line.facts.len(), told }
}
