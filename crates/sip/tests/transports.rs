//! TLS, WSS, TCP and UDP on 127.0.0.1: the line against a switchboard behind TLS, and against a server played by the test.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use cuffia_sip::message::{Framed, Framer, Message};
use cuffia_sip::*;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_rustls::TlsAcceptor;

/// A certificate for these names, signed by itself: the acceptor and what the account must trust.
fn certificate(names: &[&str]) -> (TlsAcceptor, Vec<u8>) {
    certificate_of(names, rcgen::IsCa::NoCa)
}

fn certificate_of(names: &[&str], is_ca: rcgen::IsCa) -> (TlsAcceptor, Vec<u8>) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let mut wanted = rcgen::CertificateParams::new(names).unwrap();
    wanted.is_ca = is_ca;
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = wanted.self_signed(&key).unwrap();
    let secret = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], secret)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.pem().into_bytes())
}

/// TLS in front of a plain port.
async fn tls_front(acceptor: TlsAcceptor, behind: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut secure) = acceptor.accept(socket).await {
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
                }
            });
        }
    });
    address
}

fn trusting(server: String, pem: Vec<u8>) -> Account {
    Account { trust: Trust::Pem(pem), ..account(&server, "pw") }
}

async fn outcome(account: Account) -> (Result<(), LineError>, Line, UnboundedReceiver<LineEvent>) {
    let (line, mut events) = Line::open(account).unwrap();
    line.send(LineCommand::Register);
    loop {
        match next(&mut events).await {
            LineEvent::Registration(Registration::Connecting) => {}
            LineEvent::Registration(Registration::Registered { .. }) => return (Ok(()), line, events),
            LineEvent::Registration(Registration::Failed { error, .. }) => return (Err(error), line, events),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_comes_in_over_wss_when_the_certificate_is_trusted() {
    let (board, mut board_events) = board().await;
    let (acceptor, pem) = certificate(&["localhost"]);
    let front = tls_front(acceptor, board.address()).await;
    let (registered, line, mut events) = outcome(trusting(format!("wss://localhost:{}/ws", front.port()), pem)).await;
    registered.unwrap();
    board.call("anna", CallId(1), customer(), vec![], "v=0".into()).unwrap();
    let LineEvent::Incoming { call, .. } = next(&mut events).await else { panic!() };
    line.send(LineCommand::Reject { call, status: 486 });
    assert_eq!(board_call(&mut board_events).await, LineEvent::Ended { call: CallId(1), reason: EndReason::Busy });
}

#[tokio::test]
async fn a_certificate_that_is_wrong_is_named_and_nothing_is_sent() {
    let (board, _events) = board().await;
    let (acceptor, pem) = certificate(&["localhost"]);
    let front = tls_front(acceptor, board.address()).await;
    let (_, other_pem) = certificate(&["localhost"]);
    let by_name = format!("wss://localhost:{}/", front.port());
    let by_number = format!("wss://127.0.0.1:{}/", front.port());
    for (server, pem, reason) in [
        (by_name.clone(), other_pem, "authority"),
        (by_number, pem, "another server name"),
        (by_name, b"no certificate".to_vec(), "cannot be read"),
    ] {
        match outcome(trusting(server.clone(), pem)).await.0 {
            Err(LineError::BadCertificate { reason: found }) => assert!(found.contains(reason), "{found}"),
            other => panic!("{server}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_plain_port_is_no_secure_one() {
    let (board, _events) = board().await;
    let (_, pem) = certificate(&["localhost"]);
    // The switchboard waits for a WebSocket request and is sent a TLS greeting.
    let refused = outcome(trusting(format!("wss://localhost:{}/", board.address().port()), pem)).await.0;
    assert!(matches!(refused, Err(LineError::BadCertificate { .. } | LineError::ConnectionLost)), "{refused:?}");
}

#[tokio::test]
async fn a_self_signed_authority_is_taken_only_when_named_and_only_for_its_name() {
    let (board, _events) = board().await;
    let authority = || rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let (acceptor, pem) = certificate_of(&["localhost"], authority());
    let front = tls_front(acceptor, board.address()).await;
    let by_name = format!("wss://localhost:{}/", front.port());
    let by_number = format!("wss://127.0.0.1:{}/", front.port());
    assert_eq!(outcome(trusting(by_name.clone(), pem.clone())).await.0, Ok(()));
    let (_, other_pem) = certificate_of(&["localhost"], authority());
    for (server, pem) in [(by_number, pem), (by_name, other_pem)] {
        let refused = outcome(trusting(server, pem)).await.0;
        assert!(matches!(refused, Err(LineError::BadCertificate { .. })), "{refused:?}");
    }
}

/// Answers as a registrar with a digest would; then calls the phone once it is registered.
fn answer(request: &Message) -> Vec<Message> {
    match request.method() {
        "REGISTER" if request.headers.get("Authorization").is_none() => {
            let mut response = Message::response(request, 401, "s");
            response.headers.push("WWW-Authenticate", "Digest realm=\"practice.test\", nonce=\"n\", qop=\"auth\"");
            vec![response]
        }
        "REGISTER" => {
            let mut response = Message::response(request, 200, "s");
            response.headers.push("Expires", "300");
            let target = request.headers.get("Contact").unwrap().split(['<', '>']).nth(1).unwrap();
            let mut call = Message::request("INVITE", target);
            for (name, value) in [
                ("Via", "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKserver"),
                ("From", "<sip:0699@practice.test>;tag=x"),
                ("To", "<sip:anna@practice.test>"),
                ("Call-ID", "from-the-server"),
                ("CSeq", "1 INVITE"),
                ("Contact", "<sip:0699@127.0.0.1>"),
            ] {
                call.headers.push(name, value);
            }
            call.set_body("application/sdp", "v=0");
            vec![response, call]
        }
        _ => vec![],
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) {
    let mut framer = Framer::new();
    let mut buffer = [0; 2048];
    while let Ok(length) = socket.read(&mut buffer).await {
        if length == 0 {
            return;
        }
        framer.push(&buffer[..length]);
        while let Ok(Some(framed)) = framer.take() {
            let Framed::Message(bytes) = framed else { continue };
            let mut out = Vec::new();
            for message in answer(&Message::parse(&bytes).unwrap()) {
                // A ping between messages must not disturb.
                out.extend_from_slice(b"\r\n\r\n");
                out.extend(message.print());
            }
            // In pieces, as a network may deliver.
            for piece in out.chunks(100) {
                socket.write_all(piece).await.unwrap();
                socket.flush().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_phone_registers_and_is_called_over_tcp_and_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    let (acceptor, pem) = certificate(&["localhost"]);
    let secure = tls_front(acceptor, plain).await;
    for server in [format!("sip:{plain};transport=tcp"), format!("sips:localhost:{}", secure.port())] {
        let (registered, _line, mut events) = outcome(trusting(server.clone(), pem.clone())).await;
        assert_eq!(registered, Ok(()), "{server}");
        assert!(matches!(next(&mut events).await, LineEvent::Incoming { from, .. } if from.user == "0699"));
    }
}

#[tokio::test]
async fn a_phone_registers_and_is_called_over_udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 65536];
        let mut first = true;
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            // The first datagram is lost.
            if std::mem::take(&mut first) || Message::is_keep_alive(&buffer[..length]) {
                continue;
            }
            for message in answer(&Message::parse(&buffer[..length]).unwrap()) {
                socket.send_to(&message.print(), from).await.unwrap();
            }
        }
    });
    let (registered, _line, mut events) = outcome(account(&format!("sip:{server}"), "pw")).await;
    assert_eq!(registered, Ok(()));
    assert!(matches!(next(&mut events).await, LineEvent::Incoming { from, .. } if from.user == "0699"));
}

#[tokio::test]
async fn a_stream_that_sends_rubbish_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    });
    let lost = outcome(account(&format!("sip:{address};transport=tcp"), "pw")).await.0;
    assert_eq!(lost, Err(LineError::ConnectionLost));
}
