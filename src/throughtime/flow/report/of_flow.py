"""The report of one measurement, without a training run around it."""

from typing import TYPE_CHECKING

from throughtime.flow.report.content import Report, Stability
from throughtime.flow.report.render import report_page

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow


def flow_page(flow: "GradientFlow") -> str:
    """Return the report of a measurement as one HTML file.

    Raises
    ------
    DivergedError
        The gradient is no number.
    """
    layers = "1 layer" if flow.num_layers == 1 else f"{flow.num_layers} layers"
    losses = int(flow.origins[0])
    facts = {
        "Cell": flow.name,
        "Size": f"{layers} of {flow.hidden_size} units",
        "Numbers": flow.dtype,
        "Measured": f"lags 0 to {int(flow.lags[-1])}, from {losses:,} loss{'' if losses == 1 else 'es'}",
    }
    return report_page(
        Report(
            title="Where the gradient goes",
            facts=facts,
            findings=flow.findings,
            flow=flow.record(),
            stability=Stability(conditions=flow.conditions, dtype=flow.dtype),
        )
    )
