"""What injections did, as JSON has it."""

from brownout.control.receipts import asked_view, found_view
from brownout.faults import Spec
from brownout.proxy.ledger import Ledger
from brownout.proxy.record.finding import Finding
from brownout.proxy.shaping.injection import Injection

NOBODY = Finding("nobody_refused", "nobody tried to connect", "let the service connect")


def injected(fault: str, finding: Finding | None = None, refused: int | None = None) -> Injection:
    injection = Injection(Spec.parse(fault), seed=1, proxy="db", profile="night", key="*")
    injection.finding, injection.refused = finding, refused
    return injection


def test_a_receipt_has_what_was_found_and_how_many_were_refused() -> None:
    shown = found_view(injected("refuse"), NOBODY, 3)["receipt"]
    assert isinstance(shown, dict)
    assert {key: shown[key] for key in ("refused", "unseen", "cause", "reason", "hint", "profile", "key")} == {
        "refused": 3, "unseen": True, "cause": "nobody_refused", "reason": "nobody tried to connect",
        "hint": "let the service connect", "profile": "night", "key": "*",
    }  # fmt: skip
    shown = found_view(injected("reset"), None, None)["receipt"]
    assert isinstance(shown, dict)
    assert (shown["refused"], shown["unseen"], shown["cause"], shown["reason"]) == (None, False, "", "")


def test_what_was_asked_for_has_its_reason_and_that_of_each_line() -> None:
    ledger = Ledger()
    ledger.add(injected("refuse", NOBODY, 2))
    ledger.add(injected("reset", Finding("no_connection", "no connection came")))
    view = asked_view(*ledger.asked(()))
    assert (view["profile"], view["key"], view["cause"], view["reason"]) == (
        "night", "*", "nobody_refused", "nobody tried to connect",
    )  # fmt: skip
    assert [(line["proxy"], line["placed"], line["vacuous"], line["refused"], line["cause"], line["reason"]) for line in view["injections"]] == [
        ("db", 1, 1, 2, "nobody_refused", "nobody tried to connect"), ("db", 1, 1, None, "no_connection", "no connection came"),
    ]  # fmt: skip
