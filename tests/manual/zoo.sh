#!/usr/bin/env bash
# The findings of the zoo of clients, quiet and beside two busy loops: the same in each run. Ten minutes for three and three.
#   tests/manual/zoo.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/../.."

loops=()
kept=$(mktemp -d)
trap 'kill "${loops[@]}" 2>/dev/null; rm -r "$kept"' EXIT

findings() { # NAME: runs the zoo and keeps a line for each client with what was found of it
    .venv/bin/python -m pytest -q -rP -p no:cacheprovider tests/real/test_verdict_zoo.py >"$kept/out" || { cat "$kept/out"; exit 1; }
    sed -n 's/^_* \(test_.*\[.*\]\) _*$/\1/p; s/^found //p' "$kept/out" | paste - - | sort >"$kept/$1"
    echo "$1: $(wc -l <"$kept/$1") clients, $(grep -c "\[\]$" "$kept/$1") of them without a finding"
    cmp "$kept/quiet1" "$kept/$1" || { diff "$kept/quiet1" "$kept/$1"; exit 1; }
}

for run in $(seq "${1:-3}"); do findings "quiet$run"; done
for _ in 1 2; do
    python3 -c "while True: pass" &
    loops+=($!)
done
for run in $(seq "${1:-3}"); do findings "busy$run"; done
