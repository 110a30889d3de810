"""The command line's spellings, and what is wrong with the others."""

import pytest

from throughtime.errors import ArgumentError
from throughtime.optim import (
    ClipAuto,
    ClipNorm,
    Constant,
    Cosine,
    Exponential,
    HalveOnRise,
    Product,
    WarmUp,
    clip_norm_from_spec,
    schedule_from_spec,
)


def test_a_spec_names_a_schedule() -> None:
    assert type(schedule_from_spec("constant")) is Constant
    assert type(schedule_from_spec("halve")) is HalveOnRise
    exponential, cosine, warm_up = map(schedule_from_spec, ("exponential:0.95", "cosine:0.1", "warmup:500"))
    assert isinstance(exponential, Exponential)
    assert exponential.rate == 0.95
    assert isinstance(cosine, Cosine)
    assert cosine.end == 0.1
    assert isinstance(warm_up, WarmUp)
    assert warm_up.updates == 500


def test_a_spec_of_several_names_their_product() -> None:
    schedule = schedule_from_spec("warmup:4, halve,cosine")
    assert isinstance(schedule, Product)
    assert [type(part) for part in schedule.parts] == [WarmUp, HalveOnRise, Cosine]


@pytest.mark.parametrize(
    "spec",
    [
        "constant",
        "halve",
        "exponential:0.1",
        "cosine",
        "cosine:0.25",
        "warmup:500,exponential:0.95,cosine:0.1",
    ],
)
def test_a_schedule_is_spelled_as_it_was_read(spec: str) -> None:
    assert str(schedule_from_spec(spec)) == spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "linear",
            "has 'linear'; expected constant, halve, exponential:RATE, cosine.:SHARE., warmup:UPDATES",
        ),
        ("", "has ''; expected constant"),
        ("cosine,", "schedule 'cosine,' has ''; expected constant"),
        ("Cosine", "has 'Cosine'"),
        ("exponential", "has 'exponential'; expected exponential:RATE"),
        ("warmup", "has 'warmup'; expected warmup:UPDATES, a whole number"),
        ("warmup:2.5", "has 'warmup:2.5'; expected warmup:UPDATES, a whole number"),
        ("warmup:0", "updates is 0; expected a whole number of at least 1"),
        ("halve:2", "has 'halve:2'; expected halve"),
        ("constant:", "has 'constant:'; expected constant"),
        ("cosine:", r"has 'cosine:'; expected cosine\[:SHARE\]"),
        ("cosine:low", "has 'cosine:low'"),
        ("cosine:1", "end is 1.0; expected a number from 0 to below 1"),
        ("cosine:nan", "end is nan"),
        ("exponential:1.5", "rate is 1.5"),
        ("cosine,cosine:0.1", "'cosine' more than once"),
        ("constant,halve", "'constant' beside others"),
    ],
)
def test_a_spec_that_says_nothing_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        schedule_from_spec(spec)


def test_a_spec_names_a_clip_of_the_norm() -> None:
    number, auto, thrice = map(clip_norm_from_spec, ("0.25", "auto", "auto:3"))
    assert isinstance(number, ClipNorm)
    assert number.theta == 0.25
    assert isinstance(auto, ClipAuto)
    assert auto.multiple == ClipAuto().multiple
    assert isinstance(thrice, ClipAuto)
    assert thrice.multiple == 3


@pytest.mark.parametrize("spec", ["0", "-1", "nan", "inf", "", "often", "auto:", "auto:1", "auto:x", "1:2"])
def test_a_spec_that_is_no_clip_is_refused(spec: str) -> None:
    with pytest.raises(
        ArgumentError, match=f"clip of the norm '{spec}' found; expected a finite number above 0, auto"
    ):
        clip_norm_from_spec(spec)
