//! TURN over TCP and TLS (RFC 8656 §2.1, §3.3): the WebRTC core speaks TURN over UDP only.
//!
//! The core is told of a server on an address that exists nowhere. Datagrams for it are carried over a framed stream
//! to the true server, and what comes back is handed to the core as if from that address.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cuffia_tls::Trust;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime,
    Transmit,
};

use crate::error::MediaError;
use crate::handshake::{Repeats, carried};
use crate::types::IceServer;

/// How long a server may take to accept a stream.
const PATIENCE: Duration = Duration::from_secs(5);
/// Datagrams waiting for the stream.
const QUEUE: usize = 64;

/// A server reached by a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamServer {
    /// The address the core knows it by: TEST-NET-1 (RFC 5737), so nothing else can be meant.
    pub stand_in: SocketAddr,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS around it.
    pub tls: bool,
}

impl StreamServer {
    /// The word for statistics.
    pub fn transport(&self) -> &'static str {
        if self.tls { "tls" } else { "tcp" }
    }
}

/// The configured servers as the core takes them, and those to be reached by a stream.
pub fn split(servers: &[IceServer]) -> Result<(Vec<IceServer>, Vec<StreamServer>), MediaError> {
    let (mut plain, mut streams) = (Vec::new(), Vec::<StreamServer>::new());
    for server in servers {
        let bad = || MediaError::BadIceServer { url: server.url.clone() };
        let (scheme, rest) = server.url.split_once(':').ok_or_else(bad)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = query.split('&').find_map(|part| part.strip_prefix("transport="));
        let secure = scheme.eq_ignore_ascii_case("turns") || scheme.eq_ignore_ascii_case("stuns");
        let (host, port) = host_and_port(place, if secure { 5_349 } else { 3_478 }).ok_or_else(bad)?;
        let literal = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let stream = match (scheme.to_ascii_lowercase().as_str(), transport) {
            ("stun", None | Some("udp")) => {
                plain.push(IceServer { url: format!("stun:{literal}:{port}"), ..server.clone() });
                continue;
            }
            ("turn", None | Some("udp")) => {
                plain.push(IceServer { url: format!("turn:{literal}:{port}?transport=udp"), ..server.clone() });
                continue;
            }
            ("turn", Some("tcp")) => false,
            // DTLS to the server is not spoken; over a stream it is what `turns` means.
            ("turns", None | Some("tcp")) => true,
            _ => return Err(bad()),
        };
        let number = u8::try_from(streams.len() + 1).map_err(|_| bad())?;
        let stand_in = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)), 3_478);
        plain.push(IceServer { url: format!("turn:{stand_in}?transport=udp"), ..server.clone() });
        streams.push(StreamServer { stand_in, host, port, tls: stream });
    }
    Ok((plain, streams))
}

fn host_and_port(place: &str, default: u16) -> Option<(String, u16)> {
    let place = place.trim_start_matches("//");
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    (!host.is_empty() && port != 0).then(|| (host.to_owned(), port))
}

/// After a message of ICE the core is asked so soon what it has to do next; longer after it, no more.
const NEXT: Duration = Duration::from_millis(1);
const PAST: Duration = Duration::from_millis(5);

/// Tokio, with streams behind the stand-in addresses, and handshakes that arrive.
#[derive(Debug)]
pub struct StreamRuntime {
    inner: TokioRuntime,
    servers: Vec<StreamServer>,
    trust: Trust,
    /// When a message of ICE came. With the one that decides for a path the core begins its handshake, but sends it with
    /// its next timer only, up to 200 ms later.
    stirred: Arc<Mutex<Option<Instant>>>,
}

impl StreamRuntime {
    pub fn new(servers: Vec<StreamServer>, trust: Trust) -> Self {
        Self { inner: TokioRuntime, servers, trust, stirred: Arc::default() }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for StreamRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let inner = self.inner.wrap_udp_socket(socket)?;
        let streams = self.servers.iter().map(|server| {
            let (to_server, outgoing) = mpsc::channel(QUEUE);
            let (incoming, from_server) = mpsc::channel(QUEUE);
            tokio::spawn(carry(server.clone(), self.trust.clone(), outgoing, incoming));
            Stream { stand_in: server.stand_in, to_server, from_server: Mutex::new(from_server) }
        });
        Ok(Arc::new(Socket {
            inner,
            streams: streams.collect(),
            repeats: Repeats::default(),
            stirred: self.stirred.clone(),
        }))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, address: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(address)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        let stirred = self.stirred.lock().unwrap_or_else(PoisonError::into_inner).take();
        let soon = stirred.is_some_and(|at| at.elapsed() < PAST);
        self.inner.sleep(if soon { duration.min(NEXT) } else { duration })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }
}

/// A UDP socket whose datagrams for a stand-in go another way.
#[derive(Debug)]
struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    streams: Vec<Stream>,
    repeats: Repeats,
    stirred: Arc<Mutex<Option<Instant>>>,
}

