"""What `throughtime train` says at the end."""

import shlex
from typing import TYPE_CHECKING

from throughtime.cli.stopping import program

if TYPE_CHECKING:
    from throughtime.training.run import Run


def say_what_next(run: "Run") -> None:
    """Print what came of a run, and what may be done with it."""
    from throughtime.training.rows import clock, conclusion, pace

    finished = run.finished
    assert finished is not None
    if finished.resumed_step == finished.steps:
        print(_nothing_to_do(run))
    else:
        speed = f"{pace(finished.tokens_per_second)} tokens a second"
        print(f"{_steps(finished.steps)} in {clock(finished.seconds)}, {speed}.")
    for line in conclusion(finished):
        print(f"{line[0].upper()}{line[1:]}.")
    if finished.val_loss is not None:
        bits = finished.val_bits_per_char
        score = (
            f"perplexity {finished.val_perplexity:.4g}" if bits is None else f"{bits:.3f} bits per character"
        )
        print(f"Validation: {score}, at step {finished.best_step:,}, whose weights are kept.")
    shown = shlex.quote(str(run.path))
    print(f"The run lies in {shown}; its report.html shows how it went. Try next:")
    print(f"  {program()} generate {shown} --length 500 --temperature 0.7")
    print(f"  {program()} eval {shown} FILE")
    print(f"  {program()} flow {shown}")


def _nothing_to_do(run: "Run") -> str:
    """Why a run that was to go on has not."""
    finished, settings = run.finished, run.config["training"]
    assert finished is not None
    limits = {"--max-steps": settings["max_steps"], "--epochs": settings["epochs"]}
    if limits["--epochs"] is not None:
        limits["--epochs"] *= run.config["corpus"]["steps_per_epoch"]
    told = {name: limit for name, limit in limits.items() if limit is not None}
    name = min(told, key=lambda name: told[name])
    if told[name] < finished.steps:
        return (
            f"The run has made {_steps(finished.steps)} already, more than the {told[name]:,} that {name} asks for: nothing "
            f"was done. To train longer, raise {name}."
        )
    what = "--patience" if finished.early else "--epochs or --max-steps"
    return f"The run had come to its end, after {_steps(finished.steps)}. To train longer, raise {what}."


def _steps(number: int) -> str:
    return f"{number:,} step{'' if number == 1 else 's'}"
