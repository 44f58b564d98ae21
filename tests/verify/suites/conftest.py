"""The suites here are run by `brownout verify`, see test_suites.py, and not by ours."""

collect_ignore_glob = ["*"]
