//! TLS towards the server, in the line's own words for what goes wrong.

use super::{of_io, step};
use crate::server::Server;
use crate::{LineError, Trust};
use cuffia_tls::{TlsError, TlsStream};
use tokio::net::TcpStream;

pub(super) async fn connect(
    socket: TcpStream,
    server: &Server,
    trust: &Trust,
) -> Result<TlsStream<TcpStream>, LineError> {
    let protocols: &[&[u8]] = if server.transport.is_web() { &[b"http/1.1"] } else { &[] };
    step(cuffia_tls::connect(socket, server.bare_host(), trust, protocols)).await?.map_err(|error| match error {
        TlsError::BadName(_) => LineError::BadAddress { address: server.host.clone() },
        TlsError::BadCertificate(reason) => LineError::BadCertificate { reason },
        TlsError::Io(error) => of_io(&error),
    })
}
