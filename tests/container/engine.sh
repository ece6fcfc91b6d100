#!/usr/bin/env bash
# A Docker engine that the machine does not notice: engine.sh STATE DATA. Ends when its parent ends, or on SIGTERM.
#
# dockerd, containerd and all containers live in namespaces of their own (processes, mounts, network), and the kernel ends all of them
# with the first process in there. Bridges, iptables rules and mounts never show on the machine, so there is nothing to take away.
# What dockerd writes to /run, /etc and /opt it writes to copies. It has no way out of its network: images are built from what is given.
set -euo pipefail
state=$1 data=$2

if [ "${3:-}" != inside ]; then
    exec setpriv --pdeathsig KILL unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc "$0" "$state" "$data" inside
fi

# The state folder stays where it is, also in the private /run.
mkdir -p "$state/run/${state##*/}" "$state/opt" "$state/tmp"
export TMPDIR=$state/tmp
mount --bind "$state" "$state/run/${state##*/}"
mount --rbind "$state/run" /run
cp -a /etc "$state/etc"
rm -rf "$state/etc/docker"
mount --bind "$state/etc" /etc
[ ! -d /opt ] || mount --bind "$state/opt" /opt

# Images in memory where there is plenty: several times faster, and nothing to delete.
mkdir -p "$data"
if [ "$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 10 ]; then
    mount -t tmpfs -o size=8g,mode=711 tmpfs "$data"
fi

hostname firewall-container-test
ip link set lo up
dockerd --data-root "$data" --exec-root "$state/exec" -p "$state/docker.pid" -H "unix://$state/docker.sock" \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/${state##*/}" > "$state/dockerd.log" 2>&1 &
dockerd=$!
trap 'kill -TERM $dockerd 2> /dev/null' TERM
# Two waits: the first one ends with the signal, the second with dockerd.
wait $dockerd || wait $dockerd || true
