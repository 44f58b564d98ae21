from brownout.wire.mask import mask


def test_a_password_is_masked_wherever_it_stands() -> None:
    assert mask("a://u:p@h b://:q@h") == "a://u:***@h b://:***@h"
