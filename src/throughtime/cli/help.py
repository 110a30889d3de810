"""The layout of help texts: plain lines, options grouped by subject."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_OTHER = "Other options"


class GroupedCommand(TyperCommand):
    """A verb whose options stand in groups, as their `rich_help_panel` says."""

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the arguments, then each group in the order of its first option."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                panel = "Arguments" if param.param_type_name == "argument" else None
                title = panel or getattr(param, "rich_help_panel", None) or _OTHER
                groups.setdefault(title, []).append(record)
        for title in sorted(groups, key=lambda title: title == _OTHER):
            with formatter.section(title):
                formatter.write_dl(groups[title])


class GroupedCommands(TyperGroup):
    """All verbs, in the order in which they are declared."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """As declared."""
        return list(self.commands)
