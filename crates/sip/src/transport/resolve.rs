//! From a server's name to addresses in order of preference (RFC 3263, without NAPTR: the account names the transport).

use crate::LineError;
use crate::server::{Server, Transport};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

const DNS: Duration = Duration::from_secs(3);
/// More targets than this are not tried.
const MAX_TARGETS: usize = 8;

pub(super) async fn addresses(server: &Server) -> Result<Vec<SocketAddr>, LineError> {
    let host = server.bare_host();
    let port = server.port.unwrap_or_else(|| server.default_port());
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let no_such_host = || LineError::NoSuchHost { host: host.to_owned() };
    // RFC 6761 6.4: such a name exists nowhere, no server need be asked.
    if host.trim_end_matches('.').to_ascii_lowercase().ends_with(".invalid") {
        return Err(no_such_host());
    }
    let service = match server.transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws | Transport::Wss => "",
    };
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build()).ok();
    if let (Some(resolver), false, None) = (&resolver, service.is_empty(), server.port) {
        let mut found = Vec::new();
        for (target, port) in services(resolver, &format!("{service}.{host}.")).await {
            found.extend(hosts(Some(resolver), &target, port).await.unwrap_or_default());
        }
        if !found.is_empty() {
            found.truncate(MAX_TARGETS);
            return Ok(found);
        }
    }
    let mut found = hosts(resolver.as_ref(), host, port)
        .await
        .map_err(|slow| if slow { LineError::Timeout } else { no_such_host() })?;
    found.truncate(MAX_TARGETS);
    if found.is_empty() { Err(no_such_host()) } else { Ok(found) }
}

/// SRV targets, lowest priority first; within one priority the greatest weight first.
async fn services(resolver: &TokioResolver, name: &str) -> Vec<(String, u16)> {
    let Ok(Ok(lookup)) = timeout(DNS, resolver.srv_lookup(name)).await else { return Vec::new() };
    let mut found: Vec<_> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, std::cmp::Reverse(srv.weight), srv.target.to_string(), srv.port)),
            _ => None,
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, _, target, port)| (target, port)).collect()
}

/// Addresses of a name; the error says whether DNS was only slow.
async fn hosts(resolver: Option<&TokioResolver>, host: &str, port: u16) -> Result<Vec<SocketAddr>, bool> {
    let bare = host.trim_end_matches('.');
    let local = bare.eq_ignore_ascii_case("localhost") || !bare.contains('.');
    if let (Some(resolver), false) = (resolver, local)
        && let Ok(Ok(lookup)) = timeout(DNS, resolver.lookup_ip(host)).await
    {
        let found: Vec<_> = lookup.iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    // The system's own way also knows the hosts file, a VPN's names and mDNS.
    match timeout(DNS, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(_)) => Err(false),
        Err(_) => Err(true),
    }
}
