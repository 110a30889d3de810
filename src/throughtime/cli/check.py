"""`throughtime check`: the gradients of every cell, truncation and loss, held against central differences."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from throughtime.cli.ranges import whole

if TYPE_CHECKING:
    from throughtime.truncation import Truncation

_CELLS = {
    "rnn tanh": ("rnn", "tanh"),
    "rnn relu": ("rnn", "relu"),
    "rnn sigmoid": ("rnn", "sigmoid"),
    "lstm": ("lstm", "tanh"),
    "gru": ("gru", "tanh"),
}
_LOSSES = ("softmax", "squared", "logistic")
# Sequences short enough for seconds, long enough that every truncation leaves something out.
_T, _B, _I, _H, _O = 6, 2, 2, 3, 4
_ENTRIES = 4  # of each parameter
# Of the differences, not of the gradients: a step of 1e-5 in float64 leaves about 1e-10, and tiny gradients magnify it.
_TOLERANCE = 1e-6


def check(
    seed: Annotated[int, typer.Option(help="Of the models and sequences.", callback=whole(0))] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, the errors, when the check is done.")
    ] = False,
) -> int:
    """Hold the gradient of every cell, truncation and loss against finite differences."""
    from throughtime.truncation import Chunk, Full, Window

    start = time.perf_counter()
    truncations: list[Truncation] = [Full(), Window(2), Chunk(3), Chunk(2, 5)]
    number = len(_CELLS) * len(truncations) * len(_LOSSES)
    found = []
    for cell in _CELLS:
        for truncation in truncations:
            for loss in _LOSSES:
                found.append(_check_one(cell, truncation, loss, seed))
                if sys.stderr.isatty():
                    print(f"\r{len(found)} of {number} checks", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - start
    failed = [check for check in found if not check["passed"]]
    if as_json:
        from throughtime.training.metrics import to_json

        result = {
            "passed": not failed,
            "worst": max(check["error"] for check in found),
            "tolerance": _TOLERANCE,
            "seconds": round(seconds, 3),
            "checks": found,
        }
        print(to_json(result))
    else:
        _print_table(found, [str(truncation) for truncation in truncations])
        print(f"{len(found)} gradients checked in {seconds:.1f} s, {len(failed)} wrong.")
    if not failed:
        return 0
    from throughtime.errors import GradientError

    first = failed[0]
    raise GradientError(
        f"{len(failed)} of {len(found)} gradients are wrong, first that of {first['parameter']} ({first['cell']}, "
        f"{first['truncation']}, {first['loss']}) by {first['error']:.1e}, relative; expected at most {_TOLERANCE:.0e}. "
        "Check the cell's backward against its forward."
    )


def _check_one(cell: str, truncation: "Truncation", loss: str, seed: int) -> dict[str, Any]:
    """The worst relative error of two layers of a cell."""
    import numpy as np

    from throughtime.networks.gradients import check_gradients
    from throughtime.networks.sequence_model import SequenceModel

    kind, nonlinearity = _CELLS[cell]
    rng = np.random.default_rng(seed)
    model = SequenceModel(_I, _H, _O, kind, 2, loss, nonlinearity=nonlinearity, dtype="float64", seed=seed)
    inputs = rng.normal(size=(_T, _B, _I))
    targets = {
        "softmax": rng.integers(0, _O, (_T, _B)),
        "squared": rng.normal(size=(_T, _B, _O)),
        "logistic": rng.random((_T, _B, _O)),
    }[loss]
    errors = check_gradients(
        model, inputs, targets, truncation=truncation, tolerance=np.inf, entries=_ENTRIES, seed=seed
    )
    name = max(errors, key=lambda name: errors[name])
    return {
        "cell": cell,
        "truncation": str(truncation),
        "loss": loss,
        "parameter": name,
        "error": errors[name],
        "passed": errors[name] <= _TOLERANCE,
    }


def _print_table(found: list[dict[str, Any]], truncations: list[str]) -> None:
    """The worst error over the losses, cells down and truncations across."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("cell, two layers")
    for truncation in truncations:
        table.add_column(truncation, justify="right")
    for cell in _CELLS:
        row = [Text(cell)]
        for truncation in truncations:
            checks = [c for c in found if c["cell"] == cell and c["truncation"] == truncation]
            worst = max(check["error"] for check in checks)
            right = all(check["passed"] for check in checks)
            row.append(Text(f"{worst:.1e}{'' if right else ' wrong'}", "green" if right else "bold red"))
        table.add_row(*row)
    print("The largest relative error, over all parameters and losses:")
    Console().print(table)
