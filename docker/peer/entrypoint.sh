#!/bin/sh
# Routes through the appliance, then the role: "client" makes its key and waits for "docker compose exec client ssh vm",
# "vm" publishes its host key and runs sshd. The keys are made at the start and never leave the volume.
set -eu
ip route replace default via "$GATEWAY"
ip -6 route replace default via "$GATEWAY6"

case $1 in
client)
    [ -e /keys/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -C client -f /keys/id_ed25519
    exec sleep infinity
    ;;
vm)
    ssh-keygen -A > /dev/null
    printf 'vm,vm6 %s\n' "$(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)" > /keys/known_hosts
    mkdir -p /run/sshd
    exec /usr/sbin/sshd -D -e
    ;;
*)
    exec "$@"
    ;;
esac
