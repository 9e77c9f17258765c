//! The practice room: a switchboard on this machine and the calls of its customers.

mod attempt;
mod calls;

use crate::pack;
use crate::speech::{Spoken, speak_all};
use crate::{Language, PracticeError, RoomEvent};
use calls::{Calls, Wish};
use cuffia_sip::{Account, Switchboard, Trust};
use rand::Rng;
use secrecy::SecretString;
use std::net::SocketAddr;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// The one phone of the room.
const USER: &str = "operator";
const DOMAIN: &str = "practice.invalid";

/// A handle to the room. It closes when [`Room::close`] is called or the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Room {
    wishes: UnboundedSender<Wish>,
    address: SocketAddr,
    password: SecretString,
}

impl Room {
    /// Opens the switchboard on a free port of this machine, for this machine only. Needs a Tokio runtime.
    pub async fn open() -> Result<(Room, UnboundedReceiver<RoomEvent>), PracticeError> {
        pack::library()?;
        // A voice that cannot be made is told now, not after the first ring that never comes.
        let trial = Spoken { text: "ok".to_owned(), pitch: 100, speed: 100 };
        tokio::task::spawn_blocking(move || speak_all(pack::VoiceName::EnGb, vec![trial], |_| {}))
            .await
            .map_err(PracticeError::voice)??;
        let password = SecretString::from(password());
        let users = vec![(USER.to_owned(), password.clone())];
        let (board, told) = Switchboard::bind(SocketAddr::from(([127, 0, 0, 1], 0)), DOMAIN, users)
            .await
            .map_err(|error| PracticeError::Switchboard { why: error.to_string() })?;
        let address = board.address();
        let (wishes, wished) = unbounded_channel();
        let (events, received) = unbounded_channel();
        tokio::spawn(Calls::new(board, events).run(told, wished));
        Ok((Room { wishes, address, password }, received))
    }

    /// The account a phone registers with.
    pub fn account(&self) -> Account {
        Account {
            server: format!("ws://{}/", self.address),
            user: USER.to_owned(),
            password: self.password.clone(),
            display_name: String::new(),
            domain: Some(DOMAIN.to_owned()),
            auth_user: None,
            trust: Trust::System,
        }
    }

    /// Lets a customer call. Returns at once: the voice is prepared, and the call waits for the phone to be registered. A call
    /// that runs is ended first. The same seed draws the same facts.
    pub fn call(&self, scenario: &str, language: Language, seed: Option<u64>) -> Result<(), PracticeError> {
        let scenario = pack::find(scenario, language)?;
        let seed = seed.unwrap_or_else(rand::random);
        self.wishes.send(Wish::Call { scenario, language, seed }).map_err(|_| PracticeError::Closed)
    }

    /// Hangs up and frees the port. The events end.
    pub async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.wishes.send(Wish::Close(done)).is_ok() {
            let _ = finished.await;
        }
    }
}

fn password() -> String {
    let mut rng = rand::rng();
    (0..24).map(|_| char::from(rng.sample(rand::distr::Alphanumeric))).collect()
}
