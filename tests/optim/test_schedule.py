"""Schedules beside PyTorch's, what they remember of losses, and how they combine."""

import json
import math
from typing import Any

import pytest

from throughtime.errors import ArgumentError
from throughtime.optim import Constant, Cosine, Exponential, HalveOnRise, Product, Schedule, WarmUp

STEPS, PER_EPOCH = 40, 8


def factors(schedule: Schedule, steps: int = STEPS) -> list[float]:
    return [schedule.factor(step, STEPS, PER_EPOCH) for step in range(steps)]


def after(schedule: Schedule, losses: list[float]) -> list[float]:
    found = []
    for loss in losses:
        schedule.evaluated(loss)
        found.append(schedule.factor(0, STEPS, PER_EPOCH))
    return found


def factors_of_pytorch(torch: Any, make: Any, every: int = 1) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = make(optimizer), []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0:
            scheduler.step()
    return found


def test_constant_never_changes_the_rate() -> None:
    assert factors(Constant()) == [1.0] * STEPS
    assert after(Constant(), [3.0, 4.0, math.nan]) == [1.0, 1.0, 1.0]


def test_halve_on_rise_compares_with_the_evaluation_before() -> None:
    # 3.5 is above 3 but below the 4 just before it: no rise.
    assert after(HalveOnRise(), [5.0, 3.0, 4.0, 3.5, 3.5, 3.6]) == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_halve_on_rise_takes_a_loss_that_is_not_finite_for_a_rise() -> None:
    assert after(HalveOnRise(), [2.0, math.nan, 3.0, 2.5]) == [1.0, 0.5, 0.25, 0.25]
    assert after(HalveOnRise(), [math.inf, 3.0]) == [0.5, 0.5]


@pytest.mark.parametrize("rate", [0.95, 0.5])
def test_exponential_equals_pytorch_stepped_once_an_epoch(torch: Any, rate: float) -> None:
    expected = factors_of_pytorch(
        torch, lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, rate), every=PER_EPOCH
    )
    assert factors(Exponential(rate)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_cosine_equals_pytorch(torch: Any, end: float) -> None:
    expected = factors_of_pytorch(
        torch,
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=end),
    )
    assert factors(Cosine(end)) == pytest.approx(expected, rel=1e-12)


def test_cosine_stays_at_its_end() -> None:
    assert factors(Cosine(0.1), STEPS + 50)[STEPS:] == [pytest.approx(0.1)] * 50
    assert factors(Cosine())[-1] > 0
    assert factors(Cosine(), STEPS + 1)[-1] == 0


@pytest.mark.parametrize("updates", [2, 10, 60])
def test_warm_up_equals_pytorch(torch: Any, updates: int) -> None:
    expected = factors_of_pytorch(
        torch,
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=1 / updates, total_iters=updates - 1
        ),
    )
    assert factors(WarmUp(updates)) == pytest.approx(expected, rel=1e-12)


def test_warm_up_over_one_update_is_none() -> None:
    assert factors(WarmUp(1)) == [1.0] * STEPS


def test_factors_of_a_product_multiply() -> None:
    schedule = Product(WarmUp(10), Cosine(0.2), HalveOnRise())
    assert after(schedule, [1.0, 2.0])[-1] == 0.5 * WarmUp(10).factor(0, STEPS, PER_EPOCH)
    expected = [a * b / 2 for a, b in zip(factors(WarmUp(10)), factors(Cosine(0.2)), strict=True)]
    assert factors(schedule) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "make", [Constant, HalveOnRise, Cosine, lambda: Product(HalveOnRise(), WarmUp(100), Cosine())]
)
def test_a_state_goes_through_json_and_continues_alike(make: Any) -> None:
    losses = [0.1 + 0.2, math.nan, 0.3, 0.30000000000000004, 0.29]
    for stop in range(len(losses) + 1):
        whole, first, second = make(), make(), make()
        after(first, losses[:stop])
        second.load(json.loads(json.dumps(first.state, allow_nan=False)))
        after(second, losses[stop:])
        after(whole, losses)
        assert second.state == whole.state
        assert factors(second) == factors(whole)


def test_a_state_of_another_schedule_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"state for schedule cosine holds halvings, previous; expected nothing"
    ):
        Cosine().load(HalveOnRise().state)
    with pytest.raises(ArgumentError, match=r"expected halve.halvings, halve.previous"):
        Product(HalveOnRise(), Cosine()).load(HalveOnRise().state)


@pytest.mark.parametrize("rate", [0, 1, -0.5, 1.5, math.nan, "0.5", True])
def test_a_rate_that_is_not_between_zero_and_one_is_refused(rate: Any) -> None:
    with pytest.raises(ArgumentError, match="rate is"):
        Exponential(rate)


@pytest.mark.parametrize("end", [1, -0.1, math.nan, None])
def test_an_end_that_is_no_share_is_refused(end: Any) -> None:
    with pytest.raises(ArgumentError, match=r"end is .*; expected a number from 0 to below 1"):
        Cosine(end)


@pytest.mark.parametrize("updates", [0, -1, 2.5, True, None])
def test_a_warm_up_over_no_whole_number_is_refused(updates: Any) -> None:
    with pytest.raises(ArgumentError, match=r"updates is .*; expected a whole number of at least 1"):
        WarmUp(updates)


def test_a_product_refuses_parts_that_do_not_go_together() -> None:
    with pytest.raises(ArgumentError, match="'cosine' more than once"):
        Product(Cosine(), WarmUp(5), Cosine(0.1))
    with pytest.raises(ArgumentError, match="'constant' beside others"):
        Product(WarmUp(5), Constant())
    with pytest.raises(ArgumentError, match="1 schedules found in a product"):
        Product(Cosine())
