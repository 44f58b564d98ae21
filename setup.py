"""Finds the packages: the root of the repository is `brownout`, and ./proxy is `brownout.proxy`.

A folder with an `__init__.py` is a package. All else is in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    script_name="setup.py",  # else this file is taken for a module of the root package
    package_dir={"brownout": "."},
    packages=["brownout", *(f"brownout.{room}" for room in find_packages())],
)
