//! A call that rings, outside the window: the task bar asks for attention, and a notification offers to answer or to decline.
//!
//! Both send the table's own commands. Whatever shows notifications works in a task of its own and is only sent orders, so a
//! notification service that is slow, absent or broken holds up nothing.

use cuffia_api::{CallRef, CallState, CallView, Change, Engine, Language, Message, dispatch};
use std::collections::HashSet;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The call.
    pub call: String,
    /// Who calls.
    pub title: String,
    /// What kind of call, and what else is known.
    pub body: String,
    /// Label of the button that answers.
    pub answer: &'static str,
    /// Label of the button that declines.
    pub decline: &'static str,
}

/// To whatever shows notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Shows one.
    Show(Notice),
    /// The call does not ring any more.
    Close(String),
}

/// What the operator did with a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Answer.
    Answer,
    /// Decline.
    Decline,
    /// The notification itself: show the window.
    Show,
}

/// A choice and the call it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The call.
    pub call: String,
    /// The choice.
    pub choice: Choice,
}

/// What is wanted of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Asks for attention without taking the keyboard.
    Attention,
    /// Comes to the front: the operator asked for it.
    Front,
}

/// Follows the engine until it stops.
pub async fn attend(
    engine: Engine,
    orders: UnboundedSender<Order>,
    mut choices: UnboundedReceiver<Chosen>,
    window: impl Fn(Window),
) {
    let mut messages = engine.messages();
    let mut rung = HashSet::new();
    look(&engine.whole().calls, &engine, &mut rung, &orders, &window);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(Message::Event(event)) => {
                    if let Change::Calls(calls) = event.change {
                        look(&calls, &engine, &mut rung, &orders, &window);
                    }
                }
                Ok(Message::Levels(_)) => {}
                Err(RecvError::Lagged(_)) => look(&engine.whole().calls, &engine, &mut rung, &orders, &window),
                Err(RecvError::Closed) => return,
            },
            Some(Chosen { call, choice }) = choices.recv() => {
                let command = match choice {
                    Choice::Answer => Some("answer"),
                    Choice::Decline => Some("reject"),
                    Choice::Show => None,
                };
                if choice != Choice::Decline {
                    window(Window::Front);
                }
                if let Some(command) = command {
                    act(&engine, command, call);
                }
            }
        }
    }
}

/// Compares the calls with those whose ringing is known.
fn look(
    calls: &[CallView],
    engine: &Engine,
    rung: &mut HashSet<String>,
    orders: &UnboundedSender<Order>,
    window: &impl Fn(Window),
) {
    let rings = |id: &str| calls.iter().any(|c| c.id == id && c.state == CallState::RingingHere);
    rung.retain(|id| {
        let goes_on = rings(id);
        if !goes_on {
            let _ = orders.send(Order::Close(id.clone()));
        }
        goes_on
    });
    for call in calls.iter().filter(|c| c.state == CallState::RingingHere) {
        if rung.insert(call.id.clone()) {
            window(Window::Attention);
            let _ = orders.send(Order::Show(notice(call, engine.whole().app.language)));
        }
    }
}

/// The one way to answer and to decline, in a task: a command may wait for the network.
fn act(engine: &Engine, command: &'static str, call: String) {
    let engine = engine.clone();
    tokio::spawn(async move {
        let Ok(arguments) = serde_json::to_value(CallRef { call }) else { return };
        if let Err(e) = dispatch(&engine, command, arguments).await {
            // It ended in the same moment: the window shows how.
            tracing::info!("{command} from a notification: {e}");
        }
    });
}

fn notice(call: &CallView, language: Language) -> Notice {
    let italian = language == Language::It;
    let word = |en: &'static str, it: &'static str| if italian { it } else { en };
    let kind = if call.practice {
        word("Practice call", "Chiamata di esercitazione")
    } else {
        word("Incoming call", "Chiamata in arrivo")
    };
    let company = match call.customers.as_slice() {
        [one] => one.company.as_str(),
        _ => "",
    };
    let number = if call.name.is_some() { call.number.as_str() } else { "" };
    let unknown = word("Unknown number", "Numero sconosciuto");
    let known = [call.name.as_deref().unwrap_or_default(), &call.number, unknown];
    Notice {
        call: call.id.clone(),
        title: known.into_iter().find(|n| !n.is_empty()).unwrap_or_default().to_owned(),
        body: [kind, company, number].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        answer: word("Answer", "Rispondi"),
        decline: word("Decline", "Rifiuta"),
    }
}
