//! A program of the employer's is told what happens to calls.

use crate::shell::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cuffia_api::*;
use cuffia_sip::{LineCommand, Switchboard, SwitchboardEvent};
use ring::hmac;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Nobody wants to hear that a call rings after this long.
const NEWS_MS: i64 = 60_000;

/// A request as it came.
#[derive(Debug, Clone)]
struct Asked {
    headers: BTreeMap<String, String>,
    text: String,
}

impl Asked {
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// What a program answers: status and body, or nothing at all.
type Answer = Option<(u16, String)>;

/// A program that is told by HTTP.
struct Program {
    port: u16,
    asked: UnboundedReceiver<Asked>,
    listening: JoinHandle<()>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Program {
    async fn answering(answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Program {
        Program::at(0, answer).await
    }

    async fn at(port: u16, answer: impl Fn(&Value) -> Answer + Send + Sync + 'static) -> Program {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (say, asked) = unbounded_channel();
        let answer = Arc::new(answer);
        let listening = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (say, answer) = (say.clone(), answer.clone());
                tokio::spawn(async move {
                    let Some(asked) = request(&mut stream).await else { return };
                    let answer = answer(&asked.body());
                    let _ = say.send(asked);
                    // Else the line breaks after it was taken.
                    let Some((status, body)) = answer else { return };
                    let wish = if status == 429 { "\r\nRetry-After: 600" } else { "" };
                    let head =
                        format!("HTTP/1.1 {status} x{wish}\r\nConnection: close\r\nContent-Length: {}", body.len());
                    let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await;
                });
            }
        });
        Program { port, asked, listening }
    }

    async fn next(&mut self) -> Asked {
        within("an event", self.asked.recv()).await.unwrap()
    }

