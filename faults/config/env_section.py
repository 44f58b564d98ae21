"""The section `env` of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping

from ...wire.errors import BrownoutError
from .nodes import Node
from .problem import path
from .proxy_section import Proxies
from .reader import Reader, shape
from .scalar import substitute
from .template import Template, variable


def read_env(reader: Reader, section: Node | None, proxies: Proxies, environ: Mapping[str, str]) -> dict[str, Template]:
    """Read the section; what is wrong goes to the reader.

    Where the file has any proxy, every template must name those. Braces in other variables are no places of a template.
    """
    found: dict[str, Template] = {}
    doubled = {name: value.replace("{", "{{").replace("}", "}}") for name, value in environ.items()}
    known = {name: proxies.entries.get(name) for name in proxies.protocols}
    items = reader.mapping(section, "env", 'write NAME: "{PROXY.url}" below it, a line for each')
    for name, node in items.items():
        key = path("env", name)
        with reader.right(node, key):
            variable(name)
        if node.bad or node.value is None:
            continue
        with reader.right(node, key):
            if not isinstance(node.value, str):
                quoted = isinstance(node.value, dict)
                hint = 'put quotes around it: "{db.url}"' if quoted else 'write it like "{db.url}"'
                raise BrownoutError(f"{shape(node)} is given where text is expected", hint)
            template = Template.parse(substitute(node.raw, doubled) if node.raw else node.value, node.raw)
            if known:
                template.check(known)
            found[name] = template
    return found
