#!/usr/bin/env bash
# The appliance as a container, on a real Docker engine: builds the Dockerfile, brings docker/compose.yaml up, and runs an SSH session
# from the client container through the appliance to the VM container.
#
#   base-images.sh   Debian from its packages, since no image can be pulled on every machine
#   engine.sh        dockerd in namespaces of its own
#   run.sh           the story, as TAP
#
# Needs root. Installs docker.io, debootstrap and docker-compose where they are missing. Where no engine can run it skips and says why.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

state=/run/firewall-container-test
work=$PWD/artifacts/container
context=$work/context
data=$work/engine
PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" -ne 0 ]; then
    echo "make test-container: needs root, because it starts a Docker engine" >&2
    exit 1
fi
if [ "${1:-}" = --check ]; then exit 0; fi

source tests/tap.sh
planned=14

skip() {
    echo "1..1"
    echo "ok 1 - the appliance in a container # SKIP $1"
    exit 0
}

diagnose() {
    quote "$state/output" 20 "it said:"
    [ -z "${firewall:-}" ] || docker logs --tail 20 "$firewall" 2>&1 | sed 's/^/#   firewall: /'
}

# ---------------------------------------------------------------- the machine, before and after

# Everything that a container engine may leave behind, in a form that can be compared. Named network namespaces are left out: the engine
# has a /run of its own, so those that come and go meanwhile are somebody else's.
machine() {
    pgrep -f "${state##*/}" | xargs -r ps -o pid=,args= -p
    ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/:.*//' | sort
    ip rule show
    { iptables-save; ip6tables-save; nft list ruleset; } 2> /dev/null | grep -vE '^#' | sed 's/\[[0-9]*:[0-9]*\]//'
    cut -d' ' -f5 /proc/self/mountinfo | grep -v '^/run/netns/' | sort
    find /sys/fs/cgroup -type d -path "*${state##*/}*"
    find /run /etc /opt /var/lib -maxdepth 1 \( -name '*docker*' -o -name '*container*' \) | sort
}

# Ends the engine of this run or of one that was killed, and takes its files.
sweep() {
    local engine_group
    end_owner "$state/owner"
    # The engine's first process; the kernel ends all others with it. They show up in the cgroups until they are gone.
    if [ -n "${engine_pid:-}" ]; then
        pkill -TERM -P "$engine_pid" 2> /dev/null
        within 20 engine_is_gone || kill -KILL "$engine_pid" 2> /dev/null
    fi
    end_owner "$state/engine"
    engine_group=$(find /sys/fs/cgroup -type d -name "${state##*/}" 2> /dev/null)
    if [ -n "$engine_group" ]; then
        # shellcheck disable=SC2016
        within 10 eval 'find $engine_group -depth -type d -exec rmdir {} + 2> /dev/null; [ -z "$(find $engine_group 2> /dev/null)" ]'
    fi
    within 10 rm -rf "$state" "$data" "$context" 2> /dev/null
}

engine_is_gone() { ! kill -0 "$engine_pid" 2> /dev/null; }

# ---------------------------------------------------------------- the engine

install_missing() {
    local missing=()
    command -v dockerd > /dev/null || missing+=(docker.io)
    command -v debootstrap > /dev/null || missing+=(debootstrap)
    docker compose version > /dev/null 2>&1 || command -v docker-compose > /dev/null || missing+=(docker-compose)
    [ ${#missing[@]} -eq 0 ] || build/install-packages.sh "${missing[@]}" > "$work/install.log" 2>&1
}

start_engine() {
    setsid tests/container/engine.sh "$state" "$data" > "$state/engine.log" 2>&1 < /dev/null &
    engine_pid=$!
    echo "$engine_pid $(started_at $engine_pid)" > "$state/engine"
    within 60 engine_is_decided && docker version > /dev/null 2>&1
}

# It answers, or it ended.
engine_is_decided() { docker version > /dev/null 2>&1 || ! kill -0 $engine_pid 2> /dev/null; }

compose() {
    if docker compose version > /dev/null 2>&1; then
        docker compose -p firewall -f "$context/docker/compose.yaml" "$@"
    else
        docker-compose -p firewall -f "$context/docker/compose.yaml" "$@"
    fi
}

# A copy of the tree, with the packages that `make publish` restored: the build has no network.
make_context() {
    rm -rf "$context"
    mkdir -p "$context"
    tar -c --exclude=./artifacts --exclude=./.git --exclude=bin --exclude=obj . | tar -x -C "$context" || return 1
    cp /etc/ssl/certs/ca-certificates.crt "$context/docker/build-inputs/machine.crt" 2> /dev/null
    local cached
    cached=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')
    dotnet restore "$context/src/Firewall" --use-current-runtime -p:PublishAot=true --source "$cached" \
        --packages "$context/docker/build-inputs/packages"
}

# ---------------------------------------------------------------- the actors

in_client() { docker exec "$client" "$@" < /dev/null; }

ssh_connects() { [ "$(in_client ssh "$1" 'echo hello from the vm' 2> $state/output)" = "hello from the vm" ]; }

ssh_times_out() {
    in_client ssh "$1" true > $state/output 2>&1
    [ $? -eq 255 ] && grep -q 'timed out' $state/output
}

ticks_reach() { [ "$(wc -l < $state/ticks)" -ge "$1" ]; }

is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$firewall" 2> /dev/null)" = healthy ]; }

