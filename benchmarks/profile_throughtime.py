"""The profile from every origin in throughtime."""

from collections.abc import Callable

import throughtime as tt
from benchmarks.peers import Timed
from benchmarks.profile_task import T, data, make_layer
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace


def make_profile(cell: str) -> Callable[[], Array]:
    """A function that measures phi at every lag."""
    layer = make_layer(cell)
    inputs, dy = data()
    workspace = Workspace()

    def profile() -> Array:
        phi: Array = tt.gradient_flow(layer, inputs, dy, T - 1, workspace=workspace).norms["h"][0]
        return phi

    return profile


def make_timed(cell: str) -> Timed:
    """The profile as it is timed."""
    return Timed(make_profile(cell), "every origin, lag by lag")
