//! Server addresses, and the framing on a stream.

use tokio::io::duplex;

use super::*;

fn servers(urls: &[&str]) -> Result<(Vec<String>, Vec<StreamServer>), MediaError> {
    let servers: Vec<_> = urls.iter().map(|url| IceServer { url: (*url).into(), ..IceServer::default() }).collect();
    split(&servers).map(|(plain, streams)| (plain.into_iter().map(|server| server.url).collect(), streams))
}

#[test]
fn addresses_as_administrators_write_them() {
    let table = [
        ("stun:example.org", "stun:example.org:3478", None),
        ("stun:example.org:1234", "stun:example.org:1234", None),
        ("turn:example.org", "turn:example.org:3478?transport=udp", None),
        ("TURN:[2001:db8::1]:5000?transport=udp", "turn:[2001:db8::1]:5000?transport=udp", None),
        ("turn:example.org:80?transport=tcp", "turn:192.0.2.1:3478?transport=udp", Some(("example.org", 80, false))),
        ("turns:example.org", "turn:192.0.2.1:3478?transport=udp", Some(("example.org", 5_349, true))),
        (
            "turns:[2001:db8::1]:443?transport=tcp",
            "turn:192.0.2.1:3478?transport=udp",
            Some(("2001:db8::1", 443, true)),
        ),
    ];
    for (url, plain, stream) in table {
        let (got, streams) = servers(&[url]).unwrap();
        assert_eq!(got, [plain], "{url}");
        let streams: Vec<_> = streams.iter().map(|server| (server.host.as_str(), server.port, server.tls)).collect();
        assert_eq!(streams, Vec::from_iter(stream), "{url}");
    }
}

#[test]
fn each_stream_server_has_a_stand_in_of_its_own() {
    let (plain, streams) = servers(&["turns:a.example", "stun:b.example", "turn:c.example?transport=tcp"]).unwrap();
    assert_eq!(plain.len(), 3);
    assert_eq!(streams.len(), 2);
    assert_ne!(streams[0].stand_in, streams[1].stand_in);
}

#[test]
fn what_is_no_server_is_refused() {
    for url in [
        "",
        "example.org",
        "http://example.org",
        "turn:",
        "turn:example.org:0",
        "turn:example.org:x",
        "turn:a?transport=sctp",
        "turn:[::1",
    ] {
        assert_eq!(servers(&[url]).unwrap_err().code(), "media.bad_ice_server", "{url}");
    }
}

#[tokio::test]
async fn datagrams_keep_their_bounds_on_a_stream() {
    let stun = |length: u16| {
        let mut message = vec![0, 1];
        message.extend(length.to_be_bytes());
        message.resize(20 + usize::from(length), 7);
        message
    };
    let channel_data = |length: u16| {
        let mut message = vec![0x40, 0];
        message.extend(length.to_be_bytes());
        message.resize(4 + usize::from(length), 9);
        message
    };
    let sent = vec![stun(0), channel_data(1), channel_data(172), stun(44), channel_data(3), channel_data(0)];
    let (mut near, mut far) = duplex(16);
    let writing = sent.clone();
    let writer = tokio::spawn(async move {
        for datagram in writing {
            let octets = framed(datagram);
            assert_eq!(octets.len() % 4, 0);
            near.write_all(&octets).await.unwrap();
        }
    });
    let mut received = Vec::new();
    while let Ok(datagram) = read_framed(&mut far).await {
        received.push(datagram);
    }
    writer.await.unwrap();
    assert_eq!(received, sent);
}
