#!/usr/bin/env bash
# The matrices of the three builds of tests/verify/shop, quiet and beside two busy loops: the same in each run, cell by cell.
#   tests/manual/verify_builds.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/../.."

loops=()
kept=$(mktemp -d)
trap '[ ${#loops[@]} -eq 0 ] || kill "${loops[@]}" 2>/dev/null; rm -r "$kept"' EXIT

matrices() { # NAME: runs the builds and keeps a line for each cell
    local began=$SECONDS
    .venv/bin/python -m pytest -q -rP -p no:cacheprovider tests/verify/test_builds.py >"$kept/out" || { cat "$kept/out"; exit 1; }
    sed -n 's/^cell //p' "$kept/out" >"$kept/$1"
    [ -s "$kept/$1" ]
    echo "$1: $(wc -l <"$kept/$1") cells in $((SECONDS - began)) s, load $(cut -d' ' -f1 /proc/loadavg)"
    diff "$kept/quiet1" "$kept/$1"
}

for run in $(seq "${1:-3}"); do matrices "quiet$run"; done
for _ in 1 2; do
    python3 -c "while True: pass" &
    loops+=($!)
done
for run in $(seq "${1:-3}"); do matrices "busy$run"; done
