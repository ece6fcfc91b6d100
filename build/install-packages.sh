#!/usr/bin/env bash
# Installs the Debian packages that are missing: compiler for the native executable, and the programs that the tests talk to.
# Further packages may be named as arguments.
set -euo pipefail

# command:package
wanted=(
    clang:clang
    ip:iproute2
    sysctl:procps
    ping:iputils-ping
    iperf3:iperf3
    ssh:openssh-client
    sshd:openssh-server
    nft:nftables
    tcpdump:tcpdump
    curl:curl
    setpriv:util-linux
    cc:gcc
    chromium:chromium
    openssl:openssl
)

missing=("$@")
for entry in "${wanted[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${entry%%:*}" > /dev/null || missing+=("${entry#*:}")
done
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
if [ "$(id -u)" -ne 0 ]; then
    echo "make deps: run as root, or install: ${missing[*]}" >&2
    exit 1
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# The tests start their own sshd; the packaged service must not start one on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
