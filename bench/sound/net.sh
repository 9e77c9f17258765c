#!/usr/bin/env bash
# net.sh up|down DIR, net.sh in a|b|m CMD: two hosts 10.77.0.1 and .2 in namespaces, joined directly.
set -eu
case $1 in
up)
  for n in a b; do ip netns add "bench-$n"; ip -n "bench-$n" link set lo up; done
  ip link add va netns bench-a type veth peer name vb netns bench-b
  ip -n bench-a addr add 10.77.0.1/24 dev va; ip -n bench-b addr add 10.77.0.2/24 dev vb
  ip -n bench-a link set va up; ip -n bench-b link set vb up
  ip -n bench-a route add default via 10.77.0.2; ip -n bench-b route add default via 10.77.0.1 ;;
down) for n in a b; do ip netns del "bench-$n" || true; done ;;
in) n=$2; shift 2; exec ip netns exec "bench-$n" "$@" ;;
esac
