//! What can be measured honestly about a call: when each side spoke, and nothing about how.

/// Both silent for longer than this is a silence.
const SILENCE_MS: u64 = 4_000;
/// Talking over a line for less than this is a nod.
const INTERRUPTION_MS: u64 = 700;

/// A stretch of time in milliseconds since the call was taken.
pub(crate) type Span = std::ops::Range<u64>;

/// Who spoke when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    pub customer: Vec<Span>,
    pub operator: Vec<Span>,
    pub held: Vec<Span>,
    pub end: u64,
}

/// The figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measures {
    pub time_to_greeting_ms: Option<u64>,
    pub silences: u32,
    pub longest_silence_ms: u64,
    pub interruptions: u32,
    /// Percent.
    pub talk_share: f32,
}

impl Timeline {
    pub fn measure(&self) -> Measures {
        let (silences, longest_silence_ms) = self.silences();
        let interruptions = self.operator.iter().filter(|turn| self.interrupts(turn)).count() as u32;
        let (operator, customer) = (total(&self.operator), total(&self.customer));
        Measures {
            time_to_greeting_ms: self.operator.iter().map(|turn| turn.start).min(),
            silences,
            longest_silence_ms,
            interruptions,
            talk_share: if operator + customer == 0 {
                0.0
            } else {
                100.0 * operator as f32 / (operator + customer) as f32
            },
        }
    }

    /// Begins inside a line and goes on over it.
    fn interrupts(&self, turn: &Span) -> bool {
        self.customer.iter().any(|line| {
            let over = turn.end.min(line.end).saturating_sub(turn.start);
            turn.start > line.start && turn.start < line.end && over >= INTERRUPTION_MS
        })
    }

    fn silences(&self) -> (u32, u64) {
        let mut busy: Vec<&Span> = self.customer.iter().chain(&self.operator).chain(&self.held).collect();
        busy.sort_by_key(|span| span.start);
        let last = self.end..self.end;
        let (mut count, mut longest, mut quiet_since) = (0, 0, 0);
        for span in busy.into_iter().chain([&last]) {
            let gap = span.start.min(self.end).saturating_sub(quiet_since);
            longest = longest.max(gap);
            count += u32::from(gap > SILENCE_MS);
            quiet_since = quiet_since.max(span.end);
        }
        (count, longest)
    }
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.end.saturating_sub(span.start)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::once;

    #[test]
    fn a_known_conversation_has_known_figures() {
        let call = Timeline {
            customer: vec![2_500..6_000, 9_000..14_000, 26_000..30_000],
            // A greeting; a "mm" under the second line; a turn into the end of it; one over the third.
            operator: vec![400..2_000, 10_000..10_500, 13_600..16_000, 27_000..29_000],
            held: once(16_500..21_000).collect(),
            end: 35_000,
        };
        let measures = call.measure();
        assert_eq!(measures.time_to_greeting_ms, Some(400));
        assert_eq!(measures.interruptions, 1, "neither a nod nor a quick reply is an interruption");
        // 6.0 to 9.0 and 16.0 to 16.5 are short, hold does not count; 21.0 to 26.0 and 30.0 to 35.0 are silences.
        assert_eq!((measures.silences, measures.longest_silence_ms), (2, 5_000));
        let (operator, all) = (1_600.0 + 500.0 + 2_400.0 + 2_000.0, 6_500.0 + 3_500.0 + 5_000.0 + 4_000.0);
        assert!((measures.talk_share - 100.0 * operator / all).abs() < 0.01);
    }

    #[test]
    fn an_operator_who_never_speaks_has_no_greeting_and_no_share() {
        let call = Timeline { customer: once(5_000..6_000).collect(), end: 10_000, ..Timeline::default() };
        let measures = call.measure();
        assert_eq!((measures.time_to_greeting_ms, measures.talk_share, measures.silences), (None, 0.0, 1));
        assert_eq!(Timeline::default().measure(), Measures::default());
    }
}
