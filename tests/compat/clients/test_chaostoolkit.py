"""chaostoolkit with chaostoolkit-toxiproxy runs an experiment against `brownout run`."""

import json
import subprocess
import sys
from pathlib import Path

from brownout.control.client import Client

from .conftest import DEADLINE, environment

# Where the proxy listens, its action leaves in the environment.
TRIP = """
import os, socket, time
began = time.monotonic()
with socket.create_connection(("127.0.0.1", int(os.environ["echo_PORT"])), timeout=20) as link:
    link.sendall(b"x")
    assert link.recv(1) == b"x"
print(time.monotonic() - began)
"""


def action(name: str, function: str, **arguments: object) -> dict[str, object]:
    module, _, func = function.rpartition(".")
    provider = {"type": "python", "module": f"chaostoxi.{module}", "func": func, "arguments": arguments}
    return {"type": "action", "name": name, "provider": provider}


def probe(name: str, function: str, **arguments: object) -> dict[str, object]:
    return {**action(name, function, **arguments), "type": "probe"}


def experiment(api: str, echo: str) -> dict[str, object]:
    """Create a proxy, add latency, probe, roll back."""
    host, port = echo.split(":")
    measure = {"type": "process", "path": sys.executable, "arguments": ["-c", TRIP]}
    trip: dict[str, object] = {"type": "probe", "name": "trip", "provider": measure}
    return {
        "title": "A late echo",
        "description": "It comes all the same",
        "configuration": {"toxiproxy_url": f"http://{api}"},
        "steady-state-hypothesis": {
            "title": "The echo comes",
            "probes": [
                {**probe("there", "proxy.probes.proxy_exist", proxy_name="echo"), "tolerance": True},
                {**trip, "tolerance": 0},
            ],
        },
        "method": [
            action(
                "create", "proxy.actions.create_proxy", proxy_name="echo",
                upstream_host=host, upstream_port=int(port), listen_host="127.0.0.1",
            ),
            {**trip, "name": "before"},
            action("slow", "toxic.actions.create_latency_toxic", for_proxy="echo", toxic_name="slow", latency=1000),
            {**trip, "name": "after"},
            probe("enabled", "proxy.probes.get_proxy_attribute", proxy_name="echo", attribute="enabled"),
            action("disable", "proxy.actions.disable_proxy", proxy_name="echo"),
            probe("disabled", "proxy.probes.get_proxy_attribute", proxy_name="echo", attribute="enabled"),
            action("enable", "proxy.actions.enable_proxy", proxy_name="echo"),
        ],
        "rollbacks": [
            action("heal", "toxic.actions.delete_toxic", for_proxy="echo", toxic_name="slow"),
            action("reset", "proxy.actions.reset"),
            action("remove", "proxy.actions.delete_proxy", proxy_name="echo"),
        ],
    }  # fmt: skip


def test_an_experiment_runs_and_is_rolled_back(api: str, echo: str, tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps(experiment(api, echo)))
    argv = [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", "--no-verify-tls"]
    argv += ["--hypothesis-strategy", "after-method-only", "--rollback-strategy", "always", "experiment.json"]
    env = {**environment(), "HOME": str(tmp_path)}
    run = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=4 * DEADLINE)
    assert run.returncode == 0, run.stdout + run.stderr
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    assert journal["steady_states"]["after"]["steady_state_met"] is True
    steps = {each["activity"]["name"]: each for each in (*journal["run"], *journal["rollbacks"])}
    assert {each["status"] for each in steps.values()} == {"succeeded"}
    before, after = (float(steps[name]["output"]["stdout"]) for name in ("before", "after"))
    assert before < 1 <= after
    assert {name: each["output"] for name, each in steps.items() if name not in ("before", "after")} == {
        "create": True, "slow": True, "enabled": True, "disable": True, "disabled": False, "enable": True,
        "heal": True, "reset": True, "remove": None,
    }  # fmt: skip
    assert Client(api).proxies() == []
