# Sourced by run.sh and integrity.sh, as root: a client, a router and a server in namespaces of their own, and the appliance in the router's.
# They and $work go with the shell that sourced it.
firewall=${FIREWALL_EXECUTABLE:-$PWD/artifacts/firewall}
work=$(mktemp -d)

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
serve() { exec ip netns exec fwbench-server "$@"; } # for the background, until the end

for namespace in fwbench-client fwbench-router fwbench-server; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
done
ip link add fwb-c address 02:00:00:00:01:05 netns fwbench-client type veth peer name fwb-rc address 02:00:00:00:01:01 netns fwbench-router
ip link add fwb-s address 02:00:00:00:02:04 netns fwbench-server type veth peer name fwb-rs address 02:00:00:00:02:01 netns fwbench-router
ip -n fwbench-client addr add 203.0.113.5/24 dev fwb-c
ip -n fwbench-router addr add 203.0.113.1/24 dev fwb-rc
ip -n fwbench-router addr add 10.0.0.1/24 dev fwb-rs
ip -n fwbench-server addr add 10.0.0.4/24 dev fwb-s
for pair in client:fwb-c router:fwb-rc router:fwb-rs server:fwb-s; do ip -n "fwbench-${pair%%:*}" link set "${pair##*:}" up; done
ip -n fwbench-client route add default via 203.0.113.1
ip -n fwbench-server route add default via 10.0.0.1
ip -n fwbench-client neigh add 203.0.113.1 lladdr 02:00:00:00:01:01 dev fwb-c
ip -n fwbench-server neigh add 10.0.0.1 lladdr 02:00:00:00:02:01 dev fwb-s
in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
in_client sysctl -qw net.ipv4.ip_local_port_range="1024 65535"
ulimit -n "$(ulimit -Hn)" # 10,000 sockets

# Rules: the last one lets the loads in.
rule() {
    printf '%s{ "name": "%s", "properties": { "priority": %d, "direction": "Inbound", "access": "%s", "protocol": "%s", "sourceAddressPrefix": "%s", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "%s" } }\n' "$@"
}
rules() { # COUNT TAGS
    local i tags=("${@:2}")
    printf '{ "name": "bench", "properties": { "securityRules": [\n'
    for ((i = 1; i < $1; i++)); do
        rule "" "rule-$i" $((100 + i)) "$([ $((i % 4)) = 0 ] && echo Deny || echo Allow)" "$([ $((i % 2)) = 0 ] && echo Tcp || echo Udp)" \
            "${tags[$((i % ${#tags[@]}))]}" "$((6000 + i))-$((6050 + i))"
        printf ','
    done
    rule "" loads $((100 + $1)) Allow "*" "*" 5201-5299
    printf '] } }\n'
}
config() { # NAME RULES TAGS
    printf '{ "Firewall": { "Rules": "%s", "ServiceTags": %s, "Interfaces": [ "fwb-rc", "fwb-rs" ], "Tun": { "Name": "fwbench0" }, "Logging": { "LogLevel": { "Drops": "None" } } } }\n' \
        "$2" "$([ -n "$3" ] && echo "\"$3\"" || echo null)" > "$work/$1.json"
}

start_appliance() {
    # Not the one before, in which somebody is ready already.
    rm -f "$work/firewall.log"
    ip netns exec fwbench-router "$firewall" run --config "$work/$1.json" > "$work/firewall.log" 2>&1 &
    pid=$!
    until grep -qs Ready "$work/firewall.log"; do kill -0 "$pid" 2> /dev/null || { cat "$work/firewall.log" >&2; exit 1; }; done
}
stop_firewall() { kill "$pid" && wait "$pid" 2> /dev/null || true; }
