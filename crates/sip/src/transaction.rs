//! The four transaction machines (RFC 3261 17, with RFC 6026's Accepted). Time comes in; what to do comes out.

use std::time::{Duration, Instant};

/// Round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest gap between retransmissions.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// Timers B, F, H, L, M.
pub const LONG: Duration = Duration::from_secs(32);
/// Timer D over unreliable transports.
const TIMER_D: Duration = Duration::from_secs(32);

/// What a timer or message asks of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Send the last message of this transaction once more.
    Retransmit,
    /// Give the message to the transaction's user.
    Deliver,
    /// Give it to the user and acknowledge it (INVITE, final response other than 2xx).
    DeliverAndAck,
    /// A repeated final response: acknowledge only.
    Ack,
    /// No answer in time; the transaction is over.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

#[derive(Clone, Debug)]
struct Clock {
    reliable: bool,
    interval: Duration,
    again: Option<Instant>,
    until: Option<Instant>,
}

impl Clock {
    fn deadline(&self) -> Option<Instant> {
        match (self.again, self.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Zero for reliable transports: nothing is repeated there.
    fn rest(&mut self, now: Instant, time: Duration) {
        self.again = None;
        self.until = Some(if self.reliable { now } else { now + time });
    }
}

/// INVITE client (17.1.1) and non-INVITE client (17.1.2).
#[derive(Clone, Debug)]
pub struct Client {
    invite: bool,
    state: State,
    clock: Clock,
}

impl Client {
    /// The request has just been sent.
    pub fn new(invite: bool, reliable: bool, now: Instant) -> Self {
        let again = (!reliable).then(|| now + T1);
        Self { invite, state: State::Trying, clock: Clock { reliable, interval: T1, again, until: Some(now + LONG) } }
    }

    /// A response with a matching branch came.
    pub fn on_response(&mut self, status: u16, now: Instant) -> Action {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                if self.invite {
                    // Timer B ends with the first provisional response.
                    self.clock.again = None;
                    self.clock.until = None;
                } else if self.clock.again.is_some() {
                    self.clock.interval = T2;
                }
                Action::Deliver
            }
            (State::Trying | State::Proceeding, 200..=299) if self.invite => {
                self.state = State::Accepted;
                self.clock.again = None;
                // Timer M: further 2xx of a forked INVITE and repeated ones still reach the user.
                self.clock.until = Some(now + LONG);
                Action::Deliver
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                self.clock.rest(now, if self.invite { TIMER_D } else { T4 });
                if self.invite { Action::DeliverAndAck } else { Action::Deliver }
            }
            (State::Accepted, 200..=299) => Action::Deliver,
            (State::Completed, 300..) if self.invite => Action::Ack,
            _ => Action::Nothing,
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Instant) -> Action {
        if self.clock.until.is_some_and(|t| t <= now) {
            let waiting = matches!(self.state, State::Trying | State::Proceeding);
            self.state = State::Terminated;
            return if waiting { Action::TimedOut } else { Action::Nothing };
        }
        if self.clock.again.is_some_and(|t| t <= now) {
            if self.state == State::Trying {
                self.clock.interval *= 2;
                if !self.invite {
                    self.clock.interval = self.clock.interval.min(T2);
                }
            }
            self.clock.again = Some(now + self.clock.interval);
            return Action::Retransmit;
        }
        Action::Nothing
    }

    /// Whether the transaction may be forgotten.
    pub fn is_over(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether no final response has come yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    /// When [`Client::on_time`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.clock.deadline()
    }
}

/// INVITE server (17.2.1) and non-INVITE server (17.2.2).
#[derive(Clone, Debug)]
pub struct Server {
    invite: bool,
    state: State,
    clock: Clock,
}

impl Server {
    /// The request has just come.
    pub fn new(invite: bool, reliable: bool) -> Self {
        Self { invite, state: State::Trying, clock: Clock { reliable, interval: T1, again: None, until: None } }
    }

    /// The same request came again.
    pub fn on_repeat(&mut self) -> Action {
        match self.state {
            State::Proceeding | State::Completed => Action::Retransmit,
            // Accepted: the 2xx is repeated by the user agent itself (RFC 6026 7.1).
            _ => Action::Nothing,
        }
    }

