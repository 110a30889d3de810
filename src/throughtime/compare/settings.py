"""The settings of the variants in words: what all have in common, and what sets each apart."""

from collections.abc import Mapping, Sequence
from typing import Any

_WORDS = {
    "num_layers": "layers",
    "init": "start",
    "seq_len": "new steps per update",
    "optimizer": "optimiser",
    "lr": "learning rate",
    "clip": "clipping",
}
# What is told of the settings that all have in common; the others are as a reader expects them.
_COMMON = (
    "cell",
    "hidden_size",
    "num_layers",
    "init",
    "batch_size",
    "truncation",
    "seq_len",
    "optimizer",
    "lr",
    "schedule",
    "clip",
)


def common(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What is one for all, by its name.

    Parameters
    ----------
    entries : sequence of mapping
        The `variants` of compare.json.
    """
    shared = _shared([_told(entry["settings"]) for entry in entries])
    return {_words(name): shared[name] for name in _COMMON if name in shared}


def apart(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each has of its own, in one line; empty where nothing differs.

    Examples
    --------
    >>> def entry(**model):
    ...     return {"settings": {"model": model, "training": {"optimizer": {"name": "adam", "lr": 0.002}}}}
    >>> apart(
    ...     [entry(cell="lstm", nonlinearity="tanh"), entry(cell="rnn", nonlinearity="relu", init="article")]
    ... )
    ['cell lstm', 'cell rnn relu']
    """
    each = [_told(entry["settings"]) for entry in entries]
    shared = _shared(each)
    # A setting that another lacks goes with one that differs, as Adam's betas with the optimiser's name.
    known = (
        [name for name in each[0] if name not in shared and all(name in one for one in each)] if each else []
    )
    return [", ".join(f"{_words(name)} {one[name]}" for name in known) for one in each]


def _told(settings: Mapping[str, Any]) -> dict[str, str]:
    """All settings of one variant, by their names in config.json."""
    model, training = dict(settings["model"]), dict(settings["training"])
    nonlinearity, optimizer = model.pop("nonlinearity", None), dict(training.pop("optimizer"))
    if model.get("cell") == "rnn":  # the others have none to choose
        model["cell"] = f"rnn {nonlinearity}"
    if training.get("seq_len", 0) is None:
        training["seq_len"] = "whole sentences"
    found = {**model, **training, "optimizer": optimizer.pop("name", None), **optimizer}
    return {name: _written(value) for name, value in found.items()}


def _shared(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first = each[0] if each else {}
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in each)}


def _words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _written(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict():  # such as a clip: its kind, and its number
            return " ".join(map(_written, value.values()))
        case list():
            return " ".join(map(_written, value))
    return str(value)
