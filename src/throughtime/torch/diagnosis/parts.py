"""The parts of a PyTorch model that run over time: its recurrent layers, and the step functions of others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from throughtime.errors import ArgumentError

LAYERS = nn.RNN, nn.GRU, nn.LSTM
CELLS = nn.RNNCell, nn.GRUCell, nn.LSTMCell


@dataclass(frozen=True)
class Part:
    """A function of a module, or of a module inside it.

    Attributes
    ----------
    owner : Module
        It stands for itself where `attribute` is its forward.
    attribute : str
    path : str
        From the module; empty for the module itself.
    """

    owner: nn.Module
    attribute: str
    path: str

    @property
    def of_the_model(self) -> str:
        """As Python code has it."""
        return f"model.{self.path}" if self.path else "model"

    @property
    def name(self) -> str:
        """Of the class, or of the method."""
        return type(self.owner).__name__ if self.attribute == "forward" else self.attribute

    def __str__(self) -> str:
        return f"'{self.path}'" if self.path else f"the {type(self.owner).__name__} itself"


def find_layer(module: nn.Module, path: str | None) -> Part:
    """The one recurrent layer of a module, or that of a name.

    Raises
    ------
    ArgumentError
        There is none, or more than one and no name, or none of that name.
    """
    found = {name: part for name, part in _named_modules(module).items() if isinstance(part, LAYERS + CELLS)}
    listed = ", ".join(repr(name) for name in found)
    if not found:
        raise ArgumentError(
            f"{type(module).__name__} has no nn.RNN, nn.GRU or nn.LSTM, and no cell of these; expected one. Name the "
            "function that makes one step of time, as step='cell'."
        )
    if path is None:
        apart = len(set(found.values()))
        if apart > 1:
            raise ArgumentError(
                f"{apart} recurrent layers found, {listed}; expected one. Name it, as layer={next(iter(found))!r}."
            )
        path = next(iter(found))
    if path not in found:
        raise ArgumentError(f"layer={path!r} found; expected one of {listed}. Name one of these.")
    return Part(found[path], "forward", path)


def find_step(module: nn.Module, step: str | Callable[..., Any]) -> Part:
    """The function that makes one step of time: a method or module inside `module`, by its dotted name or itself.

    Raises
    ------
    ArgumentError
        There is no such function in the module.
    """
    if isinstance(step, str):
        return _named(module, step)
    if not callable(step):
        raise ArgumentError(
            f"step of type {type(step).__name__} found; expected a function that the module calls. Give its name, as step='cell'."
        )
    for path, part in module.named_modules():
        if step is part:
            return Part(part, "forward", path)
        # A bound method is made anew each time it is asked for, but equals itself.
        name = getattr(step, "__name__", "")
        names = [name] if getattr(step, "__self__", None) is part else list(part.__dict__)
        for attribute in names:
            if getattr(part, attribute, None) == step:
                return Part(part, attribute, f"{path}.{attribute}".lstrip("."))
    raise ArgumentError(
        f"step {getattr(step, '__name__', type(step).__name__)!r} is no part of the {type(module).__name__}; expected a "
        "method of it, or a module inside it. Give its name as the module calls it, as step='cell'."
    )


def _named_modules(module: nn.Module) -> dict[str, nn.Module]:
    """By all of their names: one module may be registered under several."""
    return dict(module.named_modules(remove_duplicate=False))


def _named(module: nn.Module, path: str) -> Part:
    owner, _, attribute = path.rpartition(".")
    parts = _named_modules(module)
    if path in parts:
        return Part(parts[path], "forward", path)
    function = getattr(parts.get(owner), attribute, None)
    if not callable(function):
        raise ArgumentError(
            f"step={path!r} found, and no such function in {type(module).__name__}; expected the name of a method of it, or "
            "of a module inside it. Give the dotted name, as 'decoder.cell'."
        )
    return Part(parts[owner], attribute, path)
