"""`throughtime flow`: how far the gradient of a trained model reaches back in time, and what to do about it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from throughtime.cli.ranges import whole
from throughtime.errors import ArgumentError

if TYPE_CHECKING:
    from throughtime.training.diagnosis import Diagnosis


def _writable(value: str | None) -> str | None:
    """The name of a file, refused before anything is measured if none can lie there."""
    if value is None:
        return None
    path = Path(value)
    if path.exists() and not path.is_file():
        raise ArgumentError(
            f"--html is {value!r}, which is no file; expected the name of one to write. Name one such as flow.html."
        )
    if not os.access(path.parent, os.W_OK | os.X_OK) or not path.parent.is_dir():
        raise ArgumentError(
            f"--html is {value!r}, and {str(path.parent)!r} is no directory that can be written in; expected one. Make it, or "
            "name another place."
        )
    return value


def flow(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory of throughtime train.")],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="A text in UTF-8, also .gz, or a directory of texts; - is standard input. By default the run's own: what it held out, or where that is too short what it learned from.",
            show_default=False,
        ),
    ] = None,
    max_lag: Annotated[
        int | None,
        typer.Option(
            help="The last lag.",
            show_default="twice as far as the truncation reaches, at least 100",
            callback=whole(2),
        ),
    ] = None,
    origins: Annotated[
        int, typer.Option(help="Steps of each stretch of the text to go back from.", callback=whole(1))
    ] = 32,
    html: Annotated[
        str | None,
        typer.Option(
            help="Write the run's report, one page that opens without a network.",
            metavar="PATH",
            show_default=False,
            callback=_writable,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="The findings alone.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """Measure how far a trained model's gradient reaches back in time, and say what to do about it.

    The gradient of single output steps is followed back lag by lag: on FILE, or on the text that the run held out. Where
    that is too short, or nothing was held out, it is the text that the model has learned from.
    """
    from throughtime.cli.flow_text import describe, tell_findings
    from throughtime.cli.texts import read_text
    from throughtime.training.diagnosis import diagnose
    from throughtime.training.display import display
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    loaded = load(run)
    with display(sys.stderr, quiet=True) as show:
        found = diagnose(loaded, None if file is None else read_text([file], show), max_lag, origins, show)
    if html is not None:
        from throughtime.training.report import write_report

        write_report(loaded, html, diagnosis=found)
    if as_json:
        print(to_json({"run": run, "file": file, "html": html, **_record(found)}))
        return
    for line in tell_findings(found) if quiet else describe(found, loaded):
        print(line)
    if html is not None and not quiet:
        print(f"\nThe report lies in {html}.")


def _record(found: "Diagnosis") -> dict[str, Any]:
    """What --json prints of it."""
    exponents = found.exponents
    return {
        "text": found.text,
        **found.flow.record(),
        "mean_lag": found.flow.mean_lag,
        "truncation": None if found.training is None else found.training.truncation,
        "left_out": found.evidence.lost,
        "conditions": [each and each.record() for each in found.flow.conditions],
        "lyapunov_exponents": None if exponents is None else exponents.exponents.tolist(),
        "jacobian_chain": {
            "lags": list(found.chain),
            "log_largest_singular_value": list(found.chain.values()),
        },
        "findings": [finding.record() for finding in found.findings],
    }
