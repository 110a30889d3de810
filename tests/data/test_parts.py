import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data.parts import split
from throughtime.errors import ArgumentError, TextError


@given(
    n=st.integers(0, 400),
    val_fraction=st.floats(0, 0.99),
    least=st.integers(1, 5),
)
def test_split_parts_by_position_or_names_the_size_that_would_do(
    n: int, val_fraction: float, least: int
) -> None:
    items = list(range(n))
    try:
        train, val = split(items, val_fraction, least=least)
    except TextError as error:
        needed = int(str(error).split("expected at least ")[1].split()[0])
        assert needed > n
        split(range(needed), val_fraction, least=least)
        with pytest.raises(TextError):
            split(range(needed - 1), val_fraction, least=least)
        return
    assert train + val == items
    assert len(train) >= least
    if val_fraction == 0:
        assert val == []
    else:
        assert len(val) >= least
        assert len(val) == least or abs(len(val) - n * val_fraction) < 1


@pytest.mark.parametrize("val_fraction", [-0.1, 1.0, float("nan")])
def test_split_refuses_other_fractions(val_fraction: float) -> None:
    with pytest.raises(ArgumentError, match="val_fraction"):
        split([1, 2, 3, 4], val_fraction)


def test_split_names_what_it_parts() -> None:
    with pytest.raises(TextError, match="the text has 1 sentences; expected at least 2"):
        split(["only"], 0.1, least=1, what="sentences")
