"""Finds the packages: the root of the repository is `brownout`, and ./proxy is `brownout.proxy`.

A folder with an `__init__.py` is a package. All else is in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    package_dir={"brownout": "."},
    packages=["brownout", *(f"brownout.{room}" for room in find_packages())],
)
