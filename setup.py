"""Finds the packages: the root of the repository is `brownout`, and ./proxy is `brownout.proxy`.

A folder with an `__init__.py` is a package, and so is one of data within it. All else is in pyproject.toml.
"""

from setuptools import find_namespace_packages, find_packages, setup

rooms = {name.partition(".")[0] for name in find_packages()}
setup(
    script_name="setup.py",  # else this file is taken for a module of the root package
    package_dir={"brownout": "."},
    packages=[
        "brownout",
        *(f"brownout.{name}" for name in find_namespace_packages() if name.partition(".")[0] in rooms),
    ],
)
