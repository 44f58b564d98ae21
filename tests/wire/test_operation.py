"""What differs from one request to the next is folded, and nothing else."""

import pytest

from brownout.wire.http1.operation import operation

FOLDED = {
    "/users/42": "/users/{}",
    "/users/42/": "/users/{}/",
    "/users/42/orders/7": "/users/{}/orders/{}",
    "/1/2/3": "/{}/{}/{}",
    "/users/007": "/users/{}",
    "/jobs/123e4567-e89b-12d3-a456-426614174000": "/jobs/{}",
    "/jobs/123E4567-E89B-12D3-A456-426614174000/log": "/jobs/{}/log",
    "/blobs/9f86d081884c7d659a2feaa0c55ad015": "/blobs/{}",
    "/blobs/9F86D081": "/blobs/{}",
    "/objects/507f1f77bcf86cd799439011": "/objects/{}",
    "/reports/2026-11-27": "/reports/{}",
    "/reports/2026-11": "/reports/{}",
    "/reports/2026-11-27T09:00:00Z": "/reports/{}",
    "/reports/2026-11-27T09%3A00%3A00.5+01:00": "/reports/{}",
    "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV": "/events/{}",
    "/events/01arz3ndektsv4rrffq69g5fav": "/events/{}",
    "/reset/eyJhbGciOiJIUzI1NiJ9": "/reset/{}",
    "/reset/V1StGXR8_Z5jdHi6B-myT": "/reset/{}",
    "/reset/dGhpcyBpcyBhIHRva2VuIDEyMw==": "/reset/{}",
    "/jwt/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P": "/jwt/{}",
}
AS_THEY_ARE = [
    "",
    "*",
    "/",
    "//",
    "/users",
    "/v1/users",
    "/api/v2beta1/users",
    "/deadbeef",
    "/defaced/decade",
    "/9f86d08",
    "/static/app.9f86d081.js",
    "/favicon.ico",
    "/files/report-2026.pdf",
    "/log4j",
    "/md5/sha256",
    "/posts/our-favourite-posts-of-2026-so-far",
    "/clusters/kubernetes_cluster_with_a_long_name",
    "/caf%C3%A9/%31%32",
    "/search;page=2",
    "/x.123",
    "/12a/3b",
    "/2026-W48",
]


@pytest.mark.parametrize(("path", "folded"), FOLDED.items())
def test_what_differs_is_folded(path: str, folded: str) -> None:
    assert operation("GET", path) == f"GET {folded}"


@pytest.mark.parametrize("path", AS_THEY_ARE)
def test_the_rest_stays(path: str) -> None:
    assert operation("POST", path) == f"POST {path}".strip()


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("GET", "GET"), ("CONNECT", "CONNECT"), ("PROPFIND", "PROPFIND"), ("UPDATEREDIRECTREF", "UPDATEREDIRECTREF"),
        ("get", "?"), ("PURGE", "?"), ("X" * 32, "?"), ("", "?"),
    ],
)  # fmt: skip
def test_a_method_that_nobody_registered_is_no_operation_of_its_own(method: str, shown: str) -> None:
    assert operation(method, "/a") == f"{shown} /a"


def test_sixteen_segments_are_kept() -> None:
    assert operation("GET", "/a" * 16) == "GET " + "/a" * 16
    assert operation("GET", "/a" * 17) == "GET " + "/a" * 16 + "/..."
    assert operation("GET", "/a" * 5000) == "GET " + "/a" * 16 + "/..."


def test_two_hundred_characters_are_kept() -> None:
    assert operation("GET", "/" + "x" * 195) == "GET /" + "x" * 195
    assert operation("GET", "/" + "x" * 196) == "GET /" + "x" * 192 + "..."


def test_what_is_not_ascii_is_escaped() -> None:
    assert operation("GET", "/caf\xe9/\x9b31m/42") == "GET /caf\\xe9/\\x9b31m/{}"
