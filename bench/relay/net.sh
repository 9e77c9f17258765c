#!/usr/bin/env bash
# net.sh: two hosts, a at 10.77.0.1 (interface va) and b at 10.77.0.2 (vb), with the machine m between them, whose interfaces ma and mb
# cuffia-relay joins. Each is a network namespace of its own. Needs root and iproute2.
#
#   net.sh up DIR                       makes them; DIR keeps their names, so two runs never meet
#   CUFFIA_NET=DIR net.sh in a|b|m CMD… runs CMD in one of them
#   net.sh down DIR                     takes them away
#
#   export CUFFIA_NET=$(mktemp -d); net.sh up "$CUFFIA_NET"
#   net.sh in m chrt -f 10 target/release/cuffia-relay ma mb config.json stats.json & …
set -Eeuo pipefail

say() {
  printf 'net.sh: %s\n' "$*" >&2
  exit 1
}

names() {
  [ -r "$1/net" ] || say "no network was made in $1: run net.sh up $1"
  net=$(<"$1/net")
}

take_down() {
  # By the middle, so that the pairs are gone even while somebody still stays in a namespace.
  ip -n "$net-m" link del ma 2>/dev/null || true
  ip -n "$net-m" link del mb 2>/dev/null || true
  for host in a b m; do ip netns del "$net-$host" 2>/dev/null || true; done
  rm -f "$1/net"
}

bring_up() {
  local host
  for host in a b m; do
    ip netns add "$net-$host"
    ip -n "$net-$host" link set lo up
  done
  ip link add va netns "$net-a" address 02:00:0a:4d:00:01 type veth peer name ma netns "$net-m"
  ip link add vb netns "$net-b" address 02:00:0a:4d:00:02 type veth peer name mb netns "$net-m"
  for end in a:va b:vb m:ma m:mb; do
    host=$net-${end%:*} interface=${end#*:}
    # Solicitations of IPv6 would be counted, and draw from the seed.
    ip netns exec "$host" sysctl -qw "net.ipv6.conf.$interface.disable_ipv6=1" 2>/dev/null || true
    # The relay copes with unfinished sums and segments; without them a capture shows what a wire would carry.
    if command -v ethtool >/dev/null; then
      ip netns exec "$host" ethtool -K "$interface" tx off tso off gso off >/dev/null 2>&1 || true
    fi
    ip -n "$host" link set dev "$interface" up
  done
  ip -n "$net-a" addr add 10.77.0.1/24 dev va
  ip -n "$net-b" addr add 10.77.0.2/24 dev vb
  # What waits for ARP comes late and may be overtaken, which nobody asked for.
  ip -n "$net-a" neigh add 10.77.0.2 lladdr 02:00:0a:4d:00:02 dev va nud permanent
  ip -n "$net-b" neigh add 10.77.0.1 lladdr 02:00:0a:4d:00:01 dev vb nud permanent
  # Some phones take a host without a default route for offline.
  ip -n "$net-a" route add default via 10.77.0.2
  ip -n "$net-b" route add default via 10.77.0.1
}

[ "$(id -u)" = 0 ] || say "network namespaces need root"
case ${1-} in
  up)
    [ -d "${2-}" ] || say "usage: net.sh up DIR, where DIR is a folder of yours"
    [ ! -e "$2/net" ] || say "$2 has a network: run net.sh down $2 first"
    net=cuffia-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    echo "$net" >"$2/net"
    dir=$2
    trap 'take_down "$dir"' ERR
    bring_up
    ;;
  down)
    names "${2-}"
    take_down "$2"
    ;;
  in)
    names "${CUFFIA_NET:?set it to the DIR of net.sh up}"
    case ${2-} in a | b | m) ;; *) say "usage: CUFFIA_NET=DIR net.sh in a|b|m CMD…" ;; esac
    [ $# -gt 2 ] || say "usage: CUFFIA_NET=DIR net.sh in a|b|m CMD…"
    exec ip netns exec "$net-$2" "${@:3}"
    ;;
  *) say "usage: net.sh up|down DIR, or CUFFIA_NET=DIR net.sh in a|b|m CMD…" ;;
esac
