//! A line between a client and a server that loses requests, answers, halves of answers, and lets requests arrive late.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Something done once.
type Once = Box<dyn FnOnce() + Send>;

/// What has happened to requests, and what is still under way.
struct Shared {
    chance: SmallRng,
    faulty: bool,
    /// What becomes of all requests, whatever chance says.
    always: Option<Fate>,
    /// Done once, before the next request with this method is handed on.
    before: Option<(&'static str, Once)>,
    now: i64,
    /// Requests that arrive later: when, and what.
    late: Vec<(i64, Vec<u8>)>,
    lost: u32,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives after the client has given up.
    Late,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done, and half of the answer comes.
    AnswerHalved,
    /// The server is too busy to look at it.
    Busy,
    /// Something fails before it is done.
    Fails,
    /// What stands before the server lets nobody through.
    Barred,
    /// It is done, and then something fails.
    FailsAfter,
    /// It is done and answered.
    Good,
}

#[derive(Clone)]
pub struct Line {
    shared: Arc<Mutex<Shared>>,
    server: SocketAddr,
    address: SocketAddr,
}

impl Line {
    /// A line to a server. `latest` is the longest time, milliseconds, after which a request still arrives.
    pub fn to(server: SocketAddr, seed: u64, latest: i64) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let chance = SmallRng::seed_from_u64(seed);
        let shared = Arc::new(Mutex::new(Shared {
            chance,
            faulty: true,
            always: None,
            before: None,
            now: 0,
            late: Vec::new(),
            lost: 0,
        }));
        let line = Line { shared, server, address };
        let carrier = line.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let carrier = carrier.clone();
                std::thread::spawn(move || carrier.carry(stream, latest));
            }
        });
        line
    }

    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn faulty(&self, faulty: bool) {
        self.locked().faulty = faulty;
    }

    pub fn always(&self, fate: Fate) {
        self.locked().always = Some(fate);
    }

    /// Does something once, just before the next request with these words reaches the server.
    pub fn before(&self, words: &'static str, what: impl FnOnce() + Send + 'static) {
        self.locked().before = Some((words, Box::new(what)));
    }

    /// How many requests or answers were lost so far.
    pub fn lost(&self) -> u32 {
        self.locked().lost
    }

    /// Time goes on: what was late arrives.
    pub fn pass_time(&self, now: i64) {
        let due: Vec<(i64, Vec<u8>)> = {
            let mut s = self.locked();
            s.now = now;
            let (due, rest) = std::mem::take(&mut s.late).into_iter().partition(|(at, _)| *at <= now);
            s.late = rest;
            due
        };
        for (_, request) in due {
            self.forward(&request);
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forward(&self, request: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let mut server = TcpStream::connect(self.server).unwrap();
        server.write_all(request).unwrap();
        let _ = server.read_to_end(&mut answer);
        answer
    }

    /// One request each connection.
    fn carry(&self, mut client: TcpStream, latest: i64) {
        let Some(request) = whole_request(&mut client) else { return };
        let (fate, first) = {
            let mut s = self.locked();
            let by_chance = match s.chance.random_range(0..100) {
                _ if !s.faulty => Fate::Good,
                0..8 => Fate::Lost,
                8..16 => Fate::Late,
                16..26 => Fate::AnswerLost,
                26..32 => Fate::AnswerHalved,
                32..36 => Fate::Busy,
                36..39 => Fate::Fails,
                39..42 => Fate::FailsAfter,
                _ => Fate::Good,
            };
            let fate = s.always.unwrap_or(by_chance);
            s.lost += u32::from(!matches!(fate, Fate::Good | Fate::Busy));
            let fits =
                s.before.as_ref().is_some_and(|(words, _)| request.windows(words.len()).any(|w| w == words.as_bytes()));
            (fate, if fits { s.before.take() } else { None })
        };
        if let Some((_, first)) = first {
            first();
        }
        match fate {
            Fate::Lost => {}
            Fate::Late => {
                let mut s = self.locked();
                let at = s.now + s.chance.random_range(1..latest);
                s.late.push((at, request));
            }
            Fate::AnswerLost => drop(self.forward(&request)),
            Fate::AnswerHalved => {
                let answer = self.forward(&request);
                let _ = client.write_all(&answer[..answer.len() / 2]);
            }
            Fate::Busy => answer(&mut client, "429 Too Many Requests\r\nRetry-After: 2"),
            Fate::Barred => answer(&mut client, "403 Forbidden"),
            Fate::Fails => answer(&mut client, "500 Internal Server Error"),
            Fate::FailsAfter => {
                self.forward(&request);
                answer(&mut client, "502 Bad Gateway");
            }
            Fate::Good => {
                let _ = client.write_all(&self.forward(&request));
            }
        }
    }
}

fn answer(client: &mut TcpStream, status: &str) {
    let _ = client.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
}

/// A request with its body, changed so that the server closes the connection after it.
fn whole_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        let n = client.read(&mut piece).ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&piece[..n]);
        let Some(head) = read.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&read[..head]).into_owned();
        let length =
            text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
        let length = length.map_or(0, |l| l.trim().parse().unwrap_or(0));
        if read.len() >= head + 4 + length {
            let mut out = format!("{text}\r\nConnection: close\r\n\r\n").into_bytes();
            out.extend_from_slice(&read[head + 4..head + 4 + length]);
            return Some(out);
        }
    }
}
