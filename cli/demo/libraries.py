"""The client libraries that the demos need, which come with an extra."""

from __future__ import annotations

import importlib

from ...wire.errors import BrownoutError


def require(*names: str) -> None:
    """Check that libraries are there. Raises BrownoutError."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({str(error).splitlines()[0]})")
    if missing:
        raise BrownoutError(f"the demo needs {' and '.join(missing)}", "pip install 'brownout[demo]'")
