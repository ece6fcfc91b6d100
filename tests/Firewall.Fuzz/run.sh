#!/usr/bin/env bash
# Coverage-guided fuzzing with AFL++ and SharpFuzz: each target for so many seconds, from the corpus beside this file.
#   run.sh SECONDS [TARGET...]
# Prints TAP. What fails is kept in artifacts/fuzz/TARGET/default/crashes (and hangs) and can be run again:
#   dotnet artifacts/fuzz/bin/Firewall.Fuzz.dll TARGET FILE
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?run.sh SECONDS [TARGET...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(packets rules captures flows)
root=$PWD/artifacts/fuzz
bin=$root/bin
tool=$root/tool/sharpfuzz

mkdir -p "$root"
build() {
    build/install-packages.sh afl++ || return 1
    rm -rf "$bin"
    dotnet build tests/Firewall.Fuzz -c Release -o "$bin" --nologo -v q || return 1
    [ -x "$tool" ] || dotnet tool install SharpFuzz.CommandLine --version 2.3.0 --tool-path "$root/tool" > /dev/null || return 1
    "$tool" "$bin/Firewall.Core.dll" && "$tool" "$bin/Firewall.Devices.dll"
}

echo "1..${#targets[@]}"
if ! build > "$root.log" 2>&1; then
    tail -20 "$root.log" >&2
    echo "not ok 1 - the fuzz targets are built and instrumented"
    exit 1
fi
rm -f "$root.log"

# AFL++'s own switches: no screen, no questions about this machine; .NET starts slowly, and its exceptions are aborts.
export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_BIN_CHECK=1
export DOTNET_TieredCompilation=1 DOTNET_gcServer=0 DOTNET_DbgEnableMiniDump=0

value() { sed -nE "s/^$1 *: *//p" "$2"; }
status=0 number=0
for target in "${targets[@]}"; do
    number=$((number + 1))
    out=$root/$target
    rm -rf "$out"
    afl-fuzz -i "tests/Firewall.Fuzz/corpus/$target" -o "$out" -t 10000 -m none -V "$seconds" \
        -- dotnet "$bin/Firewall.Fuzz.dll" "$target" > "$root/$target.log" 2>&1
    stats=$out/default/fuzzer_stats
    if [ ! -e "$stats" ]; then
        tail -20 "$root/$target.log" >&2
        echo "not ok $number - fuzz $target: it did not start"
        status=1
        continue
    fi
    executions=$(value execs_done "$stats") paths=$(value corpus_count "$stats")
    crashes=$(value saved_crashes "$stats") hangs=$(value saved_hangs "$stats")
    what="fuzz $target: $executions inputs in $seconds s, $paths kept, $crashes crashes, $hangs hangs"
    if [ "$crashes" = 0 ] && [ "$hangs" = 0 ] && [ "$executions" -gt 0 ]; then
        echo "ok $number - $what"
    else
        for file in "$out"/default/{crashes,hangs}/id*; do
            [ -e "$file" ] || continue
            echo "# $file"
            timeout 20 dotnet "$bin/Firewall.Fuzz.dll" "$target" "$file" 2>&1 | head -5 | sed 's/^/# /'
        done
        echo "not ok $number - $what"
        status=1
    fi
done
exit $status
