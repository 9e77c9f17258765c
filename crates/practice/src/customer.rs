//! A live customer: a thread with a steady clock of 10 ms between the conversation and the media path.

use crate::conversation::{Conversation, Happened, Prepared, Summary};
use cuffia_media::{FRAME, VoicePath};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(10);
/// Further behind than this the machine slept; that time is not made up.
const FAR_BEHIND: Duration = Duration::from_secs(2);

/// What the call tells the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The operator put the call on hold, or took it back.
    Hold(bool),
    /// The call is over.
    End,
}

/// What the customer tells the call.
#[derive(Debug)]
pub(crate) enum News {
    Happened(Happened),
    Finished(Summary),
}

/// Begins to talk. The thread ends after [`Order::End`], or without a word when the handle is dropped.
pub(crate) fn talk(
    prepared: Arc<Prepared>,
    dialled: bool,
    path: VoicePath,
    news: impl Fn(News) + Send + 'static,
) -> std::io::Result<Sender<Order>> {
    let (orders, ordered) = channel();
    let thread = std::thread::Builder::new().name("practice customer".into());
    thread.spawn(move || run(Conversation::begin(prepared, dialled), path, &ordered, news))?;
    Ok(orders)
}

fn run(mut conversation: Conversation, mut path: VoicePath, ordered: &Receiver<Order>, news: impl Fn(News)) {
    let (mut heard, mut said) = ([0.0; FRAME], [0.0; FRAME]);
    let mut due = Instant::now();
    loop {
        loop {
            match ordered.try_recv() {
                Ok(Order::Hold(held)) => conversation.hold(held),
                Ok(Order::End) => return news(News::Finished(conversation.end())),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        path.render(&mut heard);
        for happened in conversation.tick(&heard, &mut said) {
            news(News::Happened(happened));
        }
        path.capture(&said);
        // Each tick is due 10 ms after the one before, however late that one came: the clock does not drift.
        due += TICK;
        let now = Instant::now();
        match due.checked_duration_since(now) {
            Some(wait) => std::thread::sleep(wait),
            None if now.duration_since(due) > FAR_BEHIND => due = now,
            None => {}
        }
    }
}
