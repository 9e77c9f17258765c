//! The line: which switchboard, and how it stands.

use crate::desk::DeskEvent;
use crate::{Desk, DeskError, OperatorState};
use cuffia_phone::{Account, Bind, Line, LineError, LineUse, MediaConfig, Registration, Trust};
use serde::{Deserialize, Serialize};

/// Which switchboard a line leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineKind {
    /// None.
    #[default]
    None,
    /// The practice switchboard inside the program.
    Practice,
    /// The employer's.
    Real,
}

/// How a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LineState {
    /// Not wanted.
    #[default]
    Off,
    /// On its way.
    Connecting,
    /// Registered.
    Registered,
    /// Not working; when the next attempt is made (UTC ms), if one is.
    Failed(LineError, Option<i64>),
}

/// The line as it stands.
#[derive(Debug, Clone, Default)]
pub struct LineStatus {
    /// Which.
    pub kind: LineKind,
    /// How.
    pub state: LineState,
    /// The address as given.
    pub server: String,
    /// The extension.
    pub user: String,
    /// Since when, UTC ms.
    pub since: i64,
}

/// An account at an employer's switchboard, as kept in the encrypted store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealAccount {
    /// Address.
    pub server: String,
    /// Extension; with `@domain` where the SIP domain is not the server's host name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Name shown to others.
    pub display_name: String,
}

const ACCOUNT: &str = "line.account";
/// Whether the operator wants to be connected with the saved account. Never set: yes.
const WANTED: &str = "line.wanted";

impl RealAccount {
    pub(crate) fn account(&self, trust: Trust) -> Account {
        let typed = self.user.trim();
        let typed = typed.strip_prefix("sip:").unwrap_or(typed);
        let (user, domain) = typed.split_once('@').map_or((typed, None), |(user, domain)| (user, Some(domain.into())));
        Account {
            server: self.server.trim().to_owned(),
            user: user.to_owned(),
            password: self.password.clone().into(),
            display_name: self.display_name.trim().to_owned(),
            domain,
            auth_user: None,
            trust,
        }
    }
}

impl Desk {
    /// The account that was saved, if any.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn saved_account(&self) -> Result<Option<RealAccount>, DeskError> {
        Ok(self.store().setting(ACCOUNT)?)
    }

    /// Connects to the employer's switchboard and saves the account. Saved first: what was typed is not lost when it fails.
    ///
    /// # Errors
    /// A malformed address, at once; everything else is told by events.
    pub fn connect_real(&self, account: &RealAccount) -> Result<(), DeskError> {
        self.store().set_setting(ACCOUNT, account)?;
        self.store().set_setting(WANTED, &true)?;
        let media = self.media();
        self.connect(LineKind::Real, account.account(self.trust()), media)
    }

    /// Connects to the practice switchboard: loopback only.
    ///
    /// # Errors
    /// A malformed address.
    pub fn connect_practice(&self, account: Account) -> Result<(), DeskError> {
        let media = MediaConfig { bind: Bind::Loopback, ..MediaConfig::default() };
        self.connect(LineKind::Practice, account, media)
    }

    fn connect(&self, kind: LineKind, account: Account, media: MediaConfig) -> Result<(), DeskError> {
        if self.is_leaving() {
            return Ok(());
        }
        let (server, user) = (account.server.clone(), account.user.clone());
        let (line, events) = Line::open(account)?;
        self.with(|s| {
            s.line = LineStatus { kind, state: LineState::Connecting, server, user, since: self.now() };
        });
        self.phone().use_line(Some(LineUse { line, events, media }));
        self.say(DeskEvent::Line);
        Ok(())
    }

    /// Leaves the employer's switchboard because the operator says so, and stays away from it until he connects again: after
    /// practice and after the next start too. The saved account stays.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn leave_real(&self) -> Result<(), DeskError> {
        self.store().set_setting(WANTED, &false)?;
        if self.line().kind == LineKind::Real {
            self.disconnect();
        }
        Ok(())
    }

    /// Leaves the line; calls on it are hung up. The saved account stays.
    pub fn disconnect(&self) {
        self.phone().use_line(None);
        self.with(|s| s.line = LineStatus { since: self.now(), ..LineStatus::default() });
        self.say(DeskEvent::Line);
    }

    /// For the end of the program: hangs up and leaves the line, and waits until the far ends know (two seconds at most) and the
    /// calls are kept as ended.
    pub async fn leave(&self) {
        self.phone().leave().await;
        self.disconnect();
    }

    /// Leaves the line and connects the saved account again, if there is one and it is wanted: after practice, or at start.
    ///
    /// # Errors
    /// When the store refuses or the saved address is malformed.
    pub fn connect_saved(&self) -> Result<(), DeskError> {
        let wanted = self.store().setting(WANTED)?.unwrap_or(true);
        match self.saved_account()?.filter(|_| wanted) {
            Some(account) => self.connect_real(&account),
            None => {
                self.disconnect();
                Ok(())
            }
        }
    }

    pub(crate) fn registration(&self, registration: Registration) {
        let now = self.now();
        self.with(|s| {
            if s.line.kind == LineKind::None {
                return;
            }
            let state = match registration {
                Registration::Connecting => LineState::Connecting,
                Registration::Registered { .. } => LineState::Registered,
                Registration::Failed { error, retry_in } => {
                    LineState::Failed(error, retry_in.map(|d| now + d.as_millis() as i64))
                }
                Registration::Unregistered => LineState::Off,
            };
            // A refresh is no change, and an attempt after a failure still is a failure until it succeeds.
            let retrying = matches!((&s.line.state, &state), (LineState::Failed(..), LineState::Connecting));
            if s.line.state != state && !retrying {
                (s.line.state, s.line.since) = (state, now);
                // Ready means reachable: the time counts from here, not from the program's start.
                if s.line.state == LineState::Registered && s.operator.0 == OperatorState::Ready {
                    s.operator.1 = now;
                }
            }
        });
        self.say(DeskEvent::Line);
        self.say(DeskEvent::Operator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_may_be_typed_with_the_extension() {
        for (typed, user, domain) in [
            ("201", "201", None),
            (" 201@pbx.example ", "201", Some("pbx.example")),
            ("sip:201@pbx.example", "201", Some("pbx.example")),
        ] {
            let account = RealAccount {
                server: "wss://edge.example/ws".into(),
                user: typed.into(),
                password: String::new(),
                display_name: String::new(),
            };
            let account = account.account(Trust::System);
            assert_eq!((account.user.as_str(), account.domain.as_deref()), (user, domain), "{typed:?}");
        }
    }
}
