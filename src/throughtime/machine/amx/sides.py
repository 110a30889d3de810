"""How a side of the result, its rows or its columns, is cut into panels of at most 32 lines."""

from throughtime.machine.jit import equation

SIDE = 32


@equation
def panels_of(lines: int) -> int:
    """How many there are."""
    return -(-lines // SIDE)


@equation
def even_side(lines: int) -> int:
    """Lines of a panel, so that the fewest panels share them out evenly: 50 are 25 + 25, not 32 + 18; at least 2."""
    return max(2, -(-lines // max(1, panels_of(lines))))


@equation
def upper(side: int) -> int:
    """Lines of a panel that go into the first of its two tiles."""
    return side - side // 2


@equation
def first_line(number: int, side: int, lines: int) -> int:
    """Where a panel begins: the last one moves up over its neighbour rather than stand over the edge."""
    return max(0, min(number * side, lines - side))
