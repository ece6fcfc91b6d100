#!/usr/bin/env bash
# Makes the base images that the container test builds on, as tar files: base-images.sh FOLDER
#
#   runtime.tar   this machine's distribution, smallest variant
#   peer.tar      and ssh, sshd, ip, ping
#   sdk.tar       and clang, zlib's headers, certificates, this machine's .NET SDK
#
# Public base images cannot be pulled on every machine; Debian's own packages can. Takes a minute the first time, nothing after that.
set -euo pipefail
folder=$1
mkdir -p "$folder"
# shellcheck source=/dev/null
. /etc/os-release
# The newest suite that both the machine and debootstrap know: the SDK was made for a C library of this machine's age.
suite=${VERSION_CODENAME:?this machine does not say which Debian or Ubuntu it is}
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
stamp="$suite $(dotnet --version) $(md5sum < "$0")"
if [ "$(cat "$folder/stamp" 2> /dev/null)" = "$stamp" ]; then exit 0; fi

# In a mount namespace of its own, so that nothing stays mounted whatever happens.
if [ "${2:-}" != inside ]; then exec unshare --mount "$0" "$folder" inside; fi

rm -rf "$folder/stamp" "$folder/root"
root=$folder/root
trap 'rm -rf "$root"' EXIT
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2> /dev/null || true)
mirror=$(grep -oE 'https?://[^ ]*(deb\.debian\.org/debian|archive\.ubuntu\.com/ubuntu|ports\.ubuntu\.com[^ ]*|/debian|/ubuntu)/?( |$)' <<< "$sources" | head -n 1 | tr -d ' ' || true)
components=main
[ "$ID" != ubuntu ] || components=main,universe

# shellcheck disable=SC2086
debootstrap --variant=minbase --components=$components "$suite" "$root" ${DEBIAN_MIRROR:-$mirror} > "$folder/debootstrap.log" 2>&1 || {
    tail -n 5 "$folder/debootstrap.log" >&2
    exit 1
}
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d" # no service starts in here
chmod +x "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"

install() { DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends "$@" >> "$folder/debootstrap.log" 2>&1; }
save() { tar -C "$root" --exclude=./var/cache/apt/archives/*.deb --exclude=./usr/share/doc --exclude=./dev/* -cf "$folder/$1.tar" .; }

save runtime
install openssh-client openssh-server iproute2 iputils-ping
save peer
install clang zlib1g-dev ca-certificates
mkdir -p "$root/usr/share/dotnet"
tar -C "$dotnet" --exclude=./shared/Microsoft.AspNetCore.App --exclude=./templates -c . | tar -C "$root/usr/share/dotnet" -x
ln -sf /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
save sdk
echo "$stamp" > "$folder/stamp"
