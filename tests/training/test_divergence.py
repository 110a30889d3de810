import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training.test_plan import SETTINGS as OPEN

import throughtime as tt
from throughtime.networks.faults import Fault
from throughtime.training.divergence import absurd_gradient, absurd_loss, absurd_weights, jump, report
from throughtime.training.plan import Plan


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 1e9, 100.1 * math.log(50)])
def test_absurd_loss_is_one_that_is_not_finite_or_far_beyond_a_blind_guess(loss):
    assert "expected" in absurd_loss(loss, 50)


@pytest.mark.parametrize("loss", [0.0, 4.0, 99 * math.log(50)])
def test_absurd_loss_lets_a_bad_loss_pass(loss):
    assert absurd_loss(loss, 50) is None


def test_absurd_loss_of_one_token_has_a_limit_above_zero():
    assert absurd_loss(0.0, 1) is None


def test_absurd_gradient_names_three_parameters():
    grads = {name: np.array([0.0, np.inf]) for name in "abcde"} | {"fine": np.zeros(2)}
    assert absurd_gradient(math.inf, grads) == (
        "the gradient of a, b, c and 2 more is not finite; expected finite numbers"
    )
    assert absurd_gradient(1.0, grads) is None


def test_absurd_gradient_whose_elements_are_finite_is_said_to_be_so_together():
    assert "all parameters together" in absurd_gradient(math.inf, {"a": np.zeros(2)})


def test_absurd_weights_names_them():
    assert absurd_weights({"a": np.zeros(2)}) is None
    assert (
        absurd_weights({"a": np.array([np.nan])}) == "the parameter a is not finite; expected finite numbers"
    )


PLAIN = Plan.of(**OPEN)
FAULT = Fault(None, "explosion", "the Jacobian product grew", "Clip the gradient.")


def test_report_suggests_clipping_only_where_there_is_none():
    def line(plan: Plan) -> str:
        wrong = "x is nan; expected finite"
        return report(3, wrong, plan, 0.5, (2, 4.0), "The weights of step 0 are in r.", None, None)

    assert line(PLAIN) == (
        "training diverged at step 3: x is nan; expected finite (learning rate 0.5, clipping none, last finite loss 4 "
        "at step 2). The weights of step 0 are in r. Lower the learning rate (--lr 0.01), or clip the gradient "
        "(--clip-norm 1)."
    )
    assert "--clip-norm" not in line(replace(PLAIN, clip=tt.ClipNorm(1.0)))


def test_report_of_the_first_step_knows_no_loss_before():
    assert "the first loss" in report(1, "x", PLAIN, 1e-3, None, "", None, None)
    assert "--lr 0.0001" in report(1, "x", PLAIN, 1e-3, None, "", None, None)


def test_report_tells_what_an_examination_found_and_how_to_see_it_again():
    path = Path("runs/a b/incidents/step-00000003.safetensors")
    line = report(3, "x is nan; expected finite", PLAIN, 0.5, (2, 4.0), "Kept.", FAULT, path)
    assert "Cause, explosion: the Jacobian product grew. Kept. Clip the gradient." in line
    assert line.endswith("throughtime replay 'runs/a b' step-00000003")


def test_report_of_what_training_survives_has_no_divergence():
    wrong = jump(1e6, 0.5)
    assert wrong == "the gradient's norm is 1e+06; expected about 0.5, its running median"
    assert report(3, wrong, PLAIN, 0.5, (2, 4.0), None, FAULT, None) == (
        f"step 3 went wrong: {wrong} (learning rate 0.5, clipping none, last finite loss 4 at step 2). "
        "Cause, explosion: the Jacobian product grew."
    )