peers_are_ready() { in_client test -s /keys/id_ed25519.pub -a -s /keys/known_hosts 2> /dev/null; }

# in_force VERSION: waits until the appliance judges by the rules that were just written.
in_force() {
    within 15 firewall_log_shows "Policy $1 in force" || give_up "the appliance did not take the rules over"
    say "  $(tail -n 1 $state/output)"
}

# edit_rules FILE: as an editor does it, with a new file under the old name.
edit_rules() { cp "$1" "$rules/rules.json.new" && mv "$rules/rules.json.new" "$rules/rules.json"; }

firewall_log_shows() { docker logs "$firewall" 2>&1 | grep -E -- "$1" > $state/output; }

# A line of the appliance's /proc/PID/status. The image may have no shell to ask, so the engine's namespaces are entered instead.
of_firewall() {
    nsenter -t "$(pgrep -P "$engine_pid" | head -n 1)" --pid --mount \
        sed -n "s/^$1:[[:space:]]*//p" "/proc/$(docker inspect -f '{{.State.Pid}}' "$firewall")/status" 2> /dev/null
}

# ---------------------------------------------------------------- the story

mkdir -p "$work"
wait_for_turn "$state/owner" 480
sweep
install_missing || skip "docker.io, debootstrap and docker-compose are not all there, and cannot be installed: $(tail -n 1 "$work/install.log")"
tests/container/base-images.sh "$work/base" > "$work/base.log" 2>&1 || skip "no base image can be made: $(tail -n 1 "$work/base.log")"
before=$(machine)

export DOCKER_HOST=unix://$state/docker.sock DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
mkdir -m 700 "$state" || skip "$state cannot be made"
echo "$$ $(started_at $$)" > "$state/owner"
trap 'trap "" INT TERM; disown -a; sweep' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_engine || skip "no Docker engine runs here: $(tail -n 1 "$state/dockerd.log" 2> /dev/null || tail -n 1 "$state/engine.log")"

echo "1..$planned"
say "" "$(docker version -f 'Docker engine {{.Server.Version}}'), in namespaces of its own. Now the images, from Debian's packages and this tree." ""
make_context > "$state/output" 2>&1 || give_up "the build context could not be made"
for base in runtime peer sdk; do
    docker import "$work/base/$base.tar" "base-$base" > "$state/output" 2>&1 || give_up "the base image $base could not be imported"
done

docker build -t firewall --build-arg SDK_IMAGE=base-sdk --build-arg RUNTIME_IMAGE=base-runtime "$context" > "$state/output" 2>&1
result "the Dockerfile builds" || exit 1
layers() { docker image inspect -f '{{len .RootFS.Layers}}' "$1"; }
[ "$(layers firewall)" -eq $(($(layers base-runtime) + 1)) ]
result "the image is its base and one layer with the executable" && say "  $(docker history --format '{{.Size}}  {{.CreatedBy}}' firewall | grep COPY | cut -c1-100)"
docker build -t firewall-peer -f "$context/docker/peer/Dockerfile" --build-arg BASE_IMAGE=base-peer "$context" > "$state/output" 2>&1 || give_up "docker/peer does not build"

say "" "The compose file comes up: a client, the appliance, a vm. The network security group is empty." ""
compose up -d --no-build > "$state/output" 2>&1 || give_up "compose up failed"
firewall=$(compose ps -q firewall) client=$(compose ps -q client)
within 30 is_healthy
result "the appliance becomes healthy"
[ "$(of_firewall CapEff)" = 0000000000001000 ] && [ "$(of_firewall CapBnd)" = 0000000000001000 ] && [ "$(of_firewall NoNewPrivs)" = 1 ]
result "its only capability is NET_ADMIN, and it can gain no other"
[ "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}}' "$firewall")" = true ]
result "its root file system is read-only"

within 20 peers_are_ready
ssh_times_out vm
result "ssh from the client container to the vm container times out"
within 15 firewall_log_shows '203\.0\.113\.5.*10\.20\.0\.4:22.*DenyAllInBound'
result "the appliance's log names DenyAllInBound" && say "  $(tail -n 1 $state/output)"

say "" "The rules file is edited on the host." ""
rules=$context/docker/firewall
cp "$rules/rules.json" "$state/rules.empty.json"
edit_rules "$rules/rules.allow-ssh.json"
in_force 2
ssh_connects vm
result "the rule is added: ssh connects"
ssh_connects vm6
result "and over IPv6 too"
in_client ssh vm 'while echo tick; do sleep 1; done' > $state/ticks 2> /dev/null &
within 15 ticks_reach 3
result "a long session begins"

edit_rules "$state/rules.empty.json"
in_force 3
ssh_times_out vm
result "the rule is removed: a new ssh times out"
ticks=$(wc -l < $state/ticks)
within 10 ticks_reach $((ticks + 6))
result "the running session goes on"

say "" "The end." ""
docker stop -t 10 "$firewall" > "$state/output" 2>&1 && [ "$(docker inspect -f '{{.State.ExitCode}}' "$firewall")" = 0 ]
result "docker stop ends the appliance with exit code 0"
compose down -v > "$state/output" 2>&1
firewall=
sweep
[ "$(machine)" = "$before" ] || { diff <(echo "$before") <(machine) | sed 's/^/#   /'; false; }
result "nothing is left on the machine"
say "" "Done in $SECONDS seconds: $((number - failures)) of $planned steps as they should be."
all_passed
