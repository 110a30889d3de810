"""The report: one page that says where the gradient goes, for someone who does not know the code."""

from throughtime.flow.report.content import Report, Stability
from throughtime.flow.report.of_flow import flow_page
from throughtime.flow.report.render import report_page

__all__ = ["Report", "Stability", "flow_page", "report_page"]
