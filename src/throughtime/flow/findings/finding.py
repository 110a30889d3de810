"""One thing that stands out in how gradients flow, told so that somebody can act on it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["problem", "caution"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, what it means, and what to try.

    Attributes
    ----------
    name : str
        Stable, such as `vanishing`.
    severity : "problem" or "caution"
        Whether the network cannot learn what it should, or only could be trained better.
    evidence : str
        One sentence of numbers.
    meaning : str
        What follows for the truncation and the data.
    remedy : str
        What to try, and why.
    command : str or None
        A call of `throughtime train` that tries it, for a network without a run an expression of Python's; None where none
        would.
    """

    name: str
    severity: Severity
    evidence: str
    meaning: str
    remedy: str
    command: str | None = None

    def record(self) -> dict[str, Any]:
        """Every field, fit for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.name}", self.evidence, self.meaning, self.remedy]
        if self.command is not None:
            prompt = "$" if self.command.startswith("throughtime ") else ">>>"
            lines.append(f"{prompt} {self.command}")
        return "\n".join(lines)
