#!/usr/bin/env bash
# Bulk TCP through three forwarders in turn, in one run, so that the ratios mean something on a machine whose absolute speed drifts:
#
#      fwbench-client --veth-- fwbench-router --veth-- fwbench-server
#       203.0.113.5                                      10.0.0.4
#
#   kernel   the router forwards, with nftables and conntrack
#   null     bench/null-forwarder, an empty C loop on a TUN with the virtio-net header
#   firewall artifacts/firewall with one rule for the traffic
#
# Usage, as root: bench/datapath/run.sh [ROUNDS [SECONDS]]. Prints each round and the medians; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
seconds=${2:-5}
firewall=${FIREWALL_EXECUTABLE:-$PWD/artifacts/firewall}
work=$(mktemp -d)
PATH=$PATH:/usr/sbin:/sbin

clean() {
    for namespace in fwbench-client fwbench-router fwbench-server; do
        ip netns pids "$namespace" 2> /dev/null | xargs -r kill -KILL 2> /dev/null || true
        ip netns del "$namespace" 2> /dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT
clean
mkdir -p "$work"

in_client() { ip netns exec fwbench-client "$@"; }
in_router() { ip netns exec fwbench-router "$@"; }
in_server() { ip netns exec fwbench-server "$@"; }

for namespace in fwbench-client fwbench-router fwbench-server; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
done
ip link add fwb-c netns fwbench-client type veth peer name fwb-rc netns fwbench-router
ip link add fwb-s netns fwbench-server type veth peer name fwb-rs netns fwbench-router
ip -n fwbench-client addr add 203.0.113.5/24 dev fwb-c
ip -n fwbench-router addr add 203.0.113.1/24 dev fwb-rc
ip -n fwbench-router addr add 10.0.0.1/24 dev fwb-rs
ip -n fwbench-server addr add 10.0.0.4/24 dev fwb-s
for pair in client:fwb-c router:fwb-rc router:fwb-rs server:fwb-s; do ip -n "fwbench-${pair%%:*}" link set "${pair##*:}" up; done
ip -n fwbench-client route add default via 203.0.113.1
ip -n fwbench-server route add default via 10.0.0.1
in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
in_server iperf3 -s -D -I "$work/iperf3.pid" > /dev/null

cat > "$work/rules.json" << 'RULES'
{ "name": "bench", "properties": { "securityRules": [ { "name": "iperf", "properties": { "priority": 100, "direction": "Inbound",
  "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
  "destinationPortRange": "5201" } } ] } }
RULES
cat > "$work/firewall.json" << 'CONFIG'
{ "Firewall": { "Rules": "rules.json", "Interfaces": [ "fwb-rc", "fwb-rs" ], "Tun": { "Name": "fwbench0" } } }
CONFIG

start_kernel() {
    in_router nft -f - << 'NFT'
table ip bench {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct state new tcp dport 5201 accept
    }
}
NFT
}
stop_kernel() { in_router nft delete table ip bench; }

start_null() {
    ip netns exec fwbench-router bench/null-forwarder/null-forwarder -n fwnull0 -o all > "$work/null.log" 2>&1 &
    pid=$!
    until in_router ip link set fwnull0 up txqueuelen 4096 2> /dev/null; do kill -0 "$pid"; done
    in_router ip route replace default dev fwnull0 table 99
    for device in fwb-rc fwb-rs; do in_router ip rule add iif "$device" lookup 99; done
}
stop_null() {
    for device in fwb-rc fwb-rs; do in_router ip rule del iif "$device" lookup 99; done
    kill "$pid" && wait "$pid" 2> /dev/null || true
}

start_firewall() {
    ip netns exec fwbench-router "$firewall" run --config "$work/firewall.json" > "$work/firewall.log" 2>&1 &
    pid=$!
    until grep -q Ready "$work/firewall.log"; do kill -0 "$pid" 2> /dev/null || { cat "$work/firewall.log" >&2; exit 1; }; done
}
stop_firewall() { kill "$pid" && wait "$pid" 2> /dev/null || true; }

measure() {
    in_client iperf3 -c 10.0.0.4 -t "$seconds" -J > "$work/result.json"
    sed -nE '/"sum_received"/,/}/ s/.*"bits_per_second":\s*([0-9.e+]+).*/\1/p' "$work/result.json" | head -1
}

make -s -C bench/null-forwarder
for round in $(seq "$rounds"); do
    for candidate in kernel null firewall; do
        "start_$candidate"
        rate=$(measure)
        "stop_$candidate"
        printf '%s %s\n' "$candidate" "$rate" >> "$work/rates"
        printf 'round %d  %-8s %6.2f Gb/s\n' "$round" "$candidate" "$(awk -v r="$rate" 'BEGIN { print r / 1e9 }')"
    done
done

median() { awk -v c="$1" '$1 == c { print $2 }' "$work/rates" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
awk -v k="$(median kernel)" -v n="$(median null)" -v f="$(median firewall)" 'BEGIN {
    printf "median: kernel %.2f, null %.2f, firewall %.2f Gb/s; firewall/null %.2f, firewall/kernel %.2f\n", k/1e9, n/1e9, f/1e9, f/n, f/k }'
