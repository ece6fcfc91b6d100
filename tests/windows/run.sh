#!/usr/bin/env bash
# The win-x64 executable on Wine, over the stand-in for wintun.dll: it answers verify and replay as the Linux one does, and a real SSH
# session passes through it, from being denied to being cut. Needs root. Prints TAP; where Wine or mingw-w64 cannot be had it skips and says why.
#
#        client                          firewall                               vm
#   +---------------+   +-------------------------------------+   +----------------+
#   |      ssh      |---| outside ──► a TUN ──► inside      |---|      sshd      |
#   +---------------+   |             wintun-bridge           |   +----------------+
#                       |               │ UDP on lo           |
#                       |  wintun.dll, firewall.exe on Wine   |
#                       +-------------------------------------+
#
# The bridge's TUN stands where Windows would have the adapter. Packets are led to it by Linux's policy routing, which Windows has not: this
# proves the executable and its device, not Windows' routing (docs/WINDOWS.md).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

stage=fwwin
state=/run/firewall-windows-test
work=$PWD/artifacts/windows
executable=$work/firewall.exe
tests=$PWD/artifacts/windows-tests/Firewall.Tests.exe
linux=${FIREWALL_EXECUTABLE:-$PWD/artifacts/firewall}
port=51820
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/wine

if [ "$(id -u)" -ne 0 ]; then
    echo "make test-windows: needs root, because it makes network namespaces and a TUN device" >&2
    exit 1
fi

source tests/tap.sh
source tests/ssh-stage.sh
planned=36

skip() {
    echo "1..1"
    echo "ok 1 - the Windows executable on Wine # SKIP $1"
    exit 0
}

diagnose() {
    quote "$state/output" 10 "it said:"
    quote "$state/ssh.err" 5 "ssh said:"
    quote "$state/firewall.log" 20 "the firewall's last lines:"
    quote "$state/bridge.log" 5 "the bridge said:"
    quote "$state/sshd.log" 5 "sshd's last lines:"
}

# What is missing, as one line; the machine is asked, not the packages' names.
missing() {
    command -v wine > /dev/null || echo "Wine is not there and could not be installed"
    command -v x86_64-w64-mingw32-gcc > /dev/null || echo "mingw-w64 is not there and could not be installed"
}

if [ "${1:-}" = --check ]; then
    [ "$(uname -m)" = x86_64 ] || skip "Wine's 64-bit programs need an x86-64 machine"
    if [ -n "$(missing)" ]; then
        build/install-packages.sh wine wine64 gcc-mingw-w64-x86-64 > /dev/null 2>&1
    fi
    exit 0
fi
[ "$(uname -m)" = x86_64 ] || exit 0
why=$(missing | head -n 1)
[ -z "$why" ] || skip "$why"

# ---------------------------------------------------------------- Wine

# Everything of Wine runs in the gateway's namespace: its server makes the sockets. No display, no Mono, no Gecko, no word of debugging.
export WINEPREFIX=$work/wine WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="mshtml=;winemenubuilder.exe=" DISPLAY=
export DOTNET_NOLOGO=1

in_gateway() { ip netns exec $gateway "$@"; }

# windows ARGUMENTS...: runs the executable; what it says goes to $state/output. A program of Wine's now and then dies with its server's
# connection, before it did anything: that is Wine's, and it is run once more.
windows() { unless_wine_is_lost 60 "$executable" "$@"; }
unless_wine_is_lost() {
    local attempt code
    for attempt in 1 2; do
        in_gateway timeout "$1" wine "${@:2}" > $state/output 2> $state/errors < /dev/null
        code=$?
        if [ $code -eq 0 ] || ! grep -q '^wine client error' $state/errors; then break; fi
        say "Wine lost its server, attempt $attempt: ${*:2:3}"
    done
    return $code
}

stop_wine() {
    in_gateway wineserver -k 2> /dev/null
    in_gateway timeout 10 wineserver -w 2> /dev/null
}

start_bridge() {
    in_gateway sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done'
    in_gateway "$work/wintun-bridge" adapter $port > $state/bridge.log 2>&1 < /dev/null &
    within 5 grep -qs ready $state/bridge.log || return 1
    local interface
    for interface in outside inside; do
        ip -n $gateway rule add iif $interface lookup 100 priority 100 || return 1
    done
    ip -n $gateway route add default dev adapter table 100
}

