//! The messages of RFC 4475, each with the verdict the RFC gives for a user agent.
#![allow(clippy::unwrap_used)]

#[path = "common/virtual_time.rs"]
mod virtual_time;

use cuffia_sip::agent::Transport;
use cuffia_sip::message::fields::NameAddr;
use cuffia_sip::message::uri::Uri;
use cuffia_sip::message::{Framed, Framer, Message};
use virtual_time::Solo;

/// Reads a file of `torture/`: lines end in CRLF on the wire; `<hex>…</hex>` and `<repeat count=n>…</repeat>` are expanded as the
/// RFC's appendix says; `<allOneLine>` joins lines; `<length/>` is the length of the body.
fn expand(text: &str) -> Vec<u8> {
    let mut text = text.to_owned();
    while let Some((before, rest)) = text.split_once("<allOneLine>\n") {
        let (inside, after) = rest.split_once("</allOneLine>").unwrap();
        text = format!("{before}{}{after}", inside.replace('\n', ""));
    }
    while let Some((before, rest)) = text.split_once("<repeat count=") {
        let (count, rest) = rest.split_once('>').unwrap();
        let (inside, after) = rest.split_once("</repeat>").unwrap();
        text = format!("{before}{}{after}", inside.repeat(count.parse().unwrap()));
    }
    let text = text.replace('\n', "\r\n");
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("<hex>") {
        bytes.extend_from_slice(before.as_bytes());
        let (hex, after) = after.split_once("</hex>").unwrap();
        bytes.extend((0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    let mark = b"<length/>";
    if let Some(at) = bytes.windows(mark.len()).position(|w| w == mark) {
        let body = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let length = (bytes.len() - body).to_string();
        bytes.splice(at..at + mark.len(), length.into_bytes());
    }
    bytes
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    /// A request our agent answers with this status.
    Status(u16),
    /// A call that rings: 100 goes back.
    Rings,
    /// A response that is well formed.
    GoodResponse,
    /// Dropped without a word.
    Dropped,
}
use Verdict::{Dropped, GoodResponse, Rings, Status};

macro_rules! files {
    ($($name:literal => $verdict:expr),* $(,)?) => {
        &[$(($name, include_str!(concat!("torture/", $name, ".txt")), $verdict)),*]
    };
}

const MESSAGES: &[(&str, &str, Verdict)] = files! {
    // 3.1.1 valid
    // Well formed; its To tag names a dialog that is not ours.
    "wsinv" => Status(481),
    "intmeth" => Status(501),
    "esc01" => Rings,
    // Well-formed requests for a registrar, which a phone is not.
    "escnull" => Status(405),
    "esc02" => Status(501),
    "lwsdisp" => Status(200),
    "longreq" => Rings,
    "dblreq" => Status(405),
    "semiuri" => Status(200),
    "transports" => Status(200),
    "mpart01" => Status(405),
    "unreason" => GoodResponse,
    "noreason" => GoodResponse,
    // 3.1.2 invalid
    "badinv01" => Status(400),
    "clerr" => Status(400),
    "ncl" => Status(400),
    "scalar02" => Status(400),
    "scalarlg" => Dropped,
    "quotbal" => Status(400),
    "ltgtruri" => Status(400),
    "lwsruri" => Status(400),
    "lwsstart" => Status(400),
    "trws" => Status(400),
    "escruri" => Status(400),
    // An element that does not use Date may ignore it.
    "baddate" => Rings,
    "regbadct" => Status(400),
    // "A fairly liberal implementation may accept" the blanks inside the brackets.
    "badaspec" => Status(200),
    // The same for the display name without quotes.
    "baddn" => Status(200),
    "badvers" => Status(505),
    "mismatch01" => Status(400),
    "mismatch02" => Status(400),
    "bigcode" => Dropped,
    // 3.2
    "badbranch" => Status(200),
    // 3.3
    "insuf" => Status(400),
    "unkscm" => Status(416),
    "novelsc" => Status(416),
    "unksm2" => Status(405),
    "bext01" => Status(420),
    "invut" => Status(415),
    "regaut01" => Status(405),
    "multi01" => Status(400),
    "mcl01" => Status(400),
    "bcast" => Dropped,
    // An endpoint answers although nothing may be forwarded.
    "zeromf" => Status(200),
    "cparam01" => Status(405),
    "cparam02" => Status(405),
    "regescrt" => Status(405),
    "sdp01" => Status(406),
    // 3.4
    "inv2543" => Rings,
};

fn text(name: &str) -> Vec<u8> {
    expand(MESSAGES.iter().find(|(n, ..)| *n == name).unwrap().1)
}

#[test]
fn each_message_gets_the_verdict_of_the_rfc() {
    assert_eq!(MESSAGES.len(), 49);
    for (name, text, verdict) in MESSAGES {
        let bytes = expand(text);
        let mut phone = Solo::new(Transport::Udp);
        phone.input(cuffia_sip::agent::Input::Received(bytes.clone()));
        let answered: Vec<u16> = phone.sent.iter().map(Message::status).collect();
        match verdict {
            Status(status) => assert_eq!(answered, [*status], "{name}"),
            Rings => {
                assert_eq!(answered, [100], "{name}");
                assert!(matches!(phone.event(), cuffia_sip::LineEvent::Incoming { .. }), "{name}");
            }
            GoodResponse => {
                assert_eq!(Message::parse(&bytes).unwrap().problem(), None, "{name}");
                phone.quiet();
            }
            Dropped => phone.quiet(),
        }
    }
}

#[test]
fn what_is_said_with_many_words_is_understood() {
    let message = Message::parse(&text("wsinv")).unwrap();
    assert_eq!(message.cseq(), Some((9, "INVITE")));
    assert_eq!(message.from().unwrap().display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!((message.from_tag().as_str(), message.to_tag().as_str()), ("98asjd8", "1918181833n"));
    assert_eq!(message.headers.list("Via").len(), 3);
    assert_eq!(message.via().unwrap().branch(), Some("390skdjuw"));
    assert_eq!(message.headers.get("Subject"), Some(""));
    assert_eq!(message.headers.get("NewFangledHeader"), Some("newfangled value continued newfangled value"));
    assert!(message.sdp().unwrap().starts_with("v=0"));
    let contact = NameAddr::parse(message.headers.get("Contact").unwrap()).unwrap();
    assert_eq!((contact.display.as_deref(), contact.params.get("q")), (Some("Quoted string \"\""), Some("0.33")));
}

#[test]
fn escapes_are_undone_only_where_they_are_escapes() {
    let message = Message::parse(&text("esc01")).unwrap();
    assert_eq!(Uri::parse(message.uri()).unwrap().user_text(), "sips:user@example.com");
    assert_eq!(Uri::parse(&message.to().unwrap().uri).unwrap().user_text(), "user");
    let message = Message::parse(&text("esc02")).unwrap();
    assert_eq!(message.method(), "RE%47IST%45R");
    assert_eq!(message.headers.list("Contact").len(), 2, "C%6Fntact is another field");
    let message = Message::parse(&text("semiuri")).unwrap();
    let uri = Uri::parse(message.uri()).unwrap();
    assert_eq!((uri.user.as_deref(), uri.host.as_str()), (Some("user;par=u%40example.net"), "example.com"));
}

#[test]
fn a_datagram_with_two_messages_is_the_first_one_and_a_stream_gives_both() {
    let bytes = text("dblreq");
    assert_eq!(Message::parse(&bytes).unwrap().method(), "REGISTER");
    let mut framer = Framer::new();
    let mut methods = Vec::new();
    // Byte by byte, as a stream may come.
    for byte in &bytes {
        framer.push(&[*byte]);
        while let Some(framed) = framer.take().unwrap() {
            if let Framed::Message(bytes) = framed {
                methods.push(Message::parse(&bytes).unwrap().method().to_owned());
            }
        }
    }
    assert_eq!(methods, ["REGISTER", "INVITE"]);
}

#[test]
fn a_stream_that_cannot_be_framed_is_given_up() {
    for name in ["ncl", "mcl01"] {
        let mut framer = Framer::new();
        framer.push(&text(name));
        assert!(framer.take().is_err(), "{name}");
    }
    let mut framer = Framer::new();
    framer.push(&vec![b'a'; 70_000]);
    assert!(framer.take().is_err());
    let mut framer = Framer::new();
    framer.push(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n");
    assert!(framer.take().is_err());
}

#[test]
fn keep_alives_of_a_stream_are_told_apart() {
    let mut framer = Framer::new();
    framer.push(b"\r\n\r\n\r\n");
    assert_eq!(framer.take().unwrap(), Some(Framed::Ping));
    assert_eq!(framer.take().unwrap(), Some(Framed::Pong));
    assert_eq!(framer.take().unwrap(), None);
}
