#!/usr/bin/env bash
# The data path benchmark: several forwarders in turn, in one run, so that the ratios mean something on a machine whose absolute speed drifts.
#
#      fwbench-client --veth-- fwbench-router --veth-- fwbench-server
#       203.0.113.5                                      10.0.0.4
#
#   kernel         the router forwards, with nftables and conntrack
#   null           bench/null-forwarder, an empty C loop on a TUN with the virtio-net header
#   ovs            Open vSwitch's userspace datapath with conntrack
#   nfqueue        nftables sends every packet to a C program that accepts all
#   firewall       artifacts/firewall with 10 rules
#   firewall-1000  the same with 1,000 rules that use the whole service tag file, if there is one beside the checkout
#   firewall-single as firewall, with one queue where it would take several
#   firewall-alone     with 10 rules, and nothing that watches: no admin socket, no log, no kept packets
#   firewall-observed  with all that watches: flow logs in every format, activity log, drops log and capture, a scrape of the metrics a second,
#                      metrics by OTLP, two followers of drops, one of the activity log, and firewall top
#
# Usage, as root: bench/datapath/run.sh [ROUNDS [SECONDS]], or make bench-datapath
#   CANDIDATES, LOADS  choose some of them, by spaces
#   RATE               datagrams offered a second (default 450000)
#   CONGESTION         the hosts' congestion control (default the machine's). It decides what a single transfer reaches: bbr paces itself by a
#                      timer for every super-packet, and stays below what any candidate carries
#   OUTPUT             where the JSON goes (default artifacts/bench/datapath.json)
# Prints each measurement, then a table of medians; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
seconds=${2:-3}
if ! [[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "bench/datapath/run.sh [ROUNDS [SECONDS]]: both are numbers of 1 or more, not '$rounds' and '$seconds'. CANDIDATES, LOADS, RATE and OUTPUT are taken from the environment." >&2
    exit 2
fi
rate=${RATE:-450000}
congestion=${CONGESTION:-$(< /proc/sys/net/ipv4/tcp_congestion_control)}
allowed_congestion=$(< /proc/sys/net/ipv4/tcp_allowed_congestion_control) # what a namespace of its own may choose
[[ " $allowed_congestion " == *" $congestion "* ]] || { echo "bench/datapath/run.sh: CONGESTION is '$congestion'; this machine allows $allowed_congestion. More of them: sysctl net.ipv4.tcp_allowed_congestion_control" >&2; exit 2; }
candidates=${CANDIDATES:-kernel null ovs nfqueue firewall firewall-1000}
all_loads="tcp1 tcp8 udp1 udp256 udp10000 udp1400 connections idle loaded flooded"
loads=${LOADS:-$all_loads}
for candidate in $candidates; do
    [[ " kernel null ovs nfqueue firewall firewall-1000 firewall-single firewall-alone firewall-observed " == *" $candidate "* ]] || { echo "bench/datapath/run.sh: CANDIDATES names '$candidate'; the first lines of the script list them" >&2; exit 2; }
done
for load in $loads; do
    [[ " $all_loads " == *" $load "* ]] || { echo "bench/datapath/run.sh: LOADS names '$load'; there are $all_loads" >&2; exit 2; }
done
output=${OUTPUT:-artifacts/bench/datapath.json}
export PATH=$PATH:/usr/sbin:/sbin
needed=()
command -v nft > /dev/null || needed+=(nftables)
command -v ethtool > /dev/null || needed+=(ethtool)
[[ $candidates != *ovs* ]] || command -v ovs-vswitchd > /dev/null || needed+=(openvswitch-switch)
[[ $candidates != *nfqueue* ]] || [ -e /usr/include/libnetfilter_queue ] || needed+=(libnetfilter-queue-dev)
build/install-packages.sh ${needed[@]+"${needed[@]}"}
. bench/datapath/lab.sh
for host in in_client in_server; do "$host" sysctl -qw net.ipv4.tcp_congestion_control="$congestion"; done
mkdir -p "$(dirname "$output")"

cc -O2 -Wall -o "$work/traffic" bench/datapath/traffic.c
if [[ $candidates == *nfqueue* ]]; then cc -O2 -Wall -o "$work/nfqueue-accept" bench/datapath/nfqueue-accept.c -lnetfilter_queue; fi
make -s -C bench/null-forwarder
traffic=$work/traffic
in_server iperf3 -s -D -p 5201 > /dev/null
serve "$traffic" accept 5203 &
serve "$traffic" echo 5204 &
disown -a

rules 10 198.51.100.0/24 > "$work/rules.json"
tag_file=${FIREWALL_SHARED:-$PWD/../shared}/data/service-tags/ServiceTags_Public.json
if [ -e "$tag_file" ]; then
    mapfile -t tags < <(grep -oE '"name": *"[A-Za-z0-9.]+"' "$tag_file" | cut -d'"' -f4 | sort -u | head -999)
else
    tag_file=
    mapfile -t tags < <(for i in {1..250}; do echo "198.51.$i.0/24"; done)
fi
rules 1000 "${tags[@]}" > "$work/rules-1000.json"
config firewall rules.json ""
sed 's/"Name": "fwbench0"/&, "Queues": 1/' "$work/firewall.json" > "$work/firewall-single.json"
cat > "$work/firewall-alone.json" << CONFIG
{ "Firewall": { "Rules": "rules.json", "Interfaces": [ "fwb-rc", "fwb-rs" ], "Tun": { "Name": "fwbench0" }, "Logging": { "LogLevel": { "Drops": "None" } },
    "Admin": { "Socket": "none" }, "ActivityLog": { "File": "none" }, "Drops": { "KeptPackets": 0 } } }
CONFIG
cat > "$work/firewall-observed.json" << CONFIG
{ "Firewall": { "Rules": "rules.json", "Interfaces": [ "fwb-rc", "fwb-rs" ], "Tun": { "Name": "fwbench0" },
    "Admin": { "Socket": "admin.sock" }, "ActivityLog": { "File": "activity.jsonl" },
    "FlowLogs": { "Folder": "flow-logs", "Lines": "flow-logs/lines.jsonl", "AllProtocols": true, "Interval": 1, "ContinueInterval": 1 },
    "Otlp": { "Endpoint": "http://127.0.0.1:4318", "Interval": 1 } } }
CONFIG
config firewall-1000 rules-1000.json "$tag_file"

start_kernel() {
    in_router nft -f - << 'NFT'
table ip bench {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct state new tcp dport 5201-5299 accept
        ct state new udp dport 5201-5299 accept
    }
}
NFT
    pid=
}
stop_kernel() { in_router nft delete table ip bench; }

start_nfqueue() {
    in_router "$work/nfqueue-accept" > "$work/nfqueue.log" &
    pid=$!
    until grep -q ready "$work/nfqueue.log"; do kill -0 "$pid"; done
    in_router nft 'table ip bench { chain forward { type filter hook forward priority 0; policy accept; queue num 0; }; }'
}
stop_nfqueue() {
    in_router nft delete table ip bench
    kill "$pid" && wait "$pid" 2> /dev/null || true
}

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

# Between two routed networks, so addresses of the link layer are rewritten. It reads packets from the wire with AF_PACKET, where checksums
# have to be finished: the hosts' own offloads are off meanwhile.
start_ovs() {
    mkdir -p "$work/ovs"
    export OVS_RUNDIR=$work/ovs OVS_DBDIR=$work/ovs
    in_router sysctl -qw net.ipv4.ip_forward=0
    in_client ethtool -K fwb-c tx off > /dev/null 2>&1
    in_server ethtool -K fwb-s tx off > /dev/null 2>&1
    ovsdb-tool create "$work/ovs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    in_router ovsdb-server "$work/ovs/conf.db" --remote="punix:$work/ovs/db.sock" --pidfile --detach --no-chdir --log-file="$work/ovs/db.log" 2> /dev/null
    ovs-vsctl --db="unix:$work/ovs/db.sock" --no-wait init
    in_router ovs-vswitchd "unix:$work/ovs/db.sock" --pidfile --detach --no-chdir --log-file="$work/ovs/switch.log" 2> /dev/null
    ovs-vsctl --db="unix:$work/ovs/db.sock" add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure \
        -- add-port br0 fwb-rc -- set interface fwb-rc ofport_request=1 -- add-port br0 fwb-rs -- set interface fwb-rs ofport_request=2
    ovs-ofctl add-flows "unix:$work/ovs/br0.mgmt" - << 'FLOWS'
table=0,ip,actions=ct(table=1)
table=1,ct_state=+new,in_port=1,tcp,tp_dst=0x1440/0xffc0,actions=ct(commit),goto_table:2
table=1,ct_state=+new,in_port=1,udp,tp_dst=0x1440/0xffc0,actions=ct(commit),goto_table:2
table=1,ct_state=+est,actions=goto_table:2
table=2,in_port=1,actions=mod_dl_src:02:00:00:00:02:01,mod_dl_dst:02:00:00:00:02:04,dec_ttl,output:2
table=2,in_port=2,actions=mod_dl_src:02:00:00:00:01:01,mod_dl_dst:02:00:00:00:01:05,dec_ttl,output:1
FLOWS
    pid=$(cat "$work/ovs/ovs-vswitchd.pid")
}
stop_ovs() {
    kill "$pid" "$(cat "$work/ovs/ovsdb-server.pid")" 2> /dev/null || true
    while kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
    in_router ip link del br0 2> /dev/null || true
    in_router ip link del ovs-netdev 2> /dev/null || true
    rm -rf "$work/ovs"
    in_client ethtool -K fwb-c tx on tso on gso on > /dev/null 2>&1 || true
    in_server ethtool -K fwb-s tx on tso on gso on > /dev/null 2>&1 || true
    in_router sysctl -qw net.ipv4.ip_forward=1
}

start_firewall-alone() { start_appliance firewall-alone; }
stop_firewall-alone() { stop_firewall; }
start_firewall-observed() {
    rm -rf "$work/flow-logs"
    start_appliance firewall-observed
    watchers=()
    until [ -S "$work/admin.sock" ]; do sleep 0.05; done
    for what in "drops follow" "drops follow --per-second 1000 --format json" "top --interval 1"; do
        # shellcheck disable=SC2086 # words
        "$firewall" $what --socket "$work/admin.sock" > /dev/null 2>&1 < /dev/null &
        watchers+=($!)
    done
    "$firewall" activity follow --file "$work/activity.jsonl" > /dev/null 2>&1 &
    watchers+=($!)
    while sleep 1; do curl -s --unix-socket "$work/admin.sock" http://firewall/metrics > /dev/null; done &
    watchers+=($!)
    # As a collector that takes metrics and never answers. Not through the function, whose shell would be killed instead.
    ip netns exec fwbench-router "$traffic" accept 4318 &
    watchers+=($!)
    sleep 1 # they are programs that start, which is not what is measured
}
stop_firewall-observed() {
    kill "${watchers[@]}" 2> /dev/null || true
    wait "${watchers[@]}" 2> /dev/null || true
    stop_firewall
}

start_firewall() { start_appliance firewall; }
start_firewall-single() { start_appliance firewall-single; }
stop_firewall-single() { stop_firewall; }
start_firewall-1000() { start_appliance firewall-1000; }
stop_firewall-1000() { stop_firewall; }

# Each load prints "metric value" lines.
bulk() { # FLOWS
    in_client timeout "$((seconds + 20))" iperf3 -c 10.0.0.4 -p 5201 -P "$1" -t "$seconds" -J > "$work/result.json" || true
    awk '/"sum_received"/ { found = 1 } found && /"bits_per_second"/ { gsub(/,/, ""); print "gbps", $2 / 1e9; exit }' "$work/result.json"
}
datagrams() { # FLOWS SIZE
    in_server "$traffic" udp-receive 5202 > "$work/received" &
    local receiver=$!
    sleep 0.1
    in_client "$traffic" udp-send 10.0.0.4 5202 "$1" "$2" "$seconds" "$rate" > "$work/sent"
    wait "$receiver"
    cat "$work/sent" "$work/received" | tr '\n' ' ' | awk '{ print "kpps", $6 / $10 / 1000; print "offered_kpps", $2 / $4 / 1000; print "lost_percent", 100 * (1 - $6 / $2); print "reordered", $8 }'
}
trips() { in_client "$traffic" round-trip 10.0.0.4 5204 "$seconds" | awk '{ print "p50_us", $2; print "p99_us", $4; print "lost", $8 }'; }
load_tcp1() { bulk 1; }
load_tcp8() { bulk 8; }
load_udp1() { datagrams 1 64; }
load_udp256() { datagrams 256 64; }
load_udp10000() { datagrams 10000 64; }
load_udp1400() { datagrams 1 1400; }
load_connections() { in_client "$traffic" connect 10.0.0.4 5203 "$seconds" | awk '{ print "per_second", $2 / $6; print "failed", $4 }'; }
load_idle() { trips; }
load_loaded() {
    in_client timeout "$((seconds + 20))" iperf3 -c 10.0.0.4 -p 5201 -t "$((seconds + 2))" > /dev/null &
    sleep 0.5
    trips
    wait $!
}
# The transfers are there before the flood: how many of its own a flood lets through is another question.
load_flooded() {
    (sleep 0.5 && in_client "$traffic" syn-flood 10.0.0.4 5299 50000 "$seconds" > /dev/null) &
    local flood=$!
    bulk 8
    wait "$flood"
}

ticks() { [ -z "$pid" ] && echo 0 || awk '{ print $14 + $15 }' "/proc/$pid/stat"; }

# Some kernels have no NFQUEUE (nft_queue).
if [[ $candidates == *nfqueue* ]] && ! in_router nft 'table ip probe { chain forward { queue num 0; }; }; delete table ip probe' 2> /dev/null; then
    echo "nfqueue is left out: this kernel has no nft_queue"
    candidates=${candidates/nfqueue/}
fi

# Forwards and backwards: whoever comes first in a round was three per cent faster.
backwards=$(printf '%s\n' $candidates | tac)
for round in $(seq "$rounds"); do
    turns=$candidates
    [ $((round % 2)) = 1 ] || turns=$backwards
    for candidate in $turns; do
        "start_$candidate"
        for load in $loads; do
            before=$(ticks)
            "load_$load" > "$work/values" || true
            printf 'cpu_seconds %s\n' "$(awk -v a="$before" -v b="$(ticks)" -v hz="$(getconf CLK_TCK)" 'BEGIN { print (b - a) / hz }')" >> "$work/values"
            awk -v s="$seconds" '{ v[$1] = $2 } END {
                if (v["kpps"] > 0) print "cpu_seconds_per_million", v["cpu_seconds"] / (v["kpps"] * s / 1000)
                if (v["gbps"] > 0) print "cpu_seconds_per_gigabyte", v["cpu_seconds"] / (v["gbps"] * s / 8) }' "$work/values" > "$work/derived"
            cat "$work/derived" >> "$work/values"
            awk -v r="$round" -v c="$candidate" -v l="$load" '{ print r, c, l, $1, $2 }' "$work/values" >> "$work/all"
            printf 'round %d  %-14s %-12s %s\n' "$round" "$candidate" "$load" "$(tr '\n' ' ' < "$work/values")"
        done
        "stop_$candidate"
    done
