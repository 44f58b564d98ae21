"""The table of the journal's kinds is made from the classes of events: `make docs` writes it, this test compares."""

import re

import msgspec

from brownout.proxy.record.event import KINDS, ConnectionEvent, Event

from .conftest import DOCS, write_or_compare


def row(kind: str, event: type[Event]) -> str:
    of_detail = [name for name in event.__struct_fields__ if name not in ("proxy", "connection")]
    connection = "number" if issubclass(event, ConnectionEvent) else "null"
    detail = ", ".join(f"`{name}`" for name in of_detail) or "empty"
    return f"| `{kind}` | {connection} | {detail} | {event.__doc__} |"


def test_the_page_of_the_api_has_each_kind_of_event_with_its_fields() -> None:
    page = DOCS["api.md"]
    head, old = re.search(r"(\| kind \|.*\n\| --- .*\n)((?:\| .*\n)*)", page).groups()
    rows = "".join(f"{row(kind, event)}\n" for kind, event in KINDS.items())
    write_or_compare("api.md", page.replace(head + old, head + rows))


def test_every_field_is_explained_by_its_kind() -> None:
    for event in KINDS.values():
        text = event.__doc__ or ""
        assert text.endswith(".")
        assert "\n" not in text, "one sentence"
        for field in msgspec.structs.fields(event):
            explained = f"`{field.name}`" in text or field.name in ("proxy", "connection", "operation")
            assert explained or field.name.endswith("_bytes"), (event.__name__, field.name)