#[derive(Debug)]
struct Stream {
    stand_in: SocketAddr,
    to_server: mpsc::Sender<Vec<u8>>,
    from_server: Mutex<mpsc::Receiver<Vec<u8>>>,
}

impl Socket {
    fn came(&self, datagram: &[u8]) {
        // So STUN begins (RFC 7983 §7).
        if carried(datagram).is_some_and(|first| first < 4) {
            *self.stirred.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn poll_send_once(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        match self.streams.iter().find(|stream| stream.stand_in == transmit.destination) {
            None => self.inner.poll_send(cx, transmit),
            Some(stream) => {
                for datagram in datagrams(transmit) {
                    // A full queue is loss, as on UDP.
                    let _ = stream.to_server.try_send(datagram.to_vec());
                }
                Poll::Ready(Ok(transmit.contents.len()))
            }
        }
    }
}

/// Several datagrams may leave as one (GSO).
fn datagrams<'a>(transmit: &Transmit<'a>) -> std::slice::Chunks<'a, u8> {
    transmit.contents.chunks(transmit.segment_size.unwrap_or(transmit.contents.len()).max(1))
}

impl AsyncUdpSocket for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let sent = self.poll_send_once(cx, transmit);
        if matches!(sent, Poll::Ready(Ok(_))) {
            for datagram in datagrams(transmit) {
                self.repeats.note(transmit.destination, datagram);
            }
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // The core reads all the time: so the clock of what leaves again is here.
        while let Poll::Ready(repeat) = self.repeats.poll_due(cx) {
            // One that does not leave now is lost, as on UDP.
            let (destination, contents) = (repeat.destination, repeat.datagram.as_slice());
            let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
            let _ = self.poll_send_once(cx, &transmit);
        }
        for stream in &self.streams {
            let received = stream.from_server.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(cx);
            if let (Poll::Ready(Some(datagram)), Some(buf), Some(meta)) = (received, bufs.first_mut(), meta.first_mut())
            {
                let length = datagram.len().min(buf.len());
                buf[..length].copy_from_slice(&datagram[..length]);
                self.came(&datagram);
                *meta = RecvMeta::default();
                (meta.addr, meta.len, meta.stride) = (stream.stand_in, length, length.max(1));
                return Poll::Ready(Ok(1));
            }
        }
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = received {
            bufs.iter().take(count).for_each(|buf| self.came(buf));
        }
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

/// Carries datagrams for one server until the socket is gone, connecting anew when the stream breaks.
async fn carry(
    server: StreamServer,
    trust: Trust,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    incoming: mpsc::Sender<Vec<u8>>,
) {
    while let Some(first) = outgoing.recv().await {
        let connected = tokio::select! {
            connected = tokio::time::timeout(PATIENCE, TcpStream::connect((server.host.as_str(), server.port))) => connected,
            () = incoming.closed() => return,
        };
        let Ok(Ok(stream)) = connected else {
            tracing::warn!(host = %server.host, port = server.port, "no stream to the relay server");
            continue;
        };
        // Voice does not wait for full segments.
        let _ = stream.set_nodelay(true);
        if server.tls {
            match tokio::time::timeout(PATIENCE, cuffia_tls::connect(stream, &server.host, &trust, &[])).await {
                Ok(Ok(stream)) => exchange(stream, first, &mut outgoing, &incoming).await,
                Ok(Err(error)) => tracing::warn!(host = %server.host, %error, "no TLS to the relay server"),
                Err(_) => tracing::warn!(host = %server.host, "the relay server does not finish its handshake"),
            }
        } else {
            exchange(stream, first, &mut outgoing, &incoming).await;
        }
    }
}

/// Both directions of one stream, until it breaks or the socket is gone.
async fn exchange<S: AsyncRead + AsyncWrite + Send + 'static>(
    stream: S,
    first: Vec<u8>,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
    incoming: &mpsc::Sender<Vec<u8>>,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = async {
        while let Ok(datagram) = read_framed(&mut reader).await {
            if incoming.send(datagram).await.is_err() {
                break;
            }
        }
    };
    let writing = async {
        let mut next = Some(first);
        while let Some(datagram) = next {
            if writer.write_all(&framed(datagram)).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            next = outgoing.recv().await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// On a stream ChannelData is padded to four octets; STUN messages always are (RFC 8656 §12.5).
fn framed(mut datagram: Vec<u8>) -> Vec<u8> {
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

/// Both kinds carry their length in the second word of 16 bits; a STUN message has 20 octets of header beside it.
async fn read_framed<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<Vec<u8>> {
    let mut head = [0u8; 4];
    reader.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let total = if head[0] < 0x40 { 20 + length } else { 4 + length };
    let mut datagram = vec![0u8; total.next_multiple_of(4)];
    datagram[..4].copy_from_slice(&head);
    reader.read_exact(&mut datagram[4..]).await?;
    datagram.truncate(total);
    Ok(datagram)
}

#[cfg(test)]
mod tests;
