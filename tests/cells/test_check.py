"""The check of a cell's equations: it passes what is right and names, in one line, what is wrong."""

import inspect
import re

import pytest
from tests.cells.samples import linear, rich

from throughtime import cells
from throughtime.cells import Cell, check_equations, tanh, tanh_slope
from throughtime.errors import CellError, GradientError
from throughtime.machine.jit import COMPILING

EVERY_CELL = [cells.rnn_tanh, cells.rnn_relu, cells.rnn_sigmoid, cells.lstm, cells.gru, linear, rich]
needs_compiler = pytest.mark.skipif(not COMPILING, reason="types are the compiler's")


@pytest.mark.parametrize("cell", EVERY_CELL, ids=lambda cell: cell.name)
def test_every_cell_passes(cell):
    errors = check_equations(cell)
    assert len(errors) == cell.preactivations + len(cell.states) + len(cell.parameters)
    assert max(errors.values()) < 1e-9


def test_report_names_each_gradient():
    assert list(check_equations(rich)) == ["da_p", "dax_q", "dah_q", "dh_prev", "dm_prev", "drho"]


# A leaky unit with one parameter, and everything that can be wrong with it.


def forward(a, state, alpha):
    n = tanh(a[0])
    return (state[0] + alpha * (n - state[0]),), (n,)


def backward(dstate, kept, state_prev, state, alpha):
    (dh,), (n,), (h_prev,) = dstate, kept, state_prev
    return (dh * alpha * tanh_slope(n),), (dh - dh * alpha,), dh * (n - h_prev)


def leaky(forward=forward, backward=backward, **changes):
    return Cell("leaky", forward, backward, **{"gates": ("n",), "parameters": {"alpha": 0.3}} | changes)


def replaced(function, old, new):
    """`function` with a piece of its source replaced."""
    source = inspect.getsource(function)
    assert old in source
    namespace = dict(globals())
    exec(source.replace(old, new), namespace)
    return namespace[function.__name__]


def test_leaky_unit_is_right_to_begin_with():
    assert max(check_equations(leaky()).values()) < 1e-9


FORWARD = [
    ("a, state, alpha", "a, state", "forward raised TypeError", "(a of 1, state of 1, alpha)"),
    ("n = tanh(a[0])", "n = tanh(a[1])", "forward raised IndexError", "unpack just what each holds"),
    ("n = tanh(a[0])", "n = tanh(a)", "forward raised TypeError", "(a of 1, state of 1, alpha)"),
    (
        "return (state[0] + alpha * (n - state[0]),), (n,)",
        "return n",
        "forward returns a float",
        "a tuple of 2, (state, kept)",
    ),
    ("(state[0] + alpha * (n - state[0]),)", "n", "forward returns state a float", "a tuple of 1, (h,)"),
    ("(n,)", "(n, n)", "forward returns kept a tuple of 2", "a tuple of 1, (a_n,)"),
    ("(n,)", "('n',)", "forward returns kept with a str for a_n", "a number"),
    ("alpha * (n - state[0])", "alpha / 0.0", "forward raised ZeroDivisionError", "Give it these arguments"),
    ("tanh(a[0])", "a[0] * float('inf') if a[0] == 0 else tanh(a[0])", "of a zero state", "finite numbers"),
]
BACKWARD = [
    ("state, alpha", "state", "backward raised TypeError", "(dstate of 1, kept of 1, state_prev of 1, state"),
    (", dh * (n - h_prev)", "", "backward returns a tuple of 2", "a tuple of 3, (da, dstate_prev, dalpha)"),
    ("(dh - dh * alpha,)", "dh - dh * alpha", "backward returns dstate_prev a float", "(dh_prev,)"),
    ("(dh * alpha * tanh_slope(n),)", "()", "backward returns da a tuple of 0", "(da_n,)"),
    ("dh * (n - h_prev)", "(dh * (n - h_prev),)", "with a tuple for dalpha", "a number"),
    ("(dh * alpha", "(min(dh, 100.0) * alpha", "not linear in dstate: da_n of 2u - 3v", "Take clipping"),
    ("dh - dh * alpha", "dh - dh * alpha + 1e-3", "not linear in dstate: dh_prev", "Take clipping"),
]


def assert_says(error, found, expected):
    message = str(error.value)
    assert found in message
    assert expected in message
    assert "; expected" in message
    assert re.search(r"\. [A-Z][^.]*\.$", message), "no remedy at the end"
    assert "\n" not in message


@pytest.mark.parametrize(("old", "new", "found", "expected"), FORWARD)
def test_forward_that_breaks_the_contract_is_refused_before_it_is_compiled(old, new, found, expected):
    with pytest.raises(CellError) as error:
        check_equations(leaky(forward=replaced(forward, old, new)))
    assert_says(error, found, expected)


