#!/usr/bin/env bash
# Demos in a row beside a busy loop: each must exit with 0, and have the two matrices of the first one, cell by cell.
#   tests/manual/demos.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/../.."

kept=$(mktemp -d)
python3 -c "while True: pass" &
loop=$!
trap 'kill $loop; rm -rf "$kept"' EXIT

wrong=0
for run in $(seq "${1:-20}"); do
    began=$SECONDS code=0
    mkdir "$kept/tmp"
    TMPDIR="$kept/tmp" .venv/bin/brownout demo >"$kept/out" 2>&1 || code=$?
    .venv/bin/python - "$kept/tmp" >"$kept/matrices" <<'EOF'
import json, pathlib, sys
for file in sorted(pathlib.Path(sys.argv[1]).glob("brownout-demo-*/*/verify.json")):
    for cell in json.loads(file.read_text())["cells"]:
        print(file.parent.name, cell["dependency"], cell["failure"], cell["journey"], cell["state"], sep="\t")
EOF
    [ -e "$kept/first" ] || cp "$kept/matrices" "$kept/first"
    same=equal
    diff "$kept/first" "$kept/matrices" || same=different
    if [ $code != 0 ] || [ $same = different ]; then
        wrong=$((wrong + 1))
        grep -A3 '^error' "$kept/out" || true
        mv "$kept/tmp" "$(mktemp -d)/run$run" && echo "its reports are kept: see the newest folder of ${TMPDIR:-/tmp}"
    fi
    echo "run $run: exit $code, $(wc -l <"$kept/matrices") cells, $same, $((SECONDS - began)) s, load $(cut -d' ' -f1 /proc/loadavg)"
    rm -rf "$kept/tmp"
done
echo "$wrong of ${1:-20} runs were wrong"
exit $((wrong > 0))
