#!/usr/bin/env bash
# What needs a toolchain, beneath `brownout run --intercept`: each client under a latency of 400 ms, then under a reset.
# From the checkout: tests/manual/intercept/run.sh [java|go|c|uvicorn|gunicorn|node|strace ...]; without words, all.
# Tools: java 11 or later, go, cc with a static libc, uvicorn and gunicorn in the environment, node with npm, strace.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=$(cd "$here/../../.." && pwd)/.venv/bin/python
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cat > "$place/brownout.yaml" <<'FILE'
profiles:
  slow: {"*": ["latency:400ms"]}
  cut: {"*": [reset]}
FILE

both() { # NAME COMMAND: a shell's text, in which $URL, $HOST and $PORT lead to the real servers
    for profile in slow cut; do
        echo "== $1, $profile"
        "$python" "$here/serve.py" "$python" -m brownout.cli run "$place/brownout.yaml" --intercept --profile $profile \
            -- sh -c "$2" 2>"$place/err" || true
        grep -E 'matched|nothing' "$place/err" || tail -3 "$place/err"
    done
}

export here place python
ask='for n in 1 2 3 4; do curl -s --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:18765/; echo; done'
server() { echo "cd $here; $1 & until curl -s -o /dev/null http://127.0.0.1:18765/; do sleep 0.2; done; $ask; kill \$!; wait || true"; }
for each in "${@:-java go c uvicorn gunicorn node strace}"; do
    for name in $each; do
        case $name in
        java) both java "java $here/Client.java \$URL \$HOST \$PORT" ;;
        go) (cd "$place" && GOCACHE="$place/go" GO111MODULE=off go build -o client-go "$here/client.go") &&
            both go "$place/client-go \$URL \$HOST:\$PORT" ;;
        c) cc -static -o "$place/client-c" "$here/client.c" && both c "$place/client-c \$HOST \$PORT" ;;
        uvicorn) both uvicorn "$(server "$python -m uvicorn app:application --port 18765 --log-level critical")" ;;
        gunicorn) both gunicorn "$(server "$python -m gunicorn -w2 -k asgi -b 127.0.0.1:18765 --log-level critical app:application")" ;;
        node) (cd "$place" && cp "$here/../../real/intercepted.mjs" . && npm install --silent --no-audit --no-fund ioredis) &&
            both node "node $place/intercepted.mjs fetch \$URL; node $place/intercepted.mjs ioredis redis://\$HOST:\$PORT" ;;
        strace) both strace "strace -f -e trace=connect -o $place/trace redis-cli -h \$HOST -p \$PORT ping; grep connect $place/trace" ;;
        *) echo "unknown: $name" >&2 && exit 2 ;;
        esac
    done
done
