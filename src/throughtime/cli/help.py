"""The layout of help texts: plain lines, options grouped by subject."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_OTHER = "Other options"


class Verb(TyperCommand):
    """A verb whose options stand in groups, as their `rich_help_panel` says."""

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The arguments as they are named, without brackets of the parser's own."""
        params = self.get_params(ctx)
        return ["[OPTIONS]", *(str(p.metavar or p.name) for p in params if p.param_type_name == "argument")]

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the arguments, then each group in the order of its first option."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                described = str(param.metavar or param.name), str(getattr(param, "help", ""))
                groups.setdefault("Arguments", []).append(described)
                continue
            record = param.get_help_record(ctx)
            if record is not None:
                name, text = record
                words = getattr(param, "show_default", None)  # in place of a value; the parser brackets them
                text = text.replace(f"default: ({words})", f"default: {words}")
                groups.setdefault(getattr(param, "rich_help_panel", None) or _OTHER, []).append((name, text))
        for title in sorted(groups, key=lambda title: title == _OTHER):
            with formatter.section(title):
                formatter.write_dl(groups[title])


class Verbs(TyperGroup):
    """All verbs, in the order in which they are declared, each with its first sentence in full."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """As declared."""
        return list(self.commands)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write a line or two for each verb."""
        with formatter.section("Verbs"):
            formatter.write_dl(
                [(name, self.commands[name].get_short_help_str(200)) for name in self.list_commands(ctx)]
            )
