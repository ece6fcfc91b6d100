# Sourced by the tests that tell a story with a real ssh and a real sshd in three network namespaces; tests/tap.sh comes first.
#
#        client                        gateway                              vm
#   +---------------+        +---------------------------+         +----------------+
#   |  203.0.113.5  |--------| 203.0.113.1      10.0.0.1 |---------|    10.0.0.4    |
#   |      ssh      | outside|         firewall          |inside   |      sshd      |
#   +---------------+        +---------------------------+         +----------------+
#
# The script sets "stage", the beginning of the namespaces' names, and "state", a folder in /run for everything else. The firewall is its own
# business: it reads $state/rules.json and logs to $state/firewall.log.
# shellcheck shell=bash

client=$stage-client gateway=$stage-firewall vm=$stage-vm
client_address=203.0.113.5 vm_address=10.0.0.4

# ---------------------------------------------------------------- the stage

is_empty() { [ -z "$(ip netns pids "$1" 2> /dev/null)" ]; }

# Takes away everything of this run, or of an older one that was killed.
sweep() {
    local namespace path
    end_owner "$state/owner"
    for path in "/run/netns/$stage"-*; do
        [ -e "$path" ] || continue
        namespace=${path##*/}
        # Politely first, so that a firewall takes back what it set up.
        ip netns pids "$namespace" 2> /dev/null | xargs -r kill -TERM 2> /dev/null
        if ! within 5 is_empty "$namespace"; then
            ip netns pids "$namespace" 2> /dev/null | xargs -r kill -KILL 2> /dev/null
            within 5 is_empty "$namespace"
        fi
        ip netns del "$namespace"
    done
    rm -rf "$state"
}

finish() {
    trap '' INT TERM
    disown -a # or bash would tell of each process that the sweep ends
    sweep
    # iproute2 mounts this folder at the first "ip netns add" of a machine. It stays if anybody else has a namespace in it.
    if [ "$had_netns_folder" = no ]; then umount /run/netns 2> /dev/null && rmdir /run/netns 2> /dev/null; fi
}

set_stage() {
    mkdir -m 700 "$state" && echo "$$ $(started_at $$)" > "$state/owner" || return 1
    local namespace
    for namespace in $client $gateway $vm; do
        ip netns add "$namespace" && ip -n "$namespace" link set lo up || return 1
    done
    # The cables are made inside the namespaces: the machine's own list of interfaces never shows them.
    ip -n $client link add outside type veth peer name outside netns $gateway &&
    ip -n $vm link add inside type veth peer name inside netns $gateway &&
    ip -n $client addr add $client_address/24 dev outside &&
    ip -n $gateway addr add 203.0.113.1/24 dev outside &&
    ip -n $gateway addr add 10.0.0.1/24 dev inside &&
    ip -n $vm addr add $vm_address/24 dev inside &&
    ip -n $client link set outside up && ip -n $gateway link set outside up &&
    ip -n $gateway link set inside up && ip -n $vm link set inside up &&
    ip -n $client route add default via 203.0.113.1 &&
    ip -n $vm route add default via 10.0.0.1 &&
    ip netns exec $gateway sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
}

start_sshd() {
    ssh-keygen -q -t ed25519 -N '' -C host -f $state/host_key && ssh-keygen -q -t ed25519 -N '' -C demo -f $state/user_key || return 1
    cp $state/user_key.pub $state/authorized_keys
    echo "$vm_address $(cut -d' ' -f1,2 $state/host_key.pub)" > $state/known_hosts
    cat > $state/sshd_config <<- CONFIG
		ListenAddress $vm_address
		HostKey $state/host_key
		AuthorizedKeysFile $state/authorized_keys
		PidFile none
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UsePAM no
		UseDNS no
		StrictModes no
		PrintMotd no
		PrintLastLog no
	CONFIG
    # "ip netns exec" gives the process a mount namespace of its own. In there sshd gets a private /run for its /run/sshd, and a root
    # account that is not locked (some machines lock it, and without PAM sshd then refuses the key). The machine sees none of it.
    sed 's/^root:[^:]*:/root:*:/' /etc/shadow > $state/shadow && chmod 600 $state/shadow
    mkdir -p $state/run/sshd $state/run/${state##*/}
    # shellcheck disable=SC2016
    ip netns exec $vm bash -c '
        mount --bind "$0" "$0/run/${0##*/}" && mount --rbind "$0/run" /run && mount --bind "$0/shadow" /etc/shadow &&
        exec "$(command -v sshd)" -D -e -f "$0/sshd_config"' $state > $state/sshd.log 2>&1 < /dev/null &
    within 10 grep -qs 'Server listening' $state/sshd.log
}

# ---------------------------------------------------------------- the actors

# write_rules RULES FLUSH: what somebody with an editor would do, at one stroke.
write_rules() {
    cat > $state/rules.json.new <<- RULES
		{
		  "name": "nsg-demo",
		  "type": "Microsoft.Network/networkSecurityGroups",
		  "properties": {
		    "flushConnection": $2,
		    "securityRules": [$1]
		  }
		}
	RULES
    mv $state/rules.json.new $state/rules.json
}

# in_force VERSION: waits until the firewall judges by the rules that were just written, and shows what it says about them.
in_force() {
    within 15 firewall_log_shows "Policy $1 in force" || give_up "the firewall did not take the rules over"
    quote_log "Policy $1 in force"
}

allow_ssh='
      {
        "name": "allow-ssh",
        "properties": {
          "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
          "sourceAddressPrefix": "'$client_address'", "sourcePortRange": "*",
          "destinationAddressPrefix": "'$vm_address'", "destinationPortRange": "22"
        }
      }
    '

# ssh_to_vm COMMAND: as root, with the run's own keys, and nothing of the machine's own ssh settings. exec: the process is ssh itself.
ssh_to_vm() {
    exec ip netns exec $client ssh -F none -i $state/user_key -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
        -o UserKnownHostsFile=$state/known_hosts -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes \
        -o ConnectTimeout=3 -o ConnectionAttempts=1 root@$vm_address "exec sh -c '$1'" < /dev/null
}

ssh_connects() { [ "$(ssh_to_vm 'echo hello from the vm' 2> $state/ssh.err)" = "hello from the vm" ]; }

ssh_times_out() {
    (ssh_to_vm true) 2> $state/ssh.err
    [ $? -eq 255 ] && grep -q 'timed out' $state/ssh.err
}

ticks() { wc -l 2> /dev/null < $state/ticks || echo 0; }

ticks_reach() { [ "$(ticks)" -ge "$1" ]; }

session_runs() { kill -0 "$session_pid" 2> /dev/null; }

# A tick comes every second; four seconds without one mean that the session is dead.
ticks_stop() {
    local seen
    seen=$(ticks)
    ! within 4 ticks_reach $((seen + 1))
}

firewall_log_shows() { grep -q -- "$1" $state/firewall.log; }

quote_log() { grep -- "$1" $state/firewall.log | tail -n 1 | sed 's/^/#   firewall: /'; }

# take_stage: waits for another run, sweeps up after a dead one, and sweeps at the end of this one.
take_stage() {
    had_netns_folder=no
    mountpoint -q /run/netns 2> /dev/null && had_netns_folder=yes
    wait_for_turn $state/owner 90
    sweep
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
