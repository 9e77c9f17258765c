//! A far end that sends nothing while nobody speaks.

use super::line::Line;
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
    assert!(line.delays[100..].iter().all(|delay| *delay < 100), "what goes on in a pause has not waited");
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

#[test]
fn while_nobody_speaks_the_room_is_heard_that_the_far_end_tells_of() {
    for codec in [Codec::Pcma, Codec::G722] {
        let mut line = Line::new(codec);
        line.goes_on(100, |_| Some(0.0));
        for level in [50, 60] {
            // Four seconds, with a colour, and no word of it meanwhile.
            line.rests(200, &[level, 190, 100, 140]);
            assert!(line.delay() < 45, "{} ms", line.delay());
            let told = -f32::from(level);
            let heard = line.sound[line.sound.len() - 3 * 48_000..].chunks_exact(4_800).map(crate::levels::dbfs);
            assert!(heard.into_iter().all(|heard| (heard - told).abs() < 4.0), "{codec:?}, {level}");
        }
        let before = line.decided_ms();
        line.goes_on(50, |_| Some(0.0));
        assert_eq!(line.concealed_from(0), 0.0, "{codec:?}");
        line.listen(2);
        let after = line.decided_ms();
        assert_eq!(after[0] - before[0], 1_000, "{codec:?}: the first word is whole");
        assert_eq!((after[1], after[2]), (0, 0));
        assert!(line.delay() < 45, "{} ms", line.delay());
    }
}

#[test]
fn beside_opus_or_from_a_stranger_comfort_noise_harms_nothing() {
    let mut line = Line::new(Codec::Opus);
    for tells in [&[][..], &[0], &[255; 1_400]] {
        line.goes_on(50, |_| Some(0.0));
        line.rests(1, tells);
    }
    line.goes_on(50, |_| Some(0.0));
    assert_eq!(line.playout.decisions().streams, 1);
    let mut line = Line::new(Codec::Pcmu);
    line.rests(50, &[]);
    for tells in [&[0][..], &[255; 1_400]] {
        line.rests(50, tells);
        assert!(line.sound.iter().all(|sample| sample.abs() < 0.3));
    }
}

#[test]
fn comfort_noise_with_the_time_of_the_last_word_is_heard_too() {
    let mut line = Line::new(Codec::Pcma);
    line.goes_on(100, |_| Some(0.0));
    line.put_as(Payload::Comfort, 1, 100, 99 * 960, &[50], 2_000_000);
    // Said again after so long that for a voice it would be another stream.
    line.listen(300);
    line.put_as(Payload::Comfort, 1, 101, 99 * 960, &[50], 5_000_000);
    line.listen(100);
    let heard = crate::levels::dbfs(&line.sound[line.sound.len() - 48_000..]);
    assert!((heard + 50.0).abs() < 4.0, "{heard}");
    (line.sent, line.pauses) = (300, Some(300 - 102));
    line.goes_on(50, |_| Some(0.0));
    line.listen(2);
    assert_eq!((line.decided_ms()[0], line.playout.decisions().streams), (3_000, 1));
    assert!(line.delay() < 45, "{} ms", line.delay());
}

#[test]
fn a_room_that_was_told_of_once_is_not_heard_for_ever() {
    let mut line = Line::new(Codec::Pcma);
    line.goes_on(50, |_| Some(0.0));
    line.rests(1_600, &[50]);
    assert_eq!(line.heard[line.heard.len() - 1], Heard::Silence);
    assert_eq!(line.heard[2_900], Heard::Speech);
}
