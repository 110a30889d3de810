"""The options of `throughtime compare`: those of `throughtime train`, for all variants, and what sets these apart."""

from dataclasses import dataclass
from typing import Annotated

import typer

from throughtime.cli.engine import RAY
from throughtime.cli.ranges import whole
from throughtime.cli.train_options import TrainOptions


@dataclass(frozen=True, kw_only=True)
class Forks:
    """Which variants there are."""

    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="A ready set of variants: cells (tanh, sigmoid, relu with an orthogonal and with an identity start, "
            "lstm, gru), clipping (without and with), starts, or truncations. Several join.",
            metavar="cells|clipping|starts|truncations",
            rich_help_panel="Variants",
            show_default="cells",
        ),
    ] = None
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="A variant of your own: its name, and the options of throughtime train in which it differs from what is "
            'said for all, as "clipped: --clip-norm 1"; the name alone is what is said for all.',
            metavar='"NAME: OPTIONS"',
            rich_help_panel="Variants",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class CompareOptions(TrainOptions, Forks):
    """What the command line says, or a file of --config, or the defaults."""

    flow_every: Annotated[
        int | None,
        typer.Option(
            help="Updates between probes of how far the gradient flows back in time, in every variant; 0 for none. They count "
            "in the time that is told.",
            rich_help_panel="Duration",
            show_default="about 10 probes a variant, at the same updates",
            callback=whole(0),
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Variants at a time, each in a process of its own, on one thread.",
            rich_help_panel="Run",
            show_default="one after another; with --ray a processor each",
            callback=whole(1),
        ),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            help=RAY, metavar="ADDRESS|local", rich_help_panel="Run", show_default="this machine's processes"
        ),
    ] = None
    out: Annotated[
        str | None,
        typer.Option(
            help="A new directory, in which each variant's run has its own.",
            metavar="OUT",
            rich_help_panel="Run",
            show_default="under runs/",
        ),
    ] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where the comparison in --out stopped; what is finished is not trained again.",
            rich_help_panel="Run",
        ),
    ] = False
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object when all are trained.", rich_help_panel="Run"),
    ] = False