    /// We send a response. False when a final one has been sent already.
    pub fn on_send(&mut self, status: u16, now: Instant) -> bool {
        if !matches!(self.state, State::Trying | State::Proceeding) {
            return false;
        }
        match status {
            100..=199 => self.state = State::Proceeding,
            200..=299 if self.invite => {
                self.state = State::Accepted;
                self.clock.until = Some(now + LONG);
            }
            _ => {
                self.state = State::Completed;
                if self.invite {
                    self.clock.again = (!self.clock.reliable).then(|| now + T1);
                    self.clock.until = Some(now + LONG);
                } else {
                    self.clock.rest(now, LONG);
                }
            }
        }
        true
    }

    /// The ACK of a final response other than 2xx came.
    pub fn on_ack(&mut self, now: Instant) {
        if self.state == State::Completed && self.invite {
            self.state = State::Confirmed;
            self.clock.rest(now, T4);
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: Instant) -> Action {
        if self.clock.until.is_some_and(|t| t <= now) {
            self.state = State::Terminated;
            return Action::Nothing;
        }
        if self.clock.again.is_some_and(|t| t <= now) {
            self.clock.interval = (self.clock.interval * 2).min(T2);
            self.clock.again = Some(now + self.clock.interval);
            return Action::Retransmit;
        }
        Action::Nothing
    }

    /// Whether a final response may still be sent.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    /// Whether the transaction may be forgotten.
    pub fn is_over(&self) -> bool {
        self.state == State::Terminated
    }

    /// When [`Server::on_time`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.clock.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends_until_timeout(mut client: Client, start: Instant) -> Vec<u128> {
        let mut sent = Vec::new();
        loop {
            let now = client.deadline().unwrap();
            match client.on_time(now) {
                Action::Retransmit => sent.push((now - start).as_millis()),
                Action::TimedOut => return sent,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_unanswered_invite_is_repeated_with_doubling_gaps_for_32_seconds() {
        let start = Instant::now();
        let sent = sends_until_timeout(Client::new(true, false, start), start);
        assert_eq!(sent, [500, 1500, 3500, 7500, 15500, 31500]);
    }

    #[test]
    fn other_requests_are_repeated_at_most_every_four_seconds() {
        let start = Instant::now();
        let sent = sends_until_timeout(Client::new(false, false, start), start);
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    }

    #[test]
    fn nothing_is_repeated_over_a_reliable_transport() {
        let start = Instant::now();
        assert!(sends_until_timeout(Client::new(true, true, start), start).is_empty());
        let mut server = Server::new(true, true);
        server.on_send(486, start);
        assert_eq!(server.deadline(), Some(start + LONG));
    }

    #[test]
    fn a_ringing_invite_waits_for_ever_and_every_2xx_is_delivered() {
        let now = Instant::now();
        let mut client = Client::new(true, false, now);
        assert_eq!(client.on_response(180, now), Action::Deliver);
        assert_eq!(client.deadline(), None);
        assert_eq!(client.on_response(200, now), Action::Deliver);
        assert_eq!(client.on_response(200, now), Action::Deliver);
        client.on_time(now + LONG);
        assert!(client.is_over());
    }

    #[test]
    fn a_refused_invite_is_acknowledged_as_often_as_the_refusal_comes() {
        let now = Instant::now();
        let mut client = Client::new(true, false, now);
        assert_eq!(client.on_response(486, now), Action::DeliverAndAck);
        assert_eq!(client.on_response(486, now), Action::Ack);
    }

    #[test]
    fn a_refusal_is_repeated_until_its_ack() {
        let now = Instant::now();
        let mut server = Server::new(true, false);
        assert!(server.on_send(100, now) && server.on_send(486, now));
        assert!(!server.on_send(200, now), "one final response only");
        assert_eq!(server.on_time(now + T1), Action::Retransmit);
        server.on_ack(now + T1);
        assert_eq!(server.on_time(now + T1 + T4), Action::Nothing);
        assert!(server.is_over());
    }
}
