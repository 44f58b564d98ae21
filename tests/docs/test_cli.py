"""docs/cli.md has a section for each command, whose beginning is generated: `make docs` writes it, this test compares."""

import re
from collections.abc import Iterator

import click

from brownout.cli.main import cli

from .conftest import DOCS, write_or_compare

SHARED = ("--api", "--token", "--json")
SERVERS = ("brownout run", "brownout toxiproxy")
GENERATED = r"## {}\n\n`brownout .*`\n\n.*\n(?:Takes .*\n)?(?:\n\| option \| meaning \|\n(?:\|.*\n)+)?"


def leaves(command: click.Command, path: str = "brownout") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from leaves(command.get_command(click.Context(command), name), f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(leaves(cli))


def generated(path: str, command: click.Command) -> str:
    """What the page says of a command: its words, its first sentences, its options."""
    context = click.Context(command, info_name=path, help_option_names=["-h", "--help"])
    usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    options = [each for each in command.params if isinstance(each, click.Option)]
    also = [each for each in options if each.opts[-1] in SHARED and path not in SERVERS]
    text = f"## {path}\n\n`{usage}`\n\n{' '.join((command.help or '').split(chr(10) * 2)[0].split())}\n"
    if also:
        *most, last = (f"`{each.opts[-1]}`" for each in also)
        text += f"Takes {', '.join(most)} and {last}.\n" if most else f"Takes {last}.\n"
    if rows := [row(each) for each in options if each not in also]:
        text += "\n".join(["", "| option | meaning |", "| --- | --- |", *rows]) + "\n"
    return text


def row(option: click.Option) -> str:
    *short, last = option.opts
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    names = ", ".join(f"`{name}`" for name in (*short, f"{last}{value}"))
    return "| {} | {} |".format(*(cell.replace("|", "\\|") for cell in (names, " ".join((option.help or "").split()))))


def test_the_page_has_every_command_with_its_options() -> None:
    head, *sections = re.split(r"^(?=## )", DOCS["cli.md"], flags=re.MULTILINE)
    prose = {}
    for section in sections:
        path = section.partition("\n")[0].removeprefix("## ")
        prose[path] = re.sub(GENERATED.format(path), "", section, count=1).strip("\n")
    parts = [
        f"{generated(path, command)}\n{prose[path]}\n" if prose.get(path) else generated(path, command)
        for path, command in COMMANDS.items()
    ]
    write_or_compare("cli.md", head + "\n".join(parts))
