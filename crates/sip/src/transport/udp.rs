//! Datagrams. The socket is connected, so only the server is heard, and its absence shows as "refused".

use super::{Arrival, Connection, Ends, Frame, channels, of_io};
use crate::message::MAX_MESSAGE;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;

pub(super) async fn connect(peer: SocketAddr) -> io::Result<Connection> {
    let any: SocketAddr =
        if peer.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    let (connection, ends) = channels(socket.local_addr()?, peer);
    tokio::spawn(run(socket, ends));
    Ok(connection)
}

async fn run(socket: UdpSocket, mut ends: Ends) {
    let mut buffer = vec![0; MAX_MESSAGE + 1];
    loop {
        let arrival = tokio::select! {
            frame = ends.outgoing.recv() => {
                let bytes = match frame {
                    Some(Frame::Message(bytes)) => bytes,
                    // Keeps the binding of an address translator open (RFC 5626 3.5).
                    Some(Frame::Ping) => b"\r\n\r\n".to_vec(),
                    None => return,
                };
                match socket.send(&bytes).await {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Arrival::Closed(of_io(&error)),
                    // Anything else is like a lost datagram: the transaction repeats it.
                    _ => continue,
                }
            }
            received = socket.recv(&mut buffer) => match received {
                Ok(length) => Arrival::Message(buffer[..length].to_vec()),
                Err(error) => Arrival::Closed(of_io(&error)),
            },
        };
        let closed = matches!(arrival, Arrival::Closed(_));
        if ends.arrivals.send(arrival).await.is_err() || closed {
            return;
        }
    }
}
