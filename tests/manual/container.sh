#!/usr/bin/env bash
# Faults for one container, with control groups as an engine of containers makes them: no engine is needed, but root is.
# Two clients ask one server: the one in the "container" is reset, the other one is not.
#   tests/manual/container.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

number=3f2a8c1d9e0b$(printf '4567%.0s' {1..13})
for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/pids; do
    if [ -w "$root/cgroup.procs" ]; then break; fi
done
group=$root/docker/$number
mkdir -p "$group"
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rmdir "$group" "$root/docker"; rm -r "$folder"' EXIT

printf 'hello\n' >"$folder/index.html"
python3 -u -m http.server --bind 127.0.0.1 --directory "$folder" 0 >"$folder/server" 2>&1 &
pids+=($!)
until port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$folder/server") && [ -n "$port" ]; do sleep 0.1; done

export BROWNOUT_API=127.0.0.1:18474
.venv/bin/brownout run -p "web=http://127.0.0.1:$port" >"$folder/brownout" 2>&1 &
pids+=($!)
until .venv/bin/brownout status --json web >"$folder/status" 2>/dev/null; do sleep 0.1; done
address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["proxies"][0]["address"])' "$folder/status")
.venv/bin/brownout inject web reset --caller "container=${number:0:12}" >/dev/null

if sh -c "echo \$\$ >$group/cgroup.procs; exec curl -sS http://$address/" 2>"$folder/error"; then
    echo "the client in the container was not reset" >&2
    exit 1
fi
echo "in the container: $(cat "$folder/error")"
echo "outside:          $(curl -sS "http://$address/")"
.venv/bin/brownout status --callers
