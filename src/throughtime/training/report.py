"""A run's report: from its records, one page that opens without a network."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from throughtime.errors import ArgumentError
from throughtime.flow.findings import Finding, TrainingFacts
from throughtime.flow.profile import GradientFlow
from throughtime.flow.report import Report, Stability, report_page
from throughtime.flow.report.content import Record, top_curve
from throughtime.flow.words import counted
from throughtime.storage import write_whole
from throughtime.training.diagnosis import Diagnosis, training_facts
from throughtime.training.directory import REPORT
from throughtime.training.entries import IMPORTED
from throughtime.training.run import Run


def write_report(
    run: Run,
    path: str | os.PathLike[str] | None = None,
    findings: Sequence[Finding] | None = None,
    flow: GradientFlow | None = None,
    *,
    step: int | None = None,
    diagnosis: Diagnosis | None = None,
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
        What the last probe has measured, with more than its record holds.
    step : int, optional
        The update that left the weights which `flow` was measured with; by default that of the last probe.
    diagnosis : Diagnosis, optional
        A measurement of the finished model, to lead with in place of the last probe and with findings of its own.

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
    shown = _report(run, findings, flow, step) if diagnosis is None else _diagnosed(run, diagnosis)
    # A file's name may hold bytes that are no UTF-8.
    write_whole(path, report_page(shown).encode("utf-8", "backslashreplace"))
    return path


def _diagnosed(run: Run, found: Diagnosis) -> Report:
    """The report that leads with a measurement of the finished model."""
    step = None if found.training is None else run.kept_step
    weights = "" if step is None else f", with the weights {_after(step)}"
    return replace(
        _report(run, found.findings, found.flow),
        facts=_facts(run.config, found.training, f"on {found.text}{weights}"),
        stability=Stability(
            conditions=found.flow.conditions,
            chain=found.chain,
            exponents=() if found.exponents is None else found.exponents.exponents.tolist(),
            dtype=found.flow.dtype,
        ),
    )


def _report(
    run: Run, findings: Sequence[Finding] | None, flow: GradientFlow | None, step: int | None = None
) -> Report:
    """The report that leads with the last probe."""
    training, probes = training_facts(run), run.flow_history
    if step is None and probes:
        step = probes[-1]["step"]
    measured = None if step is None else f"on the training text, with the weights {_after(step)}"
    shown = Report(
        title=f"Where the gradient goes: {_name(run)}",
        facts=_facts(run.config, training, measured),
        findings=findings,
        flow=None if flow is None else flow.record(),
        probes=probes,
        metrics=run.history,
        reach=None if training is None else training.longest,
        shortest=0 if training is None else training.shortest,
        stability=Stability(conditions=() if flow is None else flow.conditions, dtype=run.model.dtype.name),
    )
    return replace(shown, left_out=_left_out(shown.last, training))


def _left_out(record: Record | None, training: TrainingFacts | None) -> float | None:
    """The share of a measured gradient that training leaves out."""
    curve = None if record is None else top_curve(record)
    if training is None or curve is None or math.isnan(curve.mean_lag):
        return None
    return training.left_out(curve)


def _after(step: int) -> str:
    """When in training something was so."""
    return f"after update {step:,}" if step else "before the first update"


def _name(run: Run) -> str:
    return "a run" if run.path is None else run.path.resolve().name


def _facts(config: dict[str, Any], training: TrainingFacts | None, measured: str | None) -> dict[str, str]:
    """What was trained on what, how, and what was measured, in the words of the page."""
    model = config["model"]
    cell = model["cell"]
    layers = "1 layer" if model["num_layers"] == 1 else f"{model['num_layers']} layers"
    return {
        "Cell": f"{cell} ({model['nonlinearity']})" if cell == "rnn" else cell,
        "Size": f"{layers} of {model['hidden_size']} units",
        **(
            {"Weights": f"imported from {config[IMPORTED]['file']}"}
            if training is None
            else _training(config, training.steps)
        ),
        **({} if measured is None else {"Measured": measured}),
    }


def _training(config: dict[str, Any], steps: int) -> dict[str, str]:
    settings = config["training"]
    optimizer, clip = settings["optimizer"], settings["clip"]
    return {
        "Text": str(config["corpus"]["name"]),
        "Training": counted(steps, "update"),
        "Truncation": settings["truncation"],
        "Optimiser": f"{optimizer['name']}, learning rate {optimizer['lr']:g}",
        "Clipping": "none" if clip is None else _clip(clip),
        "Start of the weights": config["model"]["init"],
    }


def _clip(clip: dict[str, Any]) -> str:
    """A clip's record in words; of a user's own there is the name alone."""
    match clip:
        case {"name": "norm", "theta": theta}:
            return f"of the norm at {theta:g}"
        case {"name": "value", "value": value}:
            return f"of every value at {value:g}"
        case {"name": "auto", "multiple": multiple}:
            return f"of the norm at {multiple:g} times its average"
    return str(clip["name"])
