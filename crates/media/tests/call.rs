//! Two sessions talk to each other over the loopback interface.
#![allow(clippy::unwrap_used)]

mod common;

use common::{End, call, loopback, negotiate};
use cuffia_media::{Codec, Direction, MediaEvent};

async fn both_hear_each_other(codec: Codec) {
    let (mut a, mut b) = call(&[codec]).await;
    a.hears(1_000.0).await;
    b.hears(440.0).await;
    a.event("first sound", |event| matches!(event, MediaEvent::FirstSound)).await;
    b.event("first sound", |event| matches!(event, MediaEvent::FirstSound)).await;
    let told = a
        .event(
            "statistics",
            |event| matches!(event, MediaEvent::Statistics(s) if s.round_trip_ms.is_some() && s.packets_received > 50),
        )
        .await;
    let MediaEvent::Statistics(statistics) = told else { unreachable!() };
    assert_eq!(statistics.codec, Some(codec));
    assert!(statistics.path.as_ref().is_some_and(|path| path.starts_with("host")));
    assert!(statistics.srtp.is_some());
    assert!(statistics.mos > 3.0);
    // 0.3 of full scale is -13.5 dBFS.
    assert!((statistics.level_in_dbfs + 13.5).abs() < 2.0 && (statistics.level_out_dbfs + 13.5).abs() < 1.0);
    assert_eq!(a.session().statistics().codec, Some(codec));
    a.session().close().await;
    b.session().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opus_both_ways() {
    both_hear_each_other(Codec::Opus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pcmu_both_ways() {
    both_hear_each_other(Codec::Pcmu).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pcma_both_ways() {
    both_hear_each_other(Codec::Pcma).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g722_both_ways() {
    both_hear_each_other(Codec::G722).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_both_ways() {
    let (mut a, mut b) = call(&[Codec::Opus]).await;
    a.dial.send_digits("15*#a").unwrap();
    b.dial.send_digits("990").unwrap();
    for (end, digits) in [(&mut b, "15*#A"), (&mut a, "990")] {
        for digit in digits.chars() {
            let told = end.event("digit", |event| matches!(event, MediaEvent::Digit(_))).await;
            assert!(matches!(told, MediaEvent::Digit(heard) if heard == digit), "{told:?} for {digit}");
        }
    }
    // The voice is back afterwards.
    b.hears(440.0).await;
    assert_eq!(a.dial.send_digits("1x").unwrap_err().code(), "media.not_a_digit");
    a.session().close().await;
    assert_eq!(a.dial.send_digits("1").unwrap_err().code(), "media.closed");
}

/// Hold by one end, both ways of holding, twice in a row.
async fn hold_and_resume(holder_is_offerer: bool, hold: Direction) {
    let (a, b) = call(&[Codec::Opus]).await;
    let (holder, held) = if holder_is_offerer { (&a, &b) } else { (&b, &a) };
    let (holders_tone, helds_tone) = if holder_is_offerer { (440.0, 1_000.0) } else { (1_000.0, 440.0) };
    holder.hears(helds_tone).await;
    for _ in 0..2 {
        let (ours, theirs) = negotiate(holder, hold, held, Direction::SendRecv).await;
        assert_eq!((ours, theirs), (hold, hold.mirrored()));
        holder.hears_nothing().await;
        match hold {
            Direction::SendOnly => held.hears(holders_tone).await,
            _ => held.hears_nothing().await,
        }
        let (ours, theirs) = negotiate(holder, Direction::SendRecv, held, Direction::SendRecv).await;
        assert_eq!((ours, theirs), (Direction::SendRecv, Direction::SendRecv));
        holder.hears(helds_tone).await;
        held.hears(holders_tone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_holds_with_music() {
    hold_and_resume(true, Direction::SendOnly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_holds_in_silence() {
    hold_and_resume(true, Direction::Inactive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_called_end_holds_with_music() {
    hold_and_resume(false, Direction::SendOnly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_called_end_holds_in_silence() {
    hold_and_resume(false, Direction::Inactive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_hold_changes_nothing() {
    let (a, b) = call(&[Codec::Opus]).await;
    b.hears(440.0).await;
    a.session().offer(Direction::Inactive).await.unwrap();
    a.session().rollback().await.unwrap();
    a.session().rollback().await.unwrap();
    a.hears(1_000.0).await;
    b.hears(440.0).await;
    // And the next exchange works, from either end.
    assert_eq!(negotiate(&b, Direction::SendOnly, &a, Direction::SendRecv).await.0, Direction::SendOnly);
    assert_eq!(negotiate(&a, Direction::SendRecv, &b, Direction::SendRecv).await.0, Direction::SendRecv);
    a.hears(1_000.0).await;
    b.hears(440.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_cross_are_settled_by_answering() {
    let (a, b) = call(&[Codec::Opus]).await;
    a.session().offer(Direction::SendOnly).await.unwrap();
    // The other end's offer came first after all.
    negotiate(&b, Direction::SendRecv, &a, Direction::SendRecv).await;
    a.hears(1_000.0).await;
    b.hears(440.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_repeated_but_not_invented() {
    let a = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let b = End::humming(loopback(&[Codec::Opus]), 1_000.0).await;
    assert_eq!(a.session().accept_answer("v=0\r\n").await.unwrap_err().code(), "media.out_of_step");
    let offer = a.session().offer(Direction::SendRecv).await.unwrap();
    let (answer, _) = b.session().answer(&offer, Direction::SendRecv).await.unwrap();
    for _ in 0..2 {
        assert_eq!(a.session().accept_answer(&answer).await.unwrap(), Direction::SendRecv);
    }
    a.hears(1_000.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_chooses_the_codec_both_have() {
    let a = End::humming(loopback(&[Codec::Pcmu, Codec::Opus]), 440.0).await;
    let b = End::humming(loopback(&[Codec::Pcma, Codec::Pcmu]), 1_000.0).await;
    negotiate(&a, Direction::SendRecv, &b, Direction::SendRecv).await;
    a.hears(1_000.0).await;
    b.hears(440.0).await;
    let c = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let d = End::humming(loopback(&[Codec::Pcma]), 440.0).await;
    let offer = c.session().offer(Direction::SendRecv).await.unwrap();
    assert_eq!(d.session().answer(&offer, Direction::SendRecv).await.unwrap_err().code(), "media.no_common_codec");
}
