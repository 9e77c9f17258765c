//! A far end that sends nothing while nobody speaks.

use super::tests::Line;
use super::*;

#[test]
fn while_the_far_end_pauses_its_background_goes_on_and_nothing_is_held_against_the_line() {
    let mut line = Line::pausing(0.003);
    for _ in 0..5 {
        line.quiet = !line.quiet;
        line.goes_on(200, |n| Some((n % 3) as f64));
    }
    line.quiet = false;
    line.goes_on(100, |n| Some((n % 3) as f64));
    let unsent = line.pauses.unwrap_or(0);
    assert!(unsent > 100, "it pauses: {unsent}");
    assert!(line.concealed_from(100) < 0.01, "{}", line.concealed_from(100));
    let [_, lost, bridged, ..] = line.decided_ms();
    assert!(lost + bridged < 100 && line.delay() < 45, "{:?}, {} ms", line.decided_ms(), line.delay());
    let levels: Vec<f32> = line.sound[48_000..].chunks_exact(FRAME).map(crate::levels::dbfs).collect();
    let least = levels.iter().copied().fold(0.0, f32::min);
    assert!(least > -75.0, "a hole of {least:.0} dBFS");
}

#[test]
fn after_a_pause_of_which_a_part_is_lost_the_first_word_is_whole() {
    let mut line = Line::pausing(0.003);
    // Each tenth packet is lost, those that tell of the background too; jitter wants 40 ms and more.
    for _ in 0..5 {
        line.quiet = !line.quiet;
        line.goes_on(200, |n| (n % 10 != 4).then_some(((n * 7) % 5 * 10) as f64));
    }
    let [played, _, bridged, ..] = line.decided_ms();
    assert!(bridged * 20 < played, "{:?}", line.decided_ms());
    assert!(line.concealed_from(100) < 0.15, "{}", line.concealed_from(100));
}
