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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Two seconds of a tone with a gap at one second; one fact before it, one at the end.
    fn player() -> Player {
        let samples =
            (0..96_000).map(|n| if (47_000..49_000).contains(&n) { 0.0 } else { (n as f32 * 0.05).sin() * 0.3 });
        let line = RenderedLine {
            text: "one, two".to_owned(),
            samples: samples.collect(),
            gaps: vec![48_000],
            facts: vec![("first".to_owned(), 40_000), ("second".to_owned(), 96_000)],
        };
        Player::new(Arc::new(Rendered { lines: BTreeMap::from([("line".to_owned(), line)]) }), 1)
    }

    /// Plays until the line is over; ticks, what it came to, and the sound.
    fn play(player: &mut Player, mut each: impl FnMut(&mut Player, usize)) -> (usize, Over, Vec<f32>) {
        let mut sound = Vec::new();
        for tick in 0..1_000 {
            each(player, tick);
            let mut frame = [0.0; FRAME];
            let over = player.play(&mut frame);
            sound.extend(frame);
            if let Some(over) = over {
                return (tick, over, sound);
            }
        }
        panic!("the line never ends");
    }

    #[test]
    fn a_line_played_whole_tells_all_its_facts() {
        let mut player = player();
        assert_eq!(player.say("line"), Some("one, two"));
        let (ticks, over, _) = play(&mut player, |_, _| {});
        assert_eq!((ticks, over.complete, over.all_told, over.told.len()), (199, true, true, 2));
        assert_eq!(player.say("no such line"), None);
    }

    #[test]
    fn a_line_is_stopped_in_the_gap_and_tells_what_came_before_it() {
        let mut player = player();
        player.say("line");
        let (ticks, over, sound) = play(&mut player, |player, tick| {
            if tick == 85 {
                player.stop()
            }
        });
        assert_eq!(over, Over { complete: false, told: vec!["first".to_owned()], all_told: false });
        assert!((100..=106).contains(&ticks), "{ticks}");
        assert!(sound[50_500..].iter().all(|sample| sample.abs() < 0.3));
    }

    #[test]
    fn without_a_gap_at_hand_the_voice_fades_and_does_not_click() {
        let mut player = player();
        player.say("line");
        let (ticks, over, sound) = play(&mut player, |player, tick| {
            if tick == 20 {
                player.stop()
            }
        });
        assert!(over.told.is_empty() && (45..=52).contains(&ticks), "{ticks}");
        let steepest = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.03, "{steepest}");
        assert!(sound[sound.len() - 48..].iter().all(|sample| sample.abs() < 0.02));
    }
}
