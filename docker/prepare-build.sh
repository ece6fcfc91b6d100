#!/bin/sh
# Makes the build stage ready, whatever its distribution: trusts the certificates that were given, uses the packages that were given,
# and installs the native toolchain (clang, zlib's headers) if the base image has none. Leaves /build-inputs/environment for later steps.
set -eu
environment=/build-inputs/environment
: > "$environment"

# A bundle of our own instead of the distribution's tools: the variables are understood by .NET, curl and git everywhere.
bundle=/build-inputs/trusted.pem
for system in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -s "$system" ]; then cat "$system" > "$bundle"; break; fi
done
if [ -n "${CA_CERTIFICATES:-}" ]; then printf '%s\n' "$CA_CERTIFICATES" >> "$bundle"; fi
for certificate in /build-inputs/*.crt; do
    if [ -s "$certificate" ]; then cat "$certificate" >> "$bundle"; fi
done
if [ -s "$bundle" ]; then
    echo "export SSL_CERT_FILE=$bundle CURL_CA_BUNDLE=$bundle" >> "$environment"
fi

# Restored packages are used as they are. What is missing among them is still asked from the registry.
if [ -d /build-inputs/packages ]; then
    echo "export NUGET_PACKAGES=/build-inputs/packages" >> "$environment"
fi

if command -v clang > /dev/null && [ -e /usr/include/zlib.h ]; then exit 0; fi
if command -v apt-get > /dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    [ ! -s "$bundle" ] || set -- -o Acquire::https::CAInfo="$bundle"
    apt-get "$@" update -qq
    apt-get "$@" install -y -qq --no-install-recommends clang zlib1g-dev
    rm -rf /var/lib/apt/lists/*
elif command -v apk > /dev/null; then
    apk add --no-cache clang build-base zlib-dev
elif command -v dnf > /dev/null; then
    dnf install -y clang gcc zlib-devel
elif command -v tdnf > /dev/null; then
    tdnf install -y clang binutils gcc glibc-devel kernel-headers zlib-devel
else
    echo "SDK_IMAGE has neither clang and zlib's headers nor a package manager that is known here; use a base image that has them" >&2
    exit 1
fi
