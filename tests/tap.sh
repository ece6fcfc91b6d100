# Sourced by the tests that are shell scripts: they print TAP (https://testanything.org), and wait by asking again, never by sleeping.
# The script sets "planned", and may define "diagnose", which prints what helps to understand a failed step.
# shellcheck shell=bash

number=0 failures=0

say() { printf '# %s\n' "$@"; }

# quote FILE LINES TITLE: the end of a file as a comment, if there is anything in it.
quote() {
    [ -s "$1" ] || return 0
    say "$3"
    tail -n "$2" "$1" | sed 's/^/#   /'
}

diagnose() { :; }

# result DESCRIPTION [FILE]: reports the exit code of the command before it; the file's first line goes behind the description. The description
# must have no $(command) in it: that command's exit code would be the one that is reported.
result() {
    local code=$?
    local text=$1
    [ -z "${2:-}" ] || text+=" $(head -n 1 "$2" 2> /dev/null | tr -d '\r')"
    number=$((number + 1))
    if [ "$code" -eq 0 ]; then
        echo "ok $number - $text"
    else
        echo "not ok $number - $text"
        failures=$((failures + 1))
        diagnose
    fi
    return "$code"
}

# give_up WHAT: the stage itself could not be set.
give_up() {
    echo "Bail out! $1"
    diagnose
    exit 1
}

# within SECONDS COMMAND...: tries until it succeeds or the time is over.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -ge "$deadline" ] && return 1
        sleep 0.1
    done
}

# Whether all planned steps were taken and none failed: the last command of the script.
all_passed() { [ "$failures" -eq 0 ] && [ "$number" -eq "$planned" ]; }

# When a process started, in clock ticks since boot: with its number, a name that is never given twice.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d' ' -f20; }

# owner_lives FILE: whether the process that wrote "PID STARTED" into the file is still there, and is not this one.
owner_lives() {
    local pid started
    read -r pid started 2> /dev/null < "$1" || return 1
    [ "$pid" -ne $$ ] && [ "$(started_at "$pid")" = "$started" ]
}

owner_is_gone() { ! owner_lives "$1"; }

# end_owner FILE: kills that process.
end_owner() {
    owner_lives "$1" || return 0
    kill -KILL "$(cut -d' ' -f1 "$1")" 2> /dev/null
    within 5 owner_is_gone "$1"
}

# wait_for_turn FILE SECONDS: a run that is going on may finish. One that was killed leaves a file, but no process to wait for.
wait_for_turn() {
    owner_lives "$1" || return 0
    say "Another run is going on, process $(cut -d' ' -f1 "$1"). Waiting for it for up to $2 seconds."
    within "$2" owner_is_gone "$1" || say "It takes too long, and is ended."
}
