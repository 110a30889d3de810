"""The report that training leaves in a run's directory, from what the run has recorded."""

import shlex
from dataclasses import replace

from throughtime.errors import RunError, ThroughtimeError
from throughtime.flow.findings import Evidence, find
from throughtime.training.diagnosis import training_facts
from throughtime.training.directory import REPORT
from throughtime.training.events import Listener, Noticed
from throughtime.training.loop import Training
from throughtime.training.report import write_report
from throughtime.training.run import Run


def leave_report(run: Run, training: Training, tell: Listener) -> None:
    """Write report.html, if the run has a directory. Where it cannot be written that is told, as the run is whole without it.

    Parameters
    ----------
    run : Run
    training : Training
        What its last probe has measured, the report's findings are drawn from.
    tell : callable
        Told of an event.
    """
    if run.path is None or (training.idle and (run.path / REPORT).exists()):
        return
    reported = replace(run)  # a long run's records are let go with it
    try:
        flow = training.flow
        findings = None if flow is None else find(Evidence(flow, training_facts(reported)))
        write_report(reported, findings=findings, flow=flow, step=training.flow_step)
    except (OSError, ThroughtimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        # What a damaged file has kept from being written cannot be written otherwise.
        remedy = (
            ""
            if isinstance(error, RunError)
            else f" Write it with: throughtime flow {shlex.quote(str(run.path))} --html PATH"
        )
        tell(
            Noticed(
                f"{run.path / REPORT} could not be written ({reason}); all else of the run is there.{remedy}"
            )
        )
