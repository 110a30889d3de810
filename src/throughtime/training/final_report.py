"""The report that training leaves in a run's directory, from what the run has recorded."""

import shlex
from dataclasses import replace

from throughtime.errors import ThroughtimeError
from throughtime.flow.findings import Evidence, find
from throughtime.flow.profile import GradientFlow
from throughtime.training.diagnosis import training_facts
from throughtime.training.events import Listener, Noticed
from throughtime.training.report import write_report
from throughtime.training.run import Run


def leave_report(run: Run, flow: GradientFlow | None, tell: Listener) -> None:
    """Write report.html, if the run has a directory. Where it cannot be written that is told, as the run is whole without it.

    Parameters
    ----------
    run : Run
    flow : GradientFlow or None
        What its last probe has measured, from which the report's findings are drawn: nothing more is measured for it.
    tell : callable
        Told of an event.
    """
    if run.path is None:
        return
    reported = replace(run)  # a long run's records are let go with it
    try:
        findings = None if flow is None else find(Evidence(flow, training_facts(reported)))
        write_report(reported, findings=findings, flow=flow)
    except (OSError, ThroughtimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        tell(
            Noticed(
                f"{run.path / 'report.html'} could not be written ({reason}); all else of the run is there. Write it with: "
                f"throughtime flow {shlex.quote(str(run.path))} --html PATH"
            )
        )
