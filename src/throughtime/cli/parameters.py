"""A verb whose options are the fields of a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

import typer

Options = TypeVar("Options")


def takes(declared: type[Options]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let the parser see each field of `declared` as a parameter; the verb gets them as one object.

    The verb is called with the options, and the names of those that stand on the command line.

    Parameters
    ----------
    declared : dataclass
        Its fields are annotated as a verb's parameters are: `Annotated[type, typer.Option(...)] = default`.
    """
    hints = get_type_hints(declared, include_extras=True)
    parameters = [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if f.default is MISSING else f.default,
            annotation=hints[f.name],
        )
        for f in fields(declared)  # type: ignore[arg-type]
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        def called(*, context: typer.Context, **values: Any) -> Any:
            return verb(declared(**values), typed(context))

        called.__name__, called.__qualname__, called.__module__ = (
            verb.__name__,
            verb.__qualname__,
            verb.__module__,
        )
        called.__doc__ = verb.__doc__
        called.__annotations__ = {**hints, "context": typer.Context}
        called.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]
        return called

    return decorate


def typed(context: typer.Context) -> list[str]:
    """The names of the parameters that stand on the command line itself, in the order of the help text."""
    names = [str(param.name) for param in context.command.params]
    sources = {name: context.get_parameter_source(name) for name in names}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def spelled(name: str) -> str:
    """An option as one types it.

    Examples
    --------
    >>> spelled("hidden_size"), spelled("input_"), spelled("as_json")
    ('--hidden-size', '--input', '--json')
    """
    return "--" + key_of(name)


def key_of(name: str) -> str:
    """An option as a file names it. A field whose name Python has taken ends in _, or begins with as_."""
    return name.removeprefix("as_").rstrip("_").replace("_", "-")
