#!/usr/bin/env bash
# Runs the test programs one after the other and adds their figures up: the last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
configuration=${1:-Release}
results=artifacts/test-results
mkdir -p "$results"
export FIREWALL_EXECUTABLE=${FIREWALL_EXECUTABLE:-$PWD/artifacts/firewall}

passed=0 failed=0 skipped=0
for project in Firewall.Tests Firewall.SystemTests; do
    log="$results/$project.log"
    echo "== $project"
    "tests/$project/bin/$configuration/net10.0/$project" -noColor -noLogo -trx "$results/$project.trx" < /dev/null 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    totals=$(grep -E '^ *'"$project"' +Total: ' "$log" | tail -1)
    number() { sed -nE "s/.*$1: ([0-9]+).*/\1/p" <<< "$totals"; }
    total=$(number Total) errors=$(number Errors) fails=$(number Failed) skips=$(number Skipped)
    if [ -z "$totals" ]; then
        echo "$project ended with code $code and no result" >&2
        failed=$((failed + 1))
        continue
    fi
    if [ "$code" -ne 0 ] && [ $((fails + errors)) -eq 0 ]; then fails=1; fi
    passed=$((passed + total - fails - skips))
    failed=$((failed + fails + errors))
    skipped=$((skipped + skips))
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
