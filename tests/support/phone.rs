//! Our phone, with a headset in memory.

use crate::tone::{share, tone};
use cuffia_headset::{Headset, MemoryDevices, MemoryEnd, ProcessingConfig, dbfs};
use cuffia_phone::{Account, CallInfo, EndReason, Line, LineUse, MediaConfig, Phone, PhoneEvent, Registration, Trust};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

const LIMIT: Duration = Duration::from_secs(20);

/// A phone whose microphone and ear a test holds.
pub struct TestPhone {
    /// The phone.
    pub phone: Phone,
    /// Microphone and ear.
    pub end: MemoryEnd,
    events: UnboundedReceiver<PhoneEvent>,
}

/// An account at the test switchboard, whose passwords are the name and `pw`.
pub fn account(server: &str, user: &str, trust: Trust) -> Account {
    Account {
        server: server.into(),
        user: user.into(),
        password: format!("{user}pw").into(),
        display_name: user.to_uppercase(),
        domain: Some("softphone.test".into()),
        auth_user: None,
        trust,
    }
}

impl TestPhone {
    /// A phone without a line.
    pub fn new() -> TestPhone {
        let (devices, end) = MemoryDevices::new();
        let headset = Headset::start(Box::new(devices), ProcessingConfig::OFF).unwrap();
        let (phone, events) = Phone::start(headset);
        TestPhone { phone, end, events }
    }

    /// Connects; gives the first registration that is not merely on its way.
    pub async fn connect(&mut self, account: Account, media: MediaConfig) -> Registration {
        let (line, events) = Line::open(account).unwrap();
        self.phone.use_line(Some(LineUse { line, events, media }));
        self.until("a registration", |e| match e {
            PhoneEvent::Registration(r) if *r != Registration::Connecting => Some(r.clone()),
            _ => None,
        })
        .await
    }

    /// A phone registered as `alice` over WS.
    pub async fn registered(media: MediaConfig) -> TestPhone {
        TestPhone::registered_with(account("ws://127.0.0.1:8080/", "alice", Trust::System), media).await
    }

    /// A phone registered with this account.
    pub async fn registered_with(account: Account, media: MediaConfig) -> TestPhone {
        let mut phone = TestPhone::new();
        let registration = phone.connect(account, media).await;
        assert!(matches!(registration, Registration::Registered { .. }), "{registration:?}");
        phone
    }

    /// Waits for an event that gives something; all before it are passed over.
    pub async fn until<T>(&mut self, what: &str, mut fits: impl FnMut(&PhoneEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the phone lives");
                if let Some(found) = fits(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what} did not happen"))
    }

    /// Waits for an incoming call.
    pub async fn rings(&mut self) -> CallInfo {
        self.until("an incoming call", |e| match e {
            PhoneEvent::Began(info) => Some(info.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until both have answered.
    pub async fn answered(&mut self) -> CallInfo {
        self.until("an answer", |e| match e {
            PhoneEvent::Answered(info) => Some(info.clone()),
            PhoneEvent::Ended(_, reason) => panic!("ended instead: {reason:?}"),
            _ => None,
        })
        .await
    }

    /// Waits for the end of a call.
    pub async fn ended(&mut self) -> EndReason {
        self.until("the end of the call", |e| match e {
            PhoneEvent::Ended(_, reason) => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    /// Keeps a tone going in the microphone for so many seconds from now.
    pub fn hum(&self, hz: f32, seconds: f32) {
        self.end.speak(&tone(hz, seconds));
    }

    /// Waits until half a second in the ear is this tone, at a sensible level.
    pub async fn hears(&mut self, hz: f32) {
        self.ear(&format!("{hz} Hz"), |s| share(s, hz) > 0.9 && (-20.0..0.0).contains(&dbfs(s))).await;
    }

    /// Waits until half a second in the ear is silent.
    pub async fn hears_silence(&mut self) {
        self.ear("silence", |s| dbfs(s) < -60.0).await;
    }

    async fn ear(&mut self, what: &str, fits: impl Fn(&[f32]) -> bool) {
        self.end.heard();
        let limit = tokio::time::Instant::now() + LIMIT;
        let mut window = Vec::new();
        let mut found = "nothing".to_owned();
        loop {
            window.extend(self.end.heard());
            if window.len() >= 24_000 {
                let last = window.split_off(window.len() - 24_000);
                if fits(&last) {
                    return;
                }
                let hz = last.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count() * 2;
                found = format!("{:.0} dBFS, about {hz} Hz", dbfs(&last));
                window.clear();
            }
            assert!(tokio::time::Instant::now() < limit, "{what} is not heard, but {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Default for TestPhone {
    fn default() -> Self {
        TestPhone::new()
    }
}
