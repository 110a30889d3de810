"""The fingerprint sees all that a compiled function depends on, and compile options keep arithmetic honest."""

import importlib.util
import math
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from throughtime.machine.jit import (
    COMPILING,
    cache_counts,
    compiled,
    equation,
    fingerprint,
    python_function,
    result_type,
    specialise,
)


def load(directory, **sources):
    """Write modules and import them, the last one's namespace returned."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        path = directory / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    for name in sources:
        del sys.modules[name]
    return module


def kernel_of(directory, **sources):
    return fingerprint(load(directory, **sources).kernel)


USES_CALLEE = "from callee_of_test import f\ndef kernel(x):\n    return f(x)\n"
USES_CONSTANT = "from settings_of_test import K\ndef kernel(x):\n    return K * x\n"
USES_ATTRIBUTE = "import settings_of_test\ndef kernel(x):\n    return settings_of_test.K * x\n"
NUMPY = "import numpy as np\n"


@pytest.mark.parametrize(
    ("before", "after", "kernel"),
    [
        ("def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2\n", USES_CALLEE),
        (
            "from numba import njit\n@njit\ndef f(x):\n    return x + 1\n",
            "from numba import njit\n@njit\ndef f(x):\n    return x + 2\n",
            USES_CALLEE,
        ),
        ("def f(x):\n    return x\n", "def f(x):\n    return x  # in another way\n", USES_CALLEE),
    ],
    ids=["plain", "compiled", "only the file"],
)
def test_fingerprint_changes_with_a_callee_in_another_file(tmp_path, before, after, kernel):
    old = kernel_of(tmp_path / "old", callee_of_test=before, kernel_of_test=kernel)
    assert old == kernel_of(tmp_path / "same", callee_of_test=before, kernel_of_test=kernel)
    assert old != kernel_of(tmp_path / "new", callee_of_test=after, kernel_of_test=kernel)


@pytest.mark.parametrize("kernel", [USES_CONSTANT, USES_ATTRIBUTE], ids=["global", "attribute"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("K = 1\n", "K = 2\n"),
        ("K = 1\n", "K = 1.0\n"),
        (f"{NUMPY}K = np.float32(1)\n", f"{NUMPY}K = np.float64(1)\n"),
        (f"{NUMPY}K = np.array([1, 2])\n", f"{NUMPY}K = np.array([1, 3])\n"),
        ("K = (1, (2, 3))\n", "K = (1, (2, 4))\n"),
    ],
    ids=["value", "type", "width", "array", "tuple"],
)
def test_fingerprint_changes_with_a_constant_from_another_file(tmp_path, before, after, kernel):
    old = kernel_of(tmp_path / "old", settings_of_test=before, kernel_of_test=kernel)
    assert old == kernel_of(tmp_path / "same", settings_of_test=before, kernel_of_test=kernel)
    assert old != kernel_of(tmp_path / "new", settings_of_test=after, kernel_of_test=kernel)


def test_fingerprint_reaches_modules_within_modules():
    outer, inner, deep = types.ModuleType("outer"), types.ModuleType("inner"), types.ModuleType("deep")
    outer.inner, inner.deep, deep.outer = inner, deep, outer  # a ring, as packages have them
    namespace = {"outer": outer}
    exec("def kernel(x):\n    return outer.inner.deep.K * x\n", namespace)
    deep.K = 1
    old = fingerprint(namespace["kernel"])
    deep.K = 2
    assert fingerprint(namespace["kernel"]) != old


def scaled_by(k):
    def scale(x):
        return k * x

    return scale


def with_default(k):
    def scale(x, k=k):
        return k * x

    def kernel(x):
        return scale(x)

    return kernel


def with_keyword(k):
    def kernel(x, *, k=k):
        return k * x

    return kernel


def one_after_the_other(f, g):
    def kernel(x):
        return f(x) - g(x)

    return kernel


@pytest.mark.parametrize("made_with", [scaled_by, with_default, with_keyword])
def test_fingerprint_changes_with_what_a_function_is_made_with(made_with):
    assert fingerprint(made_with(1.0)) == fingerprint(made_with(1.0))
    assert fingerprint(made_with(1.0)) != fingerprint(made_with(2.0))


def test_fingerprint_knows_which_closure_has_which_constant():
    one, two = scaled_by(1.0), scaled_by(2.0)
    assert fingerprint(one_after_the_other(one, two)) != fingerprint(one_after_the_other(two, one))


def test_fingerprint_tells_functions_of_one_name_and_file_apart():
    def first():
        def f(x):
            return x + 1

        return f

    def second():
        def f(x):
            return x - 1

        return f

    assert fingerprint(first()) != fingerprint(second())


def test_fingerprint_of_a_function_that_calls_itself():
    def before_it_is_bound():
        @compiled
        def factorial(n):
            return 1 if n < 2 else n * factorial(n - 1)

        return factorial

    factorial = before_it_is_bound()
    assert len(fingerprint(factorial)) == 12
    assert "factorial_" in python_function(factorial).__qualname__


PRINT_FINGERPRINTS = """
from throughtime.cells import gru, lstm
from throughtime.machine.jit import fingerprint
from throughtime.sweeps import lags, reverse, slots, unroll
def in_set(x):
    return x in {"a", "b", "c", "d"}
