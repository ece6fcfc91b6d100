#!/usr/bin/env bash
# What a minute shows and a second does not, of the appliance with 10 rules in the lab of lab.sh: whether every byte arrives as it was sent, nothing
# is reordered, no garbage is collected while packets pass, and how soon the first packet passes after a start.
#
# Usage, as root: bench/datapath/integrity.sh, or make bench-integrity
#   BYTES      of the TCP transfer (default 10 GB)
#   DATAGRAMS  default 10 million, in runs of sixteen a flow, which the firewall puts together
#   RATE       of them a second (default 100,000)
#   STARTS     how often it is started (default 11)
# Speaks TAP; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
bytes=${BYTES:-10000000000}
datagrams=${DATAGRAMS:-10000000}
rate=${RATE:-100000}
starts=${STARTS:-11}
export PATH=$PATH:/usr/sbin:/sbin
build/install-packages.sh
. bench/datapath/lab.sh
cc -O2 -Wall -o "$work/integrity" bench/datapath/integrity.c
cc -O2 -Wall -o "$work/traffic" bench/datapath/traffic.c
integrity=$work/integrity
rules 10 198.51.100.0/24 > "$work/rules.json"
config firewall rules.json ""
sed -i 's/"Firewall": {/& "Admin": { "Socket": "admin.sock" },/' "$work/firewall.json"
serve "$work/traffic" echo 5204 &
disown -a
# Until the firewall has its routes nothing passes.
for device in fwb-rc fwb-rs; do in_router ip rule add pref 32765 iif "$device" blackhole; done

number=0
failed=0
check() { # WHAT FIGURE CONDITION (of awk)
    number=$((number + 1))
    local word="ok"
    awk "BEGIN { exit !($3) }" || { word="not ok"; failed=1; }
    echo "$word $number - $1: $2"
}
value() { awk -v name="$1" '{ for (i = 1; i < NF; i += 2) if ($i == name) print $(i + 1) }' "$2"; }
metric() { curl -s --unix-socket "$work/admin.sock" http://firewall/metrics | awk -v name="$1" 'index($1, name) == 1 { sum += $2 } END { printf "%.0f\n", sum }'; }
into_tun() { in_router cat /sys/class/net/fwbench0/statistics/rx_packets; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# The client asks without pause, so the first answer comes with the first packets that pass.
for ((i = 0; i < starts; i++)); do
    in_client "$work/traffic" first-answer 10.0.0.4 5204 > "$work/first" &
    asking=$!
    sleep 0.1
    begun=$(date +%s%N)
    start_appliance firewall
    wait "$asking"
    echo "$(value at_ns "$work/first") $begun" | awk '{ printf "%.1f\n", ($1 - $2) / 1e6 }' >> "$work/starts"
    awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$pid/status" >> "$work/resident"
    stop_firewall
done
check "first packet after a start, median of $starts" "$(median < "$work/starts") ms, worst $(sort -n "$work/starts" | tail -1), at most 150" "$(median < "$work/starts") <= 150"
check "resident memory then" "$(median < "$work/resident") MB, at most 60" "$(median < "$work/resident") <= 60"

start_appliance firewall
until [ -S "$work/admin.sock" ]; do sleep 0.05; done
in_server "$integrity" stream-receive 5201 > "$work/received" &
receiver=$!
sleep 0.2
in_client "$integrity" stream-send 10.0.0.4 5201 "$bytes" > "$work/sent"
wait "$receiver"
sent=$(value sum "$work/sent")
check "checksum of $(value bytes "$work/received") bytes by TCP, $(value seconds "$work/sent") s" "sent $sent, received $(value sum "$work/received")" "\"$sent\" == \"$(value sum "$work/received")\""

in_server "$integrity" datagrams-receive 5202 > "$work/received" &
receiver=$!
sleep 0.2
in_client "$integrity" datagrams-send 10.0.0.4 5202 16 1200 2000 "$rate" > /dev/null # the flows begin, and whatever is done once is done
wait "$receiver"
in_server "$integrity" datagrams-receive 5202 > "$work/received" &
receiver=$!
sleep 0.2
metric dotnet_gc_collections_total > /dev/null # what asking does once is done, too
before=$(into_tun)
collections=$(metric dotnet_gc_collections_total)
allocated=$(metric dotnet_gc_heap_total_allocated_bytes_total)
in_client "$integrity" datagrams-send 10.0.0.4 5202 16 1200 "$datagrams" "$rate" > "$work/sent"
collections=$(($(metric dotnet_gc_collections_total) - collections))
allocated=$(($(metric dotnet_gc_heap_total_allocated_bytes_total) - allocated))
wait "$receiver"
writes=$(($(into_tun) - before))
count=$(value datagrams "$work/sent")
sent=$(value sum "$work/sent")
check "checksum of $(value datagrams "$work/received") of $count datagrams" "sent $sent, received $(value sum "$work/received")" "\"$sent\" == \"$(value sum "$work/received")\""
check "reordered or changed" "$(value reordered "$work/received") and $(value wrong "$work/received")" "$(value reordered "$work/received") + $(value wrong "$work/received") == 0"
check "put together by the firewall: packets that it wrote for $count datagrams" "$writes" "$writes < $count * 3 / 4"
check "garbage collections in these $(value seconds "$work/sent") s" "$collections" "$collections == 0"
check "bytes allocated meanwhile by all threads, with one look at the metrics" "$allocated, $(awk "BEGIN { printf \"%.4f\", $allocated / $count }") a datagram" "$allocated < $count + 1000000"
stop_firewall
echo "1..$number"
exit "$failed"
