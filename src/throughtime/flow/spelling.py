"""How a remedy is written down for a network that no run of `throughtime train` stands behind."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from throughtime.flow.findings.command import Changes

# What an option says of the network, apart from its training.
NETWORK = "cell", "nonlinearity", "hidden-size", "num-layers", "init"


class Spelling(Protocol):
    """The language of those who made the network.

    Attributes
    ----------
    in_float64 : str
        How the network is made to compute in it.
    finds_not_a_number : str
        The sentence that says what finds the first one.
    """

    @property
    def in_float64(self) -> str: ...

    @property
    def finds_not_a_number(self) -> str: ...

    def code(self, network: "Changes", changes: "Changes") -> str | None:
        """Python code that makes these changes; None where it would be about training alone.

        Parameters
        ----------
        network, changes : mapping of str to Any
            The network as it is, and what to change, as options of `throughtime train`.
        """


@dataclass(frozen=True)
class OwnModel:
    """The package's own, by the name of the class."""

    name: str = "SequenceModel"

    @property
    def in_float64(self) -> str:
        """See `Spelling`."""
        return 'from Python as LanguageModel(..., dtype="float64")'

    @property
    def finds_not_a_number(self) -> str:
        """See `Spelling`."""
        return "Let throughtime.examine find where the first bad value arises."

    def code(self, network: "Changes", changes: "Changes") -> str | None:
        """The expression that makes the network anew, or the clip where that is all that is new."""
        if not changes.keys().isdisjoint(NETWORK):
            options = {**network, **changes}
            told = [
                f"{key.replace('-', '_')}={options[key]!r}" for key in NETWORK if options.get(key) is not None
            ]
            return f"tt.{self.name}(..., {', '.join(told)})"
        return f"tt.ClipNorm({changes['clip-norm']})" if "clip-norm" in changes else None
