import pytest

from brownout.faults.catalogue import CATALOGUE, find
from brownout.faults.settings import SettingsError
from brownout.faults.spec import Spec, from_short
from brownout.faults.synonyms import SYNONYMS, fault_of, meant


@pytest.mark.parametrize("text", sorted({text for found in SYNONYMS.values() for text in found}))
def test_what_is_meant_can_be_injected(text: str) -> None:
    short, *rest = text.split()
    assert Spec.parse(
        {**from_short(short), **dict(word.split("=") for word in rest)}, text=True
    ).fault.name == fault_of(text)


def test_no_synonym_is_a_fault() -> None:
    assert SYNONYMS.keys().isdisjoint(CATALOGUE)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("slow", ["latency:300ms", "bandwidth:100KB/s"]),
        ("Packet-Loss", ["loss:10%"]),
        ("delay", ["latency:300ms", "http.delay:300ms"]),
        ("503", ["http.status:503"]),
        ("firewall", ["unreachable", "half_open"]),
        ("700", []),
        ("latncy", ["latency"]),
        ("nothing like it", []),
        ("x" * 200, []),
    ],
)
def test_a_word_means(word: str, found: list[str]) -> None:
    assert meant(word, CATALOGUE) == found


def test_the_hint_of_an_unknown_fault_is_what_it_means() -> None:
    with pytest.raises(SettingsError) as error:
        find("kill")
    assert error.value.hint == "did you mean reset or refuse?"
    with pytest.raises(SettingsError) as error:
        find("nothing like it")
    assert error.value.hint.startswith("known: bandwidth, ")