print(fingerprint(in_set))
for template in (unroll.unroll, reverse.reverse, lags.lag):
    print(fingerprint(slots.for_cell(template, gru)), fingerprint(slots.for_cell(template, lstm)))
"""


def test_fingerprints_are_the_same_in_every_process_and_differ_between_kernels():
    answers = [
        subprocess.run(
            [sys.executable, "-c", PRINT_FINGERPRINTS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert answers[0] == answers[1]
    assert len(set(answers[0])) == 7


def test_compiled_function_keeps_nan_infinity_and_the_sign_of_a_quotient():
    @compiled
    def facts(x, zero):
        return math.isnan(x), x != x, 1.0 / zero, -1.0 / zero

    if COMPILING:
        assert facts(math.nan, 0.0) == (True, True, math.inf, -math.inf)
    assert facts(1.0, np.float64(2.0)) == (False, False, 0.5, -0.5)


FACTOR = 1


def template(x):
    return FACTOR * x


def test_specialise_fills_in_the_parts_and_leaves_the_template_alone():
    double, triple = specialise(template, "double", FACTOR=2), specialise(template, "triple", FACTOR=3)
    assert (double(10.0), triple(10.0), template(10.0)) == (20.0, 30.0, 10.0)
    names = [python_function(kernel).__qualname__ for kernel in (double, triple)]
    assert names[0].startswith("double_")
    assert names[1].startswith("triple_")
    assert template.__qualname__ == "template"


def test_python_function_undoes_compilation_and_leaves_the_rest():
    def plain(x):
        return x

    assert python_function(equation(plain)).__code__ is plain.__code__
    assert python_function(plain) is plain
    assert python_function(3) == 3


@pytest.mark.skipif(not COMPILING, reason="nothing is compiled")
def test_result_type_is_nested_as_the_function_returns():
    @equation
    def both(x, y):
        return (x, (x + 1.0, 2)), y

    (first, (second, third)), last = result_type(both, np.float32(1), np.float64(1))
    assert (first, second, third, last) == (np.float32, np.float64, np.int64, np.float64)


@pytest.mark.skipif(not COMPILING, reason="nothing is compiled")
def test_result_type_says_in_one_line_why_a_function_does_not_compile():
    @equation
    def broken(x):
        return no_such_name(x)  # noqa: F821

    with pytest.raises(TypeError, match="no_such_name") as caught:
        result_type(broken, np.float32(1))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(COMPILING, reason="the compiler is on")
def test_result_type_is_unknown_with_the_compiler_off():
    assert result_type(abs, 1.0) is None


def test_cache_counts_grow_with_each_kernel_compiled_or_loaded():
    @compiled
    def kernel(x):
        return x + 1

    before = sum(cache_counts())
    kernel(1.0)
    kernel(np.float32(1))
    assert sum(cache_counts()) - before == (2 if COMPILING else 0)
