#!/usr/bin/env bash
# The story that this firewall was made for, told with a real ssh and a real sshd in three network namespaces:
#
#        client                        firewall                             vm
#   +---------------+        +---------------------------+         +----------------+
#   |  203.0.113.5  |--------| 203.0.113.1      10.0.0.1 |---------|    10.0.0.4    |
#   |      ssh      | outside|       firewall run        |inside   |      sshd      |
#   +---------------+        +---------------------------+         +----------------+
#     "the internet"            rules.json, edited while              VirtualNetwork
#                               the firewall runs
#
#   1  The network security group is empty: ssh times out, and the firewall names the rule that denied it.
#   2  A rule for the client's address and port 22 is added: ssh connects, and a long session begins.
#   3  The rule is removed: a new ssh times out, but the running session goes on. Rules decide new flows only, as in Azure.
#   4  "flushConnection": true is set: running sessions are judged by the rules of now, and this one is cut.
#
# Prints TAP. Needs root and FIREWALL_EXECUTABLE (default artifacts/firewall). Everything it makes is in the namespaces fwdemo-* and in
# /run/firewall-demo; a run that was killed is swept away by the next one, and two runs at once take turns.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

firewall=${FIREWALL_EXECUTABLE:-$PWD/artifacts/firewall}
state=/run/firewall-demo
stage=fwdemo
PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" -ne 0 ]; then
    echo "make demo: needs root, because it makes network namespaces and a TUN device" >&2
    exit 1
fi
if [ "${1:-}" = --check ]; then exit 0; fi
if [ ! -x "$firewall" ]; then
    echo "make demo: $firewall is missing; run: make publish" >&2
    exit 1
fi

source tests/tap.sh
source tests/ssh-stage.sh
planned=9

diagnose() {
    quote "$state/ssh.err" 5 "ssh said:"
    quote "$state/firewall.log" 20 "the firewall's last lines:"
    quote "$state/sshd.log" 5 "sshd's last lines:"
}

start_firewall() {
    cat > $state/firewall.json <<- CONFIG
		{
		  "Firewall": {
		    "Mode": "Gateway",
		    "Interfaces": [ "outside", "inside" ],
		    "Rules": "rules.json",
		    "VirtualNetwork": { "AddressPrefixes": [ "10.0.0.0/24" ] }
		  }
		}
	CONFIG
    ip netns exec $gateway "$firewall" run --config $state/firewall.json > $state/firewall.log 2>&1 < /dev/null &
    firewall_pid=$!
    within 20 grep -qs 'Ready: ' $state/firewall.log
}

# ---------------------------------------------------------------- the story

take_stage

echo "1..$planned"
say "" "A client on 203.0.113.0/24, a virtual machine on 10.0.0.0/24, and a firewall between them." ""
set_stage || give_up "the network namespaces could not be made"
start_sshd || give_up "sshd did not start in the vm's namespace"
ssh_connects
result "without the firewall, ssh from $client_address reaches the vm" || give_up "the network itself does not work"

say "" "1. The firewall starts. Its network security group is empty, so only the default rules apply." ""
write_rules '' false
start_firewall || give_up "the firewall did not start"
in_force 1
ssh_times_out
result "ssh to the vm times out"
within 15 firewall_log_shows "$client_address.*$vm_address:22.*DenyAllInBound"
result "the firewall's log names DenyAllInBound" && quote_log DenyAllInBound

say "" "2. Access is granted: rules.json gets a rule for $client_address and port 22." ""
write_rules "$allow_ssh" false
in_force 2
ssh_connects
result "the rule is added: ssh connects"
(ssh_to_vm 'while echo tick; do sleep 1; done') > $state/ticks 2> $state/session.err &
session_pid=$!
within 15 ticks_reach 3
result "a long session begins: it prints a tick a second"

say "" "3. The time is over: the rule is gone from rules.json." ""
write_rules '' false
in_force 3
ssh_times_out
result "the rule is removed: a new ssh times out"
before=$(ticks)
within 14 ticks_reach $((before + 10)) && session_runs
result "the running session goes on: 10 more ticks" && say "  $(ticks) ticks so far, in a session that no rule allows any more"

say "" "4. Azure's users ask for a way to end such sessions. \"flushConnection\": true is it." ""
write_rules '' true
in_force 4
within 20 ticks_stop
result "with flushConnection the running session is cut" && say "  the last tick was number $(ticks)"

kill -TERM "$firewall_pid" 2> /dev/null
wait "$firewall_pid" && ! ip -n $gateway rule show | grep -vqE '^(0|32766|32767):' && ! ip -n $gateway link show fw0 > /dev/null 2>&1
result "told to stop, the firewall leaves no routing rule and no interface behind"

say "" "Done in $SECONDS seconds: $((number - failures)) of $planned steps as they should be."
all_passed
