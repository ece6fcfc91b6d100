# The appliance as an image: one native executable on a small base.
#
#   docker build -t firewall .
#
# Behind a company's proxy, where only the company's own certificate is trusted, and where there is no network at all:
#
#   --build-arg CA_CERTIFICATES="$(cat company-ca.pem)"    trusted by the build stage, besides what its base image trusts
#   docker/build-inputs/                                   certificates and restored packages, see its README
#
# Both stay in the build stage. The final image has the base, the executable and nothing else. Works with BuildKit and with the
# classic builder; base images with glibc or musl (the executable is made for the libc of SDK_IMAGE, so RUNTIME_IMAGE needs the same).
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/runtime-deps:10.0

FROM ${SDK_IMAGE} AS build
ARG CA_CERTIFICATES=""
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
WORKDIR /firewall

# Toolchain first, then packages, then sources: each is rebuilt only if it, or one before it, changed.
COPY docker/prepare-build.sh docker/prepare-build.sh
COPY docker/build-inputs/ /build-inputs/
RUN docker/prepare-build.sh

COPY Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/Firewall.Core/Firewall.Core.csproj src/Firewall.Core/
COPY src/Firewall.Devices/Firewall.Devices.csproj src/Firewall.Devices/
COPY src/Firewall/Firewall.csproj src/Firewall/
RUN . /build-inputs/environment && dotnet restore src/Firewall/Firewall.csproj --use-current-runtime -p:PublishAot=true

COPY src/ src/
RUN . /build-inputs/environment \
    && dotnet publish src/Firewall/Firewall.csproj --no-restore --use-current-runtime -c Release -p:PublishAot=true -o /publish --nologo

FROM ${RUNTIME_IMAGE}
COPY --from=build /publish/firewall /usr/bin/firewall
STOPSIGNAL SIGTERM
# Healthy: an instance holds its lock (an abstract socket that bears the TUN's name), and its TUN has somebody who reads it.
# Needs sh and sed in the base image; for one without them give a check of your own or --no-healthcheck.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD tun=$(sed -n 's|.*@firewall/||p' /proc/net/unix) && [ -n "$tun" ] && read -r carrier < "/sys/class/net/$tun/carrier" && [ "$carrier" = 1 ]
ENTRYPOINT ["/usr/bin/firewall"]
CMD ["run", "--config", "/etc/firewall/firewall.json"]