    fn target(&self, form: &str, path: &str) -> Value {
        json!({"form": form, "address": format!("http://127.0.0.1:{}{path}", self.port), "secret": if form == "webhook" { SECRET } else { "" }})
    }
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let headers: BTreeMap<String, String> = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers.get("content-length").map_or(0, |v| v.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let text = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                return Some(Asked { headers, text });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Connected with the employer's switchboard, at a time that the test sets.
struct Desk {
    dir: tempfile::TempDir,
    board: Switchboard,
    calls: UnboundedReceiver<SwitchboardEvent>,
    shell: Shell,
    clock: Arc<AtomicI64>,
}

impl Desk {
    async fn open() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let (board, calls) = employer().await;
        let clock = Arc::new(AtomicI64::new(NOW));
        let mut shell = Shell::open_at(dir.path(), at(&clock));
        shell.connect(&board).await;
        Desk { dir, board, calls, shell, clock }
    }

    /// A whole call that nobody answers; its id.
    async fn call(&mut self) -> String {
        let call = self.shell.dial("+390115550199").await;
        let there = dialled(&mut self.calls).await;
        self.board.send(LineCommand::Reject { call: there, status: 486 });
        self.shell.until("its end", |s| s.calls.is_empty().then_some(())).await;
        call
    }

    async fn told(&mut self, waiting: u32) {
        self.shell
            .until("what is told", |s| s.app.events.as_ref().is_some_and(|e| e.waiting == waiting).then_some(()))
            .await;
    }
}

fn at(clock: &Arc<AtomicI64>) -> cuffia_desk::Clock {
    let clock = clock.clone();
    Arc::new(move || clock.load(Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_hears_of_a_call_in_order_signed_and_of_practice_nothing() {
    let mut program = Program::answering(|_| Some((204, String::new()))).await;
    let mut desk = Desk::open().await;
    desk.shell.ask("try_events", program.target("webhook", "/calls?x=1")).await;
    assert_eq!(program.next().await.body()["type"], "test");
    desk.shell.ask("set_events", json!({"target": program.target("webhook", "/calls?x=1")})).await;
    let call = desk.call().await;
    let (mut ids, mut kinds) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let asked = program.next().await;
        let signed = format!("{}.{}.{}", asked.headers["webhook-id"], asked.headers["webhook-timestamp"], asked.text);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&SECRET[6..]).unwrap());
        let signature = STANDARD.decode(asked.headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&key, signed.as_bytes(), &signature).expect("signed with what both know");
        let body = asked.body();
        let data = &body["data"];
        assert_eq!((&data["call_id"], &data["number"]), (&json!(call), &json!("+390115550199")));
        assert_eq!((&data["direction"], &data["extension"]), (&json!("out"), &json!("204")));
        kinds.push(body["type"].clone());
        ids.push(asked.headers["webhook-id"].clone());
        if body["type"] == "call.ended" {
            assert_eq!((&data["reason"], &data["answered_at"]), (&json!("busy"), &Value::Null));
            assert_eq!(data["ended_at"], "2026-11-18T11:06:40Z");
        }
    }
    assert_eq!(kinds, ["call.started", "call.ended"]);
    assert_ne!(ids[0], ids[1]);
    desk.told(0).await;
    let shown = serde_json::to_string(&desk.shell.engine.whole().app).unwrap();
    assert!(!shown.contains("whsec") && !shown.contains("/calls"), "what is secret is not shown: {shown}");

    desk.shell.ask("start_practice", json!({"scenario": "invoice-mismatch", "language": "en"})).await;
    desk.shell.until("a practice call", |s| s.calls.first().is_some_and(|c| c.practice).then_some(())).await;
    desk.shell.ask("stop_practice", json!({})).await;
    desk.shell.until("its end", |s| s.calls.is_empty().then_some(())).await;
    desk.shell.registered(LineKind::Real).await;
    let next = desk.call().await;
    assert_eq!(program.next().await.body()["data"]["call_id"], json!(next), "nothing of practice came in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_call_while_the_program_was_away_its_end_is_told_later_and_nothing_that_is_no_news_any_more() {
    let program = Program::answering(|_| Some((204, String::new()))).await;
    let (port, target) = (program.port, program.target("webhook", "/"));
    let mut desk = Desk::open().await;
    // Nobody is there: something is in the way of each connection, as a server that is down.
    drop(program);
    desk.shell.ask("set_events", json!({"target": target})).await;
    let mut missing = Vec::new();
    for _ in 0..2 {
        missing.push(desk.call().await);
    }
    desk.told(4).await;
    desk.shell.until("why", |s| s.app.events.as_ref()?.problem.as_ref().map(drop)).await;
    desk.clock.fetch_add(NEWS_MS + 1, Relaxed);
    // The next morning: another process.
    drop(desk.shell);
    let mut shell = Shell::open_at(desk.dir.path(), at(&desk.clock));
    let mut program = Program::at(port, |_| Some((204, String::new()))).await;
    for call in missing {
        let body = program.next().await.body();
        assert_eq!((&body["type"], &body["data"]["call_id"]), (&json!("call.ended"), &json!(call)));
        assert_eq!(body["data"]["ended_at"], "2026-11-18T11:06:40Z", "when it ended, not when it is told");
    }
    shell.until("nothing waits", |s| s.app.events.as_ref().is_some_and(|e| e.waiting == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_kill_cut_off_is_told_as_ended_at_the_next_start() {
    let mut program = Program::answering(|_| Some((200, "{}".into()))).await;
    let mut desk = Desk::open().await;
    desk.shell.ask("set_events", json!({"target": program.target("webhook", "/")})).await;
    let call = desk.shell.dial("301").await;
    assert_eq!(program.next().await.body()["type"], "call.started");
    let killed = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(desk.dir.path()).unwrap().flatten().filter(|f| f.path().is_file()) {
        std::fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
    }
    let _shell = Shell::open(killed.path());
    // The one that was not killed loses its line to the other, and says so too.
    let ended = async {
        loop {
            let body = program.asked.recv().await.unwrap().body();
            if body["data"]["reason"] == "interrupted" {
                return body;
            }
        }
    };
    let body = within("the end", ended).await;
    assert_eq!((&body["type"], &body["data"]["call_id"]), (&json!("call.ended"), &json!(call)));
    assert_eq!(body["data"]["extension"], "204", "whose it was, though there was no line yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_is_told_in_the_end_and_one_that_says_when_is_not_asked_before() {
    let asked = Arc::new(AtomicI64::new(0));
    let count = asked.clone();
    let mut program = Program::answering(move |_| {
        let status = [429, 500, 500, 500].get(count.fetch_add(1, Relaxed) as usize).copied().unwrap_or(204);
        Some((status, String::new()))
    })
    .await;
    let mut desk = Desk::open().await;
    let target = json!({"target": program.target("webhook", "/")});
    desk.shell.ask("set_events", target.clone()).await;
    let call = desk.call().await;
    desk.shell.until("a wish", |s| s.app.events.as_ref()?.problem.as_ref().map(drop)).await;
    // That something else happens is no reason to ask it.
    desk.call().await;
    assert_eq!(asked.load(Relaxed), 1);
    // The operator is one. Once more it fails, more often than Zammad may.
    desk.shell.ask("set_events", target).await;
    let told = async {
        loop {
            let body = program.asked.recv().await.unwrap().body();
            if body["type"] == "call.ended" && body["data"]["call_id"] == json!(call) {
                return;
            }
        }
    };
    within("the end of the first call", told).await;
    desk.told(0).await;
}

/// Zammad, as its source has it: a call is made once, and over one that it does not know it fails.
fn zammad(log: &Arc<Mutex<BTreeMap<String, Vec<String>>>>, body: &Value) -> (u16, String) {
    let mut log = log.lock().unwrap();
    let (event, call) = (body["event"].as_str().unwrap_or(""), body["callId"].as_str().unwrap_or("").to_owned());
    let known = log.contains_key(&call);
    match event {
        _ if body["direction"] != "in" && body["direction"] != "out" => {
            (422, "{\"error\":\"Invalid direction!\"}".into())
        }
        "newCall" if known => (500, "{\"error\":\"Object already exists!\"}".into()),
        "newCall" => (200, log.insert(call, vec!["newCall".into()]).map_or("{}".into(), |_| "{}".into())),
        _ if !known => (500, "{\"error\":\"Error ID 4KqHnA: Please contact your administrator.\"}".into()),
        event => {
            log.entry(call).or_default().push(event.to_owned());
            (200, "{}".into())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zammad_has_each_call_once_though_answers_are_lost_and_none_that_it_was_not_told_of_in_time() {
    let log = Arc::<Mutex<BTreeMap<String, Vec<String>>>>::default();
    // Of the first call's events the first answers are lost, after they were taken.
    let (there, seen) = (log.clone(), Mutex::new(Vec::new()));
    let mut program = Program::answering(move |body| {
        let answer = zammad(&there, body);
        let mut seen = seen.lock().unwrap();
        if body["event"] == "test" || seen.len() == 2 || seen.contains(body) {
            return Some(answer);
        }
        seen.push(body.clone());
        None
    })
    .await;
    let mut desk = Desk::open().await;
    let target = program.target("zammad", "/api/v1/cti/t0ken");
    desk.shell.ask("try_events", target.clone()).await;
    assert_eq!(program.next().await.body()["event"], "test");
    desk.shell.ask("set_events", json!({"target": target})).await;
    let call = desk.call().await;
    desk.told(2).await;
    desk.told(0).await;
    assert_eq!(
        log.lock().unwrap()[&call],
        ["newCall", "hangup", "hangup"],
        "made once; that it is over may be said twice"
    );
    let first = program.next().await.body();
    assert_eq!(
        first,
        json!({"event": "newCall", "from": "204", "to": "390115550199", "callId": call, "user": "204", "direction": "out"})
    );

    // Somebody has emptied its log in the middle of a call: that holds up no other.
    let forgotten = desk.shell.dial("+390115550199").await;
    let there = dialled(&mut desk.calls).await;
    let began = |_: &Snapshot| log.lock().unwrap().contains_key(&forgotten).then_some(());
    desk.shell.until("its beginning", began).await;
    desk.told(0).await;
    log.lock().unwrap().clear();
    desk.board.send(LineCommand::Reject { call: there, status: 486 });
    desk.shell.until("its end", |s| s.calls.is_empty().then_some(())).await;
    let next = desk.call().await;
    desk.shell.until("the next", |_| log.lock().unwrap().get(&next).is_some_and(|l| l.len() > 1).then_some(())).await;

    // It is away while another call comes and goes, and back when that is no news any more.
    let port = program.port;
    drop(program);
    let stale = desk.call().await;
    desk.told(2).await;
    desk.clock.fetch_add(NEWS_MS + 1, Relaxed);
    let there = log.clone();
    let mut program = Program::at(port, move |body| Some(zammad(&there, body))).await;
    let next = desk.call().await;
    let told = |_: &Snapshot| log.lock().unwrap().get(&next).is_some_and(|l| *l == ["newCall", "hangup"]).then_some(());
    desk.shell.until("the next call", told).await;
    while let Ok(asked) = program.asked.try_recv() {
        assert_ne!(asked.body()["callId"], json!(stale), "it would be tried again and again");
    }
    let log = log.lock().unwrap();
    assert!(!log.contains_key(&stale), "it would be shown as one that rings now: {log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_program_is_said_and_another_one_hears_nothing_of_before() {
    let mut desk = Desk::open().await;
    let refusing = Program::answering(|_| Some((401, "Invalid token, please contact your admin!".into()))).await;
    let target = refusing.target("zammad", "/api/v1/cti/wrong");
    let refusal = |answer: Result<Value, ApiError>| answer.map_err(|e| e.code).unwrap_err();
    let ask = |command: &'static str, arguments: Value| {
        let engine = desk.shell.engine.clone();
        async move { dispatch(&engine, command, arguments).await }
    };
    assert_eq!(refusal(ask("try_events", target.clone()).await), "crm.token");
    let other = Program::answering(|_| Some((200, "<html>".into()))).await;
    assert_eq!(refusal(ask("try_events", other.target("zammad", "/api/v1/cti/x")).await), "crm.no_zammad");
    assert_eq!(refusal(ask("try_events", other.target("zammad", "/")).await), "crm.no_zammad");
    let off = Program::answering(|_| Some((422, "{\"error\":\"Feature is disabled, please\"}".into()))).await;
    assert_eq!(refusal(ask("try_events", off.target("zammad", "/api/v1/cti/x")).await), "crm.cti_off");
    let unsigned = json!({"form": "webhook", "address": "https://hook.example.com", "secret": "abc"});
    assert_eq!(refusal(ask("set_events", json!({"target": unsigned})).await), "crm.secret");
    assert_eq!(desk.shell.engine.whole().app.events, None, "nothing is kept of what was refused");

    let mut said = desk.shell.engine.messages();
    ask("set_events", json!({"target": target})).await.unwrap();
    desk.call().await;
    let notice = async {
        loop {
            if let Ok(Message::Event(Event { change: Change::Notice(e), .. })) = said.recv().await {
                return e.code;
            }
        }
    };
    assert_eq!(within("a notice", notice).await, "events.refused");
    let events = desk.shell.engine.whole().app.events.unwrap();
    assert_eq!((events.host.as_str(), events.problem.unwrap().code), ("127.0.0.1", "crm.token".to_owned()));
    // The same again, with nothing typed, is the same.
    let same = json!({"target": {"form": "zammad", "address": "", "secret": ""}});
    desk.shell.ask("set_events", same.clone()).await;
    assert_eq!(desk.shell.engine.whole().app.events.unwrap().waiting, 2);
    let mut another = Program::answering(|_| Some((204, String::new()))).await;
    desk.shell.ask("set_events", json!({"target": another.target("webhook", "/")})).await;
    let next = desk.call().await;
    assert_eq!(another.next().await.body()["data"]["call_id"], json!(next));
    desk.shell.ask("set_events", json!({"target": null})).await;
    assert_eq!(desk.shell.engine.whole().app.events, None);
    let refused = dispatch(&desk.shell.engine, "set_events", same).await.map_err(|e| e.code);
    assert_eq!(refused, Err("crm.address".into()), "what was forgotten is not remembered");
}
