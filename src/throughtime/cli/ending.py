"""What `throughtime train` says at the end."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughtime.training.events import Finished


def say_what_next(finished: "Finished", path: str) -> None:
    """Print what came of a run, and what may be done with it."""
    from throughtime.training.rows import clock

    steps = f"{finished.steps:,} step{'' if finished.steps == 1 else 's'}"
    if finished.resumed_step == finished.steps:
        print(f"The run had come to its end, after {steps}. To train longer, raise --epochs or --max-steps.")
    else:
        print(f"{steps} in {clock(finished.seconds)}, {finished.tokens_per_second:,.0f} tokens a second.")
    if finished.val_loss is not None:
        bits = finished.val_bits_per_char
        score = (
            f"perplexity {finished.val_perplexity:.4g}" if bits is None else f"{bits:.3f} bits per character"
        )
        print(f"Validation: {score}, at step {finished.best_step:,}, whose weights are kept.")
    program, shown = _program(), shlex.quote(path)
    print(f"The run lies in {shown}. Try next:")
    print(f"  {program} generate {shown} --length 500 --temperature 0.7")
    print(f"  {program} eval {shown} FILE")


def _program() -> str:
    """What to type for this program: its name where a shell finds it, otherwise what was typed this time."""
    if shutil.which("throughtime"):
        return "throughtime"
    called = Path(sys.argv[0])
    return str(called) if called.name == "throughtime" else f"{sys.executable} -m throughtime"
