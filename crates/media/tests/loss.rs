//! A network that loses the handshake.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use common::{End, loopback};
use cuffia_media::{Codec, Direction};
use tokio::net::UdpSocket;

/// The port of the only candidate in a description.
fn port(sdp: &str) -> u16 {
    let candidate = sdp.lines().find_map(|line| line.strip_prefix("a=candidate:")).unwrap();
    candidate.split(' ').nth(5).unwrap().parse().unwrap()
}

/// What `near` gets from one end goes out at `far` to the other, apart from handshake datagrams (DTLS's content types 20 and 22,
/// RFC 6347 §4.1): each is lost so often, however often it is sent, and only then passes.
async fn carry(near: Arc<UdpSocket>, far: Arc<UdpSocket>, to: SocketAddr, lost: usize) {
    let mut times = HashMap::<Vec<u8>, usize>::new();
    let mut datagram = vec![0; 2_048];
    while let Ok((length, _)) = near.recv_from(&mut datagram).await {
        let datagram = &datagram[..length];
        if matches!(datagram.first(), Some(20 | 22)) {
            let times = times.entry(datagram.to_vec()).or_default();
            *times += 1;
            if *times <= lost {
                continue;
            }
        }
        let _ = far.send_to(datagram, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_sound_where_each_datagram_of_the_handshake_is_lost_three_times() {
    let mut a = End::humming(loopback(&[Codec::Opus]), 440.0).await;
    let mut b = End::humming(loopback(&[Codec::Opus]), 1_000.0).await;
    let bind = async || Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    // What stands for B where A sees it, and for A where B sees it.
    let (as_b, as_a) = (bind().await, bind().await);
    let place = |socket: &UdpSocket| socket.local_addr().unwrap().port();

    let offer = a.session().offer(Direction::SendRecv).await.unwrap();
    let to_a = port(&offer);
    let offer = offer.replace(&format!(" {to_a} "), &format!(" {} ", place(&as_a)));
    let (answer, _) = b.session().answer(&offer, Direction::SendRecv).await.unwrap();
    let to_b = port(&answer);
    let answer = answer.replace(&format!(" {to_b} "), &format!(" {} ", place(&as_b)));
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let carried = [
        tokio::spawn(carry(as_b.clone(), as_a.clone(), local(to_b), 3)),
        tokio::spawn(carry(as_a, as_b, local(to_a), 3)),
    ];
    a.session().accept_answer(&answer).await.unwrap();

    a.connected().await;
    b.connected().await;
    a.hears(1_000.0).await;
    b.hears(440.0).await;
    for carried in carried {
        carried.abort();
    }
}
