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
#   2  Just-in-time access is asked for, for the client's address, port 22 and some seconds: ssh connects, and a long session begins.
#   3  The time is over: a new ssh times out, but the running session goes on. Activity log and flow log tell all of it.
#   4  Where the policy says "terminateOnExpiry", a session ends with its access.
#   5  The same by hand: a rule is added and removed. Rules decide new flows only, as in Azure, and the running session goes on.
#   6  "flushConnection": true is set: running sessions are judged by the rules of now, and are cut.
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
planned=21

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
		    "JustInTime": { "Policies": "jit.json", "State": "jit-state.json" },
		    "ActivityLog": { "File": "activity.jsonl" },
		    "FlowLogs": { "Lines": "flows.jsonl" },
		    "Admin": { "Socket": "$state/admin.sock" },
		    "VirtualNetwork": { "AddressPrefixes": [ "10.0.0.0/24" ] }
		  }
		}
	CONFIG
    ip netns exec $gateway "$firewall" run --config $state/firewall.json > $state/firewall.log 2>&1 < /dev/null &
    firewall_pid=$!
    within 20 grep -qs 'Ready: ' $state/firewall.log
}

# firewall_says COMMAND...: asks the running firewall; what it answers is in $state/answer.
firewall_says() { "$firewall" "$@" --socket $state/admin.sock > $state/answer 2>&1; }

show_answer() { sed 's/^/#   /' $state/answer; }

socket_is_there() { firewall_says status; }

# put_rules RULES FLUSH, put_policy TERMINATE: writes the file and waits until it is in force.
put_rules() {
    local before
    before=$(policies)
    write_rules "$@"
    more_policies_than "$before"
}

put_policy() {
    local before
    before=$(policies)
    cat > $state/jit.json.new <<- POLICY
		{
		  "name": "default",
		  "properties": {
		    "virtualMachines": [
		      {
		        "id": "/subscriptions/1/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/vm-demo",
		        "privateIpAddress": "$vm_address",
		        "terminateOnExpiry": $1,
		        "ports": [ { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "$client_address", "maxRequestAccessDuration": "PT3H" } ]
		      }
		    ]
		  }
		}
	POLICY
    mv $state/jit.json.new $state/jit.json
    more_policies_than "$before"
}

policies() { grep -c 'Policy [0-9]* in force' $state/firewall.log; }

more_policies_than() {
    within 15 has_more_policies_than "$1" || give_up "the firewall did not take the change over"
    quote_log 'Policy [0-9]* in force'
}

has_more_policies_than() { [ "$(policies)" -gt "$1" ]; }

ask_for_access() {
    firewall_says jit request --vm vm-demo --port 22 --source $client_address --duration "$1" --justification "the demo"
}

access_is_over() { firewall_says jit list --format json && [ "$(cat $state/answer)" = "[]" ]; }

# activity_shows OPERATION CALLER
activity_shows() { grep -F -- "\"$1\"" $state/activity.jsonl | grep -qF "\"caller\":\"$2\""; }

# flow_log_shows STATE RULE: a flow to the vm's port 22.
flow_log_shows() { grep -F '"destinationPort":22,' $state/flows.jsonl | grep -F "\"state\":\"$1\"" | grep -q "\"rule\":\"[A-Za-z]*_$2"; }

# begin_session FILE: a session that prints a tick a second into the file; sets session_pid.
begin_session() {
    (ssh_to_vm 'while echo tick; do sleep 1; done') > "$1" 2> "$1.err" &
    session_pid=$!
    within 15 has_lines "$1" 3
}

has_lines() { [ "$(wc -l < "$1")" -ge "$2" ]; }

session_ended() { ! kill -0 "$1" 2> /dev/null; }

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
echo '{ "value": [] }' > $state/jit.json
start_firewall || give_up "the firewall did not start"
in_force 1
within 10 socket_is_there || give_up "the firewall's admin socket is not there"
ssh_times_out
result "ssh to the vm times out"
within 15 firewall_log_shows "$client_address.*$vm_address:22.*DenyAllInBound"
result "the firewall's log names DenyAllInBound" && quote_log DenyAllInBound

say "" "2. Just-in-time access: a policy closes port 22 until somebody asks. Access is asked for, for 10 seconds." ""
put_policy false
ask_for_access 10s
result "access is granted" && show_answer
ssh_connects
result "ssh connects"
begin_session $state/ticks
result "a long session begins: it prints a tick a second"
first_pid=$session_pid

say "" "3. The time is over." ""
within 20 access_is_over
result "the access has ended by itself"
ssh_times_out
result "a new ssh times out"
before=$(ticks)
within 14 ticks_reach $((before + 10)) && session_runs
result "the running session goes on: 10 more ticks" && say "  $(ticks) ticks so far, in a session that no rule allows any more"
"$firewall" activity list --file $state/activity.jsonl | sed 's/^/#   /'
activity_shows "Microsoft.Security/locations/jitNetworkAccessPolicies/initiate/action" root && activity_shows "Firewall/jitNetworkAccessPolicies/expire/action" firewall
result "the activity log shows the request and its end"
within 5 flow_log_shows Begin MicrosoftDefenderForCloud-JITRule- && within 5 flow_log_shows Deny MicrosoftDefenderForCloud-JITRule_
result "the flow log shows the session, by the rule of the request, and the refused one"
grep -F '"destinationPort":22,' $state/flows.jsonl | cut -c 1-200 | tail -n 4 | sed 's/^/#   /'

say "" "4. Some want sessions to end with the access. \"terminateOnExpiry\": true in the policy does it." ""
put_policy true
ask_for_access 8s
result "access is granted again" && show_answer
begin_session $state/second
result "a second session begins"
within 20 session_ended "$session_pid" && wait "$session_pid"
[ $? -eq 255 ]
result "it ends with its access, at once:" $state/second.err
before=$(ticks)
within 5 ticks_reach $((before + 2))
result "the first session, whose access was another one, goes on"

say "" "5. The same by hand: rules.json gets a rule for $client_address and port 22, and loses it again." ""
put_rules "$allow_ssh" false
ssh_connects
result "the rule is added: ssh connects"
begin_session $state/third
result "a long session begins"
put_rules '' false
ssh_times_out
result "the rule is removed: a new ssh times out"
lines=$(wc -l < $state/third)
within 14 has_lines $state/third $((lines + 5)) && session_runs
result "the running session goes on"

say "" "6. Azure's users ask for a way to end such sessions. \"flushConnection\": true is it." ""
put_rules '' true
within 20 ticks_stop
result "with flushConnection the running sessions are cut" && say "  the last tick of the first one was number $(ticks)"
kill "$session_pid" "$first_pid" 2> /dev/null

kill -TERM "$firewall_pid" 2> /dev/null
wait "$firewall_pid" && ! ip -n $gateway rule show | grep -vqE '^(0|32766|32767):' && ! ip -n $gateway link show fw0 > /dev/null 2>&1
result "told to stop, the firewall leaves no routing rule and no interface behind"

say "" "Done in $SECONDS seconds: $((number - failures)) of $planned steps as they should be."
all_passed
