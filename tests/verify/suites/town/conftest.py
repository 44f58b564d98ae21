import functools
import inspect

import pytest

print("the project's conftest is loud")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Wrap the function of a test, as plugins for coroutines do, which reckon with one call."""
    test = pyfuncitem.obj
    assert not hasattr(test, "wrapped"), "it is wrapped already"
    if not inspect.iscoroutinefunction(test):
        pyfuncitem.obj = functools.wraps(test)(lambda **fixtures: test(**fixtures))
        pyfuncitem.obj.wrapped = True
