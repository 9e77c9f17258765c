//! An interface as the bridge uses it: whole frames in and out, with what the kernel left undone in them.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns, RxqOvfl};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg, sendmsg, setsockopt,
    socket,
};
use nix::sys::time::TimeSpec;
// The macros of nix name these by themselves.
use nix::{libc, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// Each frame carries a `virtio_net_hdr`, in both directions.
    PacketVnetHdr,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_VNET_HDR,
    bool
);
sockopt_impl!(
    /// What leaves the interface is not read from it.
    PacketIgnoreOutgoing,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_IGNORE_OUTGOING,
    bool
);

/// What the kernel says of a frame: `struct virtio_net_hdr`, ten octets. Sent with the frame, it makes the kernel finish on the way out
/// what it put off on the way in: sums of packets that never left the machine, and segments larger than any wire allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offload([u8; 10]);

impl Offload {
    /// The transport's sum is left to whoever sends the frame on.
    pub fn unsummed(self) -> bool {
        // VIRTIO_NET_HDR_F_NEEDS_CSUM.
        self.0[0] & 1 != 0
    }

    /// Octets of each datagram, where the frame carries several.
    pub fn datagram_size(self) -> Option<usize> {
        // VIRTIO_NET_HDR_GSO_UDP_L4.
        (self.0[1] == 5).then(|| usize::from(u16::from_ne_bytes([self.0[4], self.0[5]])))
    }
}

/// A frame that was read.
#[derive(Debug)]
pub struct Frame {
    /// From the Ethernet header on.
    pub octets: Vec<u8>,
    /// What goes with it.
    pub offload: Offload,
    /// When the kernel had it, on the system's wall clock since 1970.
    pub stamp: Option<Duration>,
}

/// A bridge's socket on an interface.
#[derive(Debug)]
pub struct Port {
    name: String,
    socket: OwnedFd,
    buffer: Vec<u8>,
    /// Frames the kernel dropped because they were not read in time, as it counts them.
    pub overflowed: u32,
}

/// Octets of the largest segment the kernel makes, with its headers.
const LARGEST: usize = 65_536 + 64;
/// Octets the kernel may keep for us: 10,000 packets of a call, or a window of TCP.
const WAITING: usize = 8 << 20;

impl Port {
    /// Opens an interface by its name.
    ///
    /// # Errors
    /// What to do: there is no such interface, or it may not be opened.
    pub fn open(name: &str) -> Result<Self, String> {
        let addresses = nix::ifaddrs::getifaddrs().map_err(|e| format!("the interfaces cannot be listed: {e}"))?;
        let mut links = addresses.filter(|interface| interface.interface_name == name);
        let link = links.find_map(|interface| interface.address?.as_link_addr().copied());
        let link = link
            .ok_or_else(|| format!("{name}: there is no such interface here; see `ip link`, in the same namespace"))?;
        let opened = || -> Result<OwnedFd, Errno> {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
            setsockopt(&socket, PacketVnetHdr, &true)?;
            setsockopt(&socket, PacketIgnoreOutgoing, &true)?;
            setsockopt(&socket, RcvBufForce, &WAITING)?;
            setsockopt(&socket, ReceiveTimestampns, &true)?;
            setsockopt(&socket, RxqOvfl, &1)?;
            bind(socket.as_raw_fd(), &link)?;
            Ok(socket)
        };
        let socket = opened().map_err(|e| format!("{name}: cannot be opened, run as root: {e}"))?;
        Ok(Self { name: name.to_owned(), socket, buffer: vec![0; LARGEST], overflowed: 0 })
    }

    /// The next frame; none: no more for now.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn receive(&mut self) -> Result<Option<Frame>, String> {
        let mut header = [0; 10];
        let mut control = nix::cmsg_space!(TimeSpec, u32);
        let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(&mut self.buffer)];
        let message = match recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()) {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            // Taken down is not gone: it may come up again.
            Err(Errno::ENETDOWN) if nix::net::if_::if_nametoindex(self.name.as_str()).is_ok() => return Ok(None),
            Err(e) => return Err(format!("{}: the interface is gone: {e}", self.name)),
        };
        let mut stamp = None;
        for note in message.cmsgs().into_iter().flatten() {
            match note {
                ControlMessageOwned::ScmTimestampns(at) => stamp = Some(Duration::from(at)),
                ControlMessageOwned::RxqOvfl(frames) => self.overflowed = frames,
                _ => {}
            }
        }
        let length = message.bytes.saturating_sub(header.len());
        Ok(Some(Frame { octets: self.buffer[..length].to_vec(), offload: Offload(header), stamp }))
    }

    /// Sends a frame; false: the interface did not take it.
    pub fn send(&self, octets: &[u8], offload: Offload) -> bool {
        let parts = [IoSlice::new(&offload.0), IoSlice::new(octets)];
        sendmsg::<()>(self.socket.as_raw_fd(), &parts, &[], MsgFlags::MSG_DONTWAIT, None).is_ok()
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
