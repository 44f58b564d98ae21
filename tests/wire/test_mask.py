import pytest

from brownout.wire.mask import mask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
        ("a://u:p@h b://:q@h", "a://u:***@h b://:***@h"),
        ("redis://user@h", "redis://user@h"),
        ("postgres://app:pa#ss@127.0.0.1:5432/shop", "postgres://app:***@127.0.0.1:5432/shop"),
        ("postgres://app:pa/ss@127.0.0.1:5432/shop", "postgres://app:***@127.0.0.1:5432/shop"),
        ("postgres://app:pa?ss@127.0.0.1:5432/shop", "postgres://app:***@127.0.0.1:5432/shop"),
        ("postgres://app:p@ss/w@127.0.0.1:5432/shop", "postgres://app:***@127.0.0.1:5432/shop"),
        ("postgres://app:p:w@127.0.0.1", "postgres://app:***@127.0.0.1"),
        ("app:pa#ss@127.0.0.1:5432", "app:***@127.0.0.1:5432"),
        ("redis://app:secret", "redis://app:***"),
        ("redis://:secret/0", "redis://:***/0"),
        ("redis://app:12secret?x=1", "redis://app:***?x=1"),
        ("redis://app:1/secret@h", "redis://app:***@h"),
        ("redis://app:secret redis://h:1", "redis://app:*** redis://h:1"),
        ("http://[::1]:80/a:b", "http://[::1]:80/a:b"),
        ("kafka://a:1,b:2", "kafka://a:1,b:2"),
        ("unix:///tmp/a:b", "unix:///tmp/a:b"),
        ("python:main", "python:main"),
        ("git@example.com", "git@example.com"),
        ("redis://h/0?password=pa#ss&x=1", "redis://h/0?password=***&x=1"),
        ("http://h/?x=1&api_key=a&X-Auth-Token=b;c=d", "http://h/?x=1&api_key=***&X-Auth-Token=***;c=d"),
        ("http://h/?passwords", "http://h/?passwords"),
        ("/users/joe@example.com", "/users/joe@example.com"),
    ],
)
def test_a_password_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert mask(text) == shown
