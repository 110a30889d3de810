"""A run's report: from its records, one page that opens without a network."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from throughtime.errors import ArgumentError
from throughtime.flow.findings import Finding
from throughtime.flow.profile import GradientFlow
from throughtime.flow.report import Report, report_page
from throughtime.storage import write_whole
from throughtime.training.diagnosis import training_facts
from throughtime.training.directory import REPORT
from throughtime.training.run import Run


def write_report(
    run: Run,
    path: str | os.PathLike[str] | None = None,
    findings: Sequence[Finding] | None = None,
    flow: GradientFlow | None = None,
) -> Path:
    """Write what a run has recorded as one HTML file.

    Parameters
    ----------
    run : Run
    path : path, optional
        By default report.html in the run's directory.
    findings : sequence of Finding, optional
        What the page begins with; None if nobody has looked.
    flow : GradientFlow, optional
        A measurement to lead with in place of the run's last probe.

    Returns
    -------
    Path
        Where it lies.

    Raises
    ------
    ArgumentError
        The run has no directory, and no path is given.
    OSError
        It cannot be written.
    """
    if path is None:
        if run.path is None:
            raise ArgumentError(
                "the run has no directory, and path is None; expected a path. Name the file to write."
            )
        path = run.path / REPORT
    path = Path(path)
    write_whole(path, report_page(_report(run, findings, flow)).encode())
    return path


def _report(run: Run, findings: Sequence[Finding] | None, flow: GradientFlow | None) -> Report:
    training = training_facts(run)
    return Report(
        title=f"Where the gradient goes: {_name(run)}",
        facts=_facts(run.config, training.steps),
        findings=findings,
        flow=None if flow is None else flow.record(),
        probes=run.flow_history,
        metrics=run.history,
        reach=training.longest,
    )


def _name(run: Run) -> str:
    return "a run" if run.path is None else run.path.resolve().name


def _facts(config: dict[str, Any], steps: int) -> dict[str, str]:
    """What was trained on what, and how, in the words of the page."""
    model, training, corpus = config["model"], config["training"], config["corpus"]
    cell = model["cell"]
    layers = "1 layer" if model["num_layers"] == 1 else f"{model['num_layers']} layers"
    optimizer, clip = training["optimizer"], training["clip"]
    return {
        "Cell": f"{cell} ({model['nonlinearity']})" if cell == "rnn" else cell,
        "Size": f"{layers} of {model['hidden_size']} units",
        "Text": str(corpus["name"]),
        "Training": f"{steps:,} updates",
        "Truncation": training["truncation"],
        "Optimiser": f"{optimizer['name']}, learning rate {optimizer['lr']:g}",
        "Clipping": "none" if clip is None else _clip(clip),
        "Start of the weights": model["init"],
    }


def _clip(clip: dict[str, Any]) -> str:
    theta = clip.get("theta")
    return f"{clip['name']}{'' if theta is None else f' at {theta:g}'}"
