"""The container of a process, by its control group."""

import pytest

from brownout.supervisor import process
from brownout.supervisor.process import Process
from brownout.supervisor.scope import Scope

NUMBER = "3f2a8c1d9e0b" + "4567" * 13


@pytest.mark.parametrize(
    ("groups", "container"),
    [
        (f"0::/docker/{NUMBER}\n", "3f2a8c1d9e0b"),
        (f"0::/system.slice/docker-{NUMBER}.scope\n", "3f2a8c1d9e0b"),
        (f"0::/machine.slice/libpod-{NUMBER}.scope/container\n", "3f2a8c1d9e0b"),
        (f"0::/machine.slice/libpod-{NUMBER}.scope\n", "3f2a8c1d9e0b"),
        (f"0::/kubepods.slice/kubepods-pod12.slice/cri-containerd-{NUMBER}.scope\n", "3f2a8c1d9e0b"),
        (f"0::/kubepods/burstable/pod3b7c/{NUMBER}\n", "3f2a8c1d9e0b"),
        (f"12:pids:/docker/{NUMBER}\n11:cpu:/docker/{NUMBER}\n0::/system.slice/containerd.service\n", "3f2a8c1d9e0b"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", ""),
        (f"0::/jobs/{NUMBER[:40]}\n", ""),
        ("", ""),
    ],
)
def test_the_number_of_a_container_is_in_the_name_of_its_control_group(
    monkeypatch: pytest.MonkeyPatch, groups: str, container: str
) -> None:
    monkeypatch.setattr(process, "_read", lambda number, name: groups.encode() if name == "cgroup" else b"")
    found = Process(17, "python app.py")
    assert found.container == container
    assert Scope(container="3f2a*").fits(found) is bool(container)
    assert Scope(container="*").fits(found) is bool(container)
    assert not Scope(container="4f*").fits(found)
