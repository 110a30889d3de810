"""The compiler, wrapped once: the only place with compile options.

Numba caches a compiled function under its name and its own file's time stamp, so that a change in a function it
calls from another file, or in a constant, would go unseen and stale code would run. Therefore the name under
which a function is cached ends in a fingerprint of everything that compiling it would read.
"""

import functools
import hashlib
import os
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])

# Never `nnan` or `ninf`, which turn isnan(nan) into False. `reassoc` changes sums, so it is asked for by name.
_EXACT = frozenset({"contract", "nsz", "arcp", "afn"})
# Without error_model="numpy" each division tests for zero, and no loop with one is vectorised.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}

COMPILING: bool = not config.DISABLE_JIT

_compiled: list[Any] = []


def equation(function: F) -> F:
    """Compile a scalar function so that it is inlined where it is called.

    LLVM does not inline a whole LSTM by itself, and a loop with a call in it is not vectorised.
    """
    wrapped: F = njit(fastmath=set(_EXACT), forceinline=True, **_OPTIONS)(function)
    return wrapped


def compiled(function: F) -> F:
    """Compile a kernel, cached under a name that changes with anything it calls, in whatever file."""
    return _cached(function, _EXACT)


def compiled_reassociating(function: F) -> F:
    """As `compiled`, with sums reordered at will: only where a test shows that to be harmless."""
    return _cached(function, _EXACT | {"reassoc"})


def specialise(template: F, name: str, **parts: Any) -> F:
    """Compile `template` with `parts` among its globals.

    Passing compiled functions as arguments, or closing over them, would compile afresh in every process; rebuilt
    from its code object, a template keeps the file that caching needs.

    Parameters
    ----------
    template : function
        Refers to the parts by plain global names.
    name : str
        What the result is cached as, besides its fingerprint.
    """
    made = types.FunctionType(
        template.__code__, {**template.__globals__, **parts}, template.__name__, template.__defaults__
    )
    made.__module__, made.__qualname__ = template.__module__, name
    return compiled(made)  # type: ignore[return-value]


class CacheCounts(NamedTuple):
    """How many specialisations were loaded from the cache on disk, and how many had to be compiled."""

    loaded: int
    compiled: int


def cache_counts() -> CacheCounts:
    """Count over every kernel of this process, from the compiler cache's own statistics."""
    stats = [kernel.stats for kernel in _compiled]
    return CacheCounts(
        sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats)
    )


def fingerprint(function: Callable[..., Any]) -> str:
    """Digest of the files, code and constants that compiling `function` would read.

    Follows globals, attributes of modules, closures, and the Python functions inside compiled ones.
    """
    todo: list[tuple[str, Any]] = [("", function)]
    seen: set[tuple[str, int]] = set()
    facts: set[str] = set()
    while todo:
        name, value = todo.pop()
        plain = _python_function(value)
        if isinstance(plain, (bool, int, float, str, tuple, np.generic)):
            facts.add(f"{name}={plain!r}")
        if not isinstance(plain, types.FunctionType) or (name, id(plain)) in seen:
            continue
        seen.add((name, id(plain)))
        code = plain.__code__
        facts.add(f"{name}={_code(code)}{_file_digest(code.co_filename)}")
        todo += _references(plain)
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()[:12]


def _cached(function: F, fastmath: frozenset[str]) -> F:
    function.__qualname__ += "_" + fingerprint(function)
    kernel: F = njit(cache=True, fastmath=set(fastmath), **_OPTIONS)(function)
    if COMPILING:
        _compiled.append(kernel)
    return kernel


def _python_function(value: Any) -> Any:
    """The function within a dispatcher (`py_func`) or an intrinsic (`_defn`)."""
    return getattr(value, "py_func", None) or getattr(value, "_defn", None) or value


def _references(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    names = sorted(_names(function.__code__))
    for name in names:
        if name not in function.__globals__:
            continue
        value = function.__globals__[name]
        yield name, value
        if isinstance(value, types.ModuleType):
            yield from ((n, getattr(value, n)) for n in names if hasattr(value, n))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def _code(code: types.CodeType) -> str:
    # repr() of a nested code object would hold an address, which differs between processes.
    constants = [_code(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return repr((code.co_code, code.co_names, constants))


@functools.cache
def _file_digest(path: str) -> str | None:
    if not os.path.exists(path):  # a notebook, a prompt
        return None
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