start_firewall() {
    cat > $state/firewall.json <<- CONFIG
		{
		  "Firewall": {
		    "Rules": "rules.json",
		    "VirtualNetwork": { "AddressPrefixes": [ "10.0.0.0/24" ] },
		    "ActivityLog": { "File": "activity.jsonl" },
		    "JustInTime": { "Policies": "jit.json" },
		    "Windows": { "RingCapacity": 1048576, "Addresses": [ "10.255.0.1/30" ], "Routes": [ "10.0.0.0/24" ] }
		  }
		}
	CONFIG
    WINTUN_STANDIN_PORT=$port ip netns exec $gateway wine "$executable" run --config "Z:${state//\//\\}\\firewall.json" > $state/firewall.log 2>&1 < /dev/null &
    firewall_job=$!
    within 40 grep -qs 'Ready: ' $state/firewall.log
}

write_jit_policy() {
    cat > $state/jit.json.new <<- POLICY
		{
		  "name": "default",
		  "properties": { "virtualMachines": [ {
		    "id": "vm-web1", "privateIpAddress": "$vm_address",
		    "ports": [ { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" } ]
		  } ] }
		}
	POLICY
    mv $state/jit.json.new $state/jit.json
}

session_has_ended() { ! session_runs; }

# The process of the executable itself, by what it was started as.
firewall_process() { ip netns pids $gateway | while read -r pid; do tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | grep -q 'firewall.exe run' && echo "$pid"; done | head -n 1; }

# ---------------------------------------------------------------- the story

take_stage
echo "1..$planned"
set_stage || give_up "the network namespaces could not be made"
start_sshd || give_up "sshd did not start in the vm's namespace"
trap 'stop_wine; finish' EXIT
# A new one each time: services of an older run would start in it.
mkdir -p "$work" && rm -rf "$WINEPREFIX"
in_gateway timeout 120 wineboot -i > $state/output 2>&1 || give_up "Wine cannot make its prefix"
# What the executable asks of Windows is Windows 10's.
in_gateway timeout 60 wine winecfg -v win10 > $state/output 2>&1
# A service inherits nothing of this shell. Wine reads this when its session begins, so the one that has written it must end.
environment='HKLM\System\CurrentControlSet\Control\Session Manager\Environment'
in_gateway timeout 30 wine reg add "$environment" /v WINTUN_STANDIN_PORT /d $port /f > $state/output 2>&1
in_gateway timeout 30 wineserver -w
# Wine's services end with the last program that is none, and write where the first one did: this one waits for input, and none comes.
# It must be the first, so the rest comes after its prompt.
(in_gateway sh -c 'sleep 900 | WINEDEBUG=-all,+eventlog wine cmd') > $state/prompt 2> $state/events &
within 60 grep -qs '>' $state/prompt || give_up "Wine's cmd did not start"
say "$(wine --version), $(x86_64-w64-mingw32-gcc --version | head -n 1)"

windows --version && grep -q '^firewall 0' $state/output
result "the win-x64 executable starts:" $state/output

verify=(verify --rules docs/rules/nsg-web.json --direction Inbound --protocol Tcp --local 10.20.1.4:22 --remote 198.51.100.7 --format json)
windows "${verify[@]}" && "$linux" "${verify[@]}" > $state/expected && diff --strip-trailing-cr $state/expected $state/output > /dev/null
result "verify answers as on Linux:" $state/output

windows rules validate docs/rules/nsg-web.json; ours=$?
"$linux" rules validate docs/rules/nsg-web.json > $state/expected; [ $? -eq $ours ] && diff --strip-trailing-cr $state/expected $state/output > /dev/null
result "rules validate answers as on Linux"

write_rules '' false
mv "$work/wintun.dll" "$work/wintun.dll.away"
cat > $state/none.json <<< '{ "Firewall": { "Rules": "rules.json" } }'
windows run --config "Z:${state//\//\\}\\none.json"; code=$?
mv "$work/wintun.dll.away" "$work/wintun.dll"
[ $code -eq 1 ] && grep -q 'wintun.dll is missing; get Wintun from https://www.wintun.net' $state/errors
result "without wintun.dll it says where to get it" && sed 's/^/#   /' $state/errors

in_gateway tcpdump -i inside -U -w $state/capture.pcap > /dev/null 2> $state/tcpdump.log &
within 5 grep -qs 'listening on' $state/tcpdump.log
ssh_connects
result "without the firewall, ssh from $client_address reaches the vm" || give_up "the network itself does not work"

echo '[]' > $state/jit.json
start_bridge || give_up "the bridge did not start"
ssh_times_out
result "packets led to the adapter go nowhere while no firewall runs"
start_firewall
result "the firewall starts over wintun.dll" || give_up "the firewall did not start"
quote_log 'Wintun adapter'
quote_log 'Ready: '

in_force 1
ssh_times_out
within 15 firewall_log_shows "$client_address.*$vm_address:22.*DenyAllInBound"
result "the network security group is empty: ssh times out, the log names DenyAllInBound" && quote_log DenyAllInBound

write_rules "$allow_ssh" false
in_force 2
ssh_connects
result "a rule is added: ssh connects"
(ssh_to_vm 'while echo tick; do sleep 1; done') > $state/ticks 2> $state/session.err &
session_pid=$!
within 15 ticks_reach 3
result "a long session begins"

write_rules '' false
in_force 3
ssh_times_out
result "the rule is removed: a new ssh times out"
before=$(ticks)
within 14 ticks_reach $((before + 10)) && session_runs
result "the running session goes on: 10 more ticks"

windows status && grep -q 'policy' $state/output
result "status, over the pipe:" $state/output
windows flows list --format json && grep -q '"destinationPort": *22' $state/output
result "flows list, over the pipe, shows the session"
windows activity list --file "Z:${state//\//\\}\\activity.jsonl" && grep -q 'networkSecurityGroups/write\|Create or Update Network Security Group' $state/output
result "activity list shows who changed the rules"
windows flows kill --source $client_address --reset && within 15 session_has_ended
result "flows kill, over the pipe, ends the session:" $state/output
grep 'Firewall/flows/kill/action' $state/activity.jsonl | sed -nE 's/.*"caller":"([^"]*)".*"claims":\{"sid":"(S-1-5-[0-9-]+)","pid":"([0-9]+)"\}.*/\1, \2, process \3/p' > $state/output
[ -s $state/output ]
result "the activity log names the user who killed it:" $state/output

write_jit_policy
in_force 4
windows jit request --vm vm-web1 --port 22 --source $client_address --duration 15m --justification 'ticket 4711' && grep -q 'port 22 is open' $state/output
result "jit request, over the pipe:" $state/output
within 15 ssh_connects
result "just-in-time access: ssh connects"

# As the task manager ends a process, without a word to it.
kill -KILL "$(firewall_process)"
wait $firewall_job 2> /dev/null
[ -z "$(firewall_process)" ] && ssh_times_out
result "the executable is killed: packets led to the adapter go nowhere"
start_firewall
result "it starts again on the same adapter, pipe and files" || give_up "the firewall did not start after it was killed"
quote_log 'Wintun adapter'
ssh_connects
result "what was granted before is in force: ssh connects"
windows jit list --format json && grep -q '"justification": *"ticket 4711"' $state/output
result "jit list, over the pipe, shows it"
# Wine draws an access list as the owner's, the group's and the others' rights; only what others have says something.
[[ $(stat -c %A "$WINEPREFIX/drive_c/ProgramData/Firewall") == d??????--- ]]
result "the state is in ProgramData\\Firewall, which is closed to others"
windows jit list --format json
request=$(grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' $state/output | head -n 1)
windows jit revoke "$request" && grep -q 'is closed again' $state/output && ssh_times_out
result "jit revoke, over the pipe: a new ssh times out"

kill -INT "$(firewall_process)"
wait $firewall_job && grep -q 'Stopped' $state/firewall.log && ! grep ' error ' $state/firewall.log
result "told to stop (Ctrl+C), it ends in order" && quote_log Stopped
windows status; code=$?
[ $code -eq 1 ] && grep -q 'no appliance runs here' $state/errors
result "then its pipe is gone:" $state/errors

write_rules "$allow_ssh" false
windows service install --config "Z:${state//\//\\}\\firewall.json" && grep -q 'service firewall is installed' $state/output
result "service install:" $state/output
windows service install; code=$?
[ $code -eq 1 ] && grep -q 'service firewall cannot be installed: it is there already; remove it first' $state/errors
result "service install once more:" $state/errors
in_gateway timeout 60 wine sc start firewall > $state/output 2>&1
within 30 ssh_connects
result "the service starts and judges: ssh connects by the rule"
# Wine has no event viewer, but tells of each entry.
within 15 grep -q 'Ready: ' $state/events
result "the service logs to the event log"
windows status && grep -q 'policy' $state/output
result "the service answers over its pipe"
windows service remove && grep -q 'service firewall is removed' $state/output && ssh_times_out && [ -z "$(firewall_process)" ]
result "service remove: it has stopped, and packets led to the adapter go nowhere"
windows service remove; code=$?
[ $code -eq 1 ] && grep -q 'service firewall cannot be removed: there is no such service' $state/errors
result "service remove once more:" $state/errors

replay=(replay $state/capture.pcap --rules docs/rules/nsg-web.json --vnet 10.0.0.0/24 --format json)
"$linux" "${replay[@]}" --verdicts $state/expected.verdicts > $state/expected &&
    windows "${replay[@]}" --verdicts $state/own.verdicts &&
    diff --strip-trailing-cr $state/expected.verdicts $state/own.verdicts > /dev/null && [ -s $state/own.verdicts ] &&
    wc -l < $state/own.verdicts > $state/output
result "replay of the session's capture gives the same verdicts as on Linux; packets:" $state/output

# ---------------------------------------------------------------- the unit tests

# They play the network themselves; with a bridge the stand-in would carry away what they look for. Wine reads this when its session begins.
bridge_is_forgotten() {
    in_gateway timeout 30 wine reg delete "$environment" /v WINTUN_STANDIN_PORT /f > /dev/null 2>&1
    in_gateway timeout 30 wine reg query "$environment" > $state/output 2> $state/errors && ! grep -q WINTUN_STANDIN_PORT $state/output
}
within 60 bridge_is_forgotten || give_up "the bridge's port stays in Wine's registry"
stop_wine
# All tests run, also one that is new, but the classes and methods named here, for the reason beside each.
declare -A left_out=(
    [Firewall.Tests.Rules.ServiceTagsTests.Azures_real_file_loads_whole_and_fast]="measures"
    [Firewall.Tests.Rules.Classification.BitmapClassifierTests.A_policy_with_the_whole_service_tag_file_is_built_in_time_and_memory]="measures"
    [Firewall.Tests.Devices.Windows.WintunThroughputTests]="measures"
    [Firewall.Tests.Rules.Analysis.AnalysisTimeTests]="measures"
    [Firewall.Tests.Devices.Windows.WintunQueueTests.Sessions_begin_and_end_while_packets_pour_in_and_others_wake]="a thread that never rests: Wine stops it for a garbage collection in seconds, not microseconds"
    [Firewall.Tests.Flows.FlowWalkTests.While_workers_open_and_end_flows_the_others_are_all_met_and_no_copy_is_torn]="the same, with two threads: it lasts minutes"
)
filter=()
for name in "${!left_out[@]}"; do
    # A class is called …Tests, a method is not.
    if [[ $name == *Tests ]]; then filter+=(-class- "$name"); else filter+=(-method- "$name"); fi
    say "left out: $name (${left_out[$name]})"
done
# What the tests' runtime writes to memory that it also runs is more than Wine can follow unless this is off.
export DOTNET_EnableWriteXorExecute=0
unless_wine_is_lost 400 "$tests" "${filter[@]}" -noColor -noLogo; code=$?
totals=$(tr -d '\r' < $state/output | grep -E '^ *Firewall\.Tests +Total: ' | tail -n 1)
total_of() { sed -nE "s/.*$1: ([0-9]+).*/\1/p" <<< "$totals"; }
[ $code -eq 0 ] && [ -n "$totals" ] && [ "$(total_of Total)" -gt "$(total_of Skipped)" ]
result "unit tests under the win-x64 runtime: ${totals#"${totals%%[![:space:]]*}"}"
tr -d '\r' < $state/output | grep -F '[FAIL]' -A 6 | sed 's/^/#   /'
tr -d '\r' < $state/output | grep -F '[SKIP]' -A 1 | sed 's/^/#   /'
# The line that .ci/run adds up.
[ -z "$totals" ] || echo "$(($(total_of Total) - $(total_of Failed) - $(total_of Skipped))) passed, $(($(total_of Failed) + $(total_of Errors))) failed, $(total_of Skipped) skipped"

say "" "Done in $SECONDS seconds: $((number - failures)) of $planned steps as they should be."
all_passed