@pytest.mark.parametrize(("old", "new", "found", "expected"), BACKWARD)
def test_backward_that_breaks_the_contract_is_refused_before_it_is_compiled(old, new, found, expected):
    with pytest.raises(CellError) as error:
        check_equations(leaky(backward=replaced(backward, old, new)))
    assert_says(error, found, expected)


def test_direct_path_that_a_cell_declares_not_to_have_is_refused():
    with pytest.raises(CellError) as error:
        check_equations(leaky(direct=False))
    assert_says(error, "backward returns dh_prev=", "expected 0, as direct=False declares")
    hidden = replaced(backward, "(dh - dh * alpha,)", "(dh * 0,)")
    with pytest.raises(GradientError, match="dh_prev differs from central differences"):
        check_equations(leaky(backward=hidden, direct=False))


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("dh * alpha * tanh_slope(n)", "dh * tanh_slope(n)", "da_n"),
        ("dh * alpha * tanh_slope(n)", "dh * alpha * tanh_slope(n) * (1 + 1e-5)", "da_n"),
        ("dh - dh * alpha", "dh + dh * alpha", "dh_prev"),
        ("n - h_prev", "n + h_prev", "dalpha"),
        ("n - h_prev", "n - h_prev + float('nan')", "linear"),
    ],
)
def test_wrong_gradient_is_named(old, new, wrong):
    with pytest.raises((GradientError, CellError), match=wrong) as error:
        check_equations(leaky(backward=replaced(backward, old, new)))
    assert "\n" not in str(error.value)


def test_tolerance_is_what_decides():
    slightly = leaky(backward=replaced(backward, "n - h_prev", "(n - h_prev) * type(n)(1.00001)"))
    assert check_equations(slightly, tolerance=1e-4)["dalpha"] == pytest.approx(1e-5, rel=1e-3)


def test_equations_that_jump_everywhere_cannot_be_compared():
    rounded = replaced(forward, "tanh(a[0])", "tanh(round(a[0] * 7e3) / 7e3)")
    with pytest.raises(GradientError, match=r"kink or a jump at .* da_n cannot be compared"):
        check_equations(leaky(forward=rounded))


@needs_compiler
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"forward": replaced(forward, "n - state[0]", "1.0 * n - state[0]")}, "forward returns h"),
        ({"forward": replaced(forward, "(n,)", "(1.0 * n,)")}, "forward returns kept a_n"),
        (
            {"backward": replaced(backward, "dh - dh * alpha", "dh * (1.0 - alpha)")},
            "backward returns dh_prev",
        ),
        ({"backward": replaced(backward, "n - h_prev", "1.0 * n - h_prev")}, "backward returns dalpha"),
    ],
)
def test_bare_constant_that_promotes_float32_is_named(changes, wrong):
    with pytest.raises(CellError) as error:
        check_equations(leaky(**changes))
    assert_says(error, f"{wrong} as float64", "float32. Give constants their operand's type")


@needs_compiler
def test_what_the_compiler_does_not_know_is_said_in_one_line():
    namespace = dict(globals())
    exec(
        "import fractions\n"
        "def forward(a, state, alpha):\n"
        "    n = tanh(a[0])\n"
        "    fractions.Fraction(1, 2)\n"
        "    return (state[0] + alpha * (n - state[0]),), (n,)\n",
        namespace,
    )
    with pytest.raises(CellError, match=r"forward does not compile: .*; expected arithmetic") as error:
        check_equations(leaky(forward=namespace["forward"]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["sigmoid", "relu", "identity"])
def test_an_activation_that_is_another_is_named(wrong):
    check_equations(leaky(activations={"n": "tanh"}))
    with pytest.raises(
        CellError, match=rf"what is kept of gate n changes by .*; expected .* declares it {wrong}\."
    ):
        check_equations(leaky(activations={"n": wrong}))


@pytest.mark.parametrize("cell", EVERY_CELL, ids=lambda cell: cell.name)
def test_every_declared_activation_is_held_to_what_is_kept(cell):
    for gate, activation in cell.activations.items():
        other = {"tanh": "sigmoid", "sigmoid": "tanh", "relu": "identity", "identity": "tanh"}[activation]
        changed = Cell(
            cell.name,
            cell.forward,
            cell.backward,
            cell.gates,
            cell.states,
            cell.apart,
            cell.parameters,
            activations={**cell.activations, gate: other},
        )
        with pytest.raises(CellError, match=f"of gate {gate} "):
            check_equations(changed)