done

# Medians: a table of the first metric of each load with its ratios, and all of them as JSON.
sort -k2,2 -k3,3 -k4,4 -k5,5g "$work/all" | awk '{ key = $2 " " $3 " " $4; if (key != last) { if (last != "") print last, v[int((n + 1) / 2)]; n = 0; last = key } v[++n] = $5 }
    END { print last, v[int((n + 1) / 2)] }' > "$work/medians"
awk -v candidates="$candidates" -v loads="$loads" '
    { m[$1, $2, $3] = $4 }
    END {
        n = split(candidates, c, " "); k = split(loads, l, " ")
        main["tcp1"] = main["tcp8"] = main["flooded"] = "gbps"; main["connections"] = "per_second"; main["idle"] = main["loaded"] = "p50_us"
        printf "%-24s", "median"; for (i = 1; i <= n; i++) printf "%18s", c[i]; print "   firewall/null firewall/kernel"
        for (j = 1; j <= k; j++) {
            metrics = (l[j] in main) ? main[l[j]] : "kpps"
            if (metrics == "p50_us") metrics = "p50_us p99_us"
            count = split(metrics, names, " ")
            for (q = 1; q <= count; q++) {
                printf "%-24s", l[j] " " names[q]
                for (i = 1; i <= n; i++) printf "%18.2f", m[c[i], l[j], names[q]]
                f = m["firewall", l[j], names[q]]
                printf "%16s %15s\n", m["null", l[j], names[q]] ? sprintf("%.2f", f / m["null", l[j], names[q]]) : "-", m["kernel", l[j], names[q]] ? sprintf("%.2f", f / m["kernel", l[j], names[q]]) : "-"
            }
        }
    }' "$work/medians"
{
    printf '{ "date": "%s", "kernel": "%s", "cores": %s, "rounds": %s, "seconds": %s, "offeredPerSecond": %s, "congestionControl": "%s", "medians": [\n' \
        "$(date -u +%F)" "$(uname -r)" "$(nproc)" "$rounds" "$seconds" "$rate" "$congestion"
    awk '{ printf "%s  { \"candidate\": \"%s\", \"load\": \"%s\", \"metric\": \"%s\", \"value\": %s }", (NR > 1 ? ",\n" : ""), $1, $2, $3, $4 }' "$work/medians"
    printf '\n] }\n'
} > "$output"
echo "all medians: $output"
