"""A finding's remedy as a command line of `throughtime train`; in Python's words for a network that was not trained by it."""

import shlex
from collections.abc import Mapping
from typing import Any, TypeAlias

from throughtime.flow.findings.evidence import Evidence

# By option without dashes; None takes one out.
Changes: TypeAlias = Mapping[str, Any]

# The package's cells, as options.
_CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "rnn_tanh": {"cell": "rnn"},
    "rnn_relu": {"cell": "rnn", "nonlinearity": "relu"},
    "rnn_sigmoid": {"cell": "rnn", "nonlinearity": "sigmoid"},
}


def command(evidence: Evidence, changes: Changes) -> str | None:
    """The call that repeats a run but for some options; None where none makes such a network.

    Of a run of Python's it has the network's kind and size, and FILE stands for the text. Without a run it is code, in the
    words of those who made the network.

    Parameters
    ----------
    evidence : Evidence
    changes : mapping of str to Any
    """
    cell = _CELLS.get(evidence.flow.name)
    if cell is None:
        return None
    training, flow = evidence.training, evidence.flow
    network = {**cell, "hidden-size": flow.hidden_size, "num-layers": flow.num_layers}
    if training is None:
        return flow.spelling.code(network, changes)
    if not training.options:
        return _call([], {"files": ["FILE"], **network, **changes})
    options = training.options
    removed = [key for key, value in changes.items() if value is None and options.get(key)]
    if training.options_file is None or removed:
        return _call([], {**options, **changes})
    # The file has the texts, unless they came from standard input.
    text = [] if options.get("files") != ["-"] else ["-"]
    return _call([*text, "--config", training.options_file], changes)


def _call(words: list[str], options: Changes) -> str:
    told = ["throughtime", "train", *options.get("files", ()), *words]
    for key, value in options.items():
        if key == "files" or value is None or value is False:
            continue
        told += [f"--{key}"] if value is True else [f"--{key}", str(value).removesuffix(".0")]
    return shlex.join(told)


def with_start(evidence: Evidence, **starts: str) -> str:
    """The spelling of the run's start with some of its items made anew."""
    start = evidence.start
    kept = [item.text for item in start.items if item.target not in starts]
    whole = [] if start.whole == "default" else [start.whole]
    return ",".join([*whole, *kept, *(f"{target}={value}" for target, value in starts.items())])
