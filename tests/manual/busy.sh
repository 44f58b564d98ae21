#!/usr/bin/env bash
# All tests, several times in a row, beside two busy loops: each run must be green. Twenty minutes for one.
#   tests/manual/busy.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/../.."

loops=()
trap 'kill "${loops[@]}"' EXIT
for _ in 1 2; do
    python3 -c "while True: pass" &
    loops+=($!)
done
for run in $(seq "${1:-5}"); do
    echo "run $run"
    time make test ARGS="-q -ra"
done
