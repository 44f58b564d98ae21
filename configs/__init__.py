"""Profiles that ship with the package, a YAML file for each, with the source of its figures.

`brownout.faults.config.file.shipped()` reads them; `brownout check FILE` takes a copy of one as it is.
"""
