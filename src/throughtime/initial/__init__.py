"""How weights start: random numbers, starts by name, and the spelling that chooses among them."""

from throughtime.initial.apply import begin
from throughtime.initial.draws import generator, normal, recorded_generator, uniform
from throughtime.initial.grammar import Initialisation, Item, parse_initialisation

__all__ = [
    "Initialisation",
    "Item",
    "begin",
    "generator",
    "normal",
    "parse_initialisation",
    "recorded_generator",
    "uniform",
]
