"""A training step run again with every value looked at: where the first bad one arose, and why."""

from throughtime.networks.faults.cause import not_finite
from throughtime.networks.faults.examine import examine
from throughtime.networks.faults.fault import Cause, Fault, Movement, Place
from throughtime.networks.faults.growth import Growth

__all__ = ["Cause", "Fault", "Growth", "Movement", "Place", "examine", "not_finite"]
