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
from numba import config, njit, typeof
from numba import types as numba_types
from numba.core.errors import NumbaError
from numba.np.numpy_support import as_dtype

F = TypeVar("F", bound=Callable[..., Any])

# Never `nnan` or `ninf`, which turn isnan(nan) into False, nor `reassoc`, which reorders sums.
_EXACT = frozenset({"contract", "nsz", "arcp", "afn"})
# Without error_model="numpy" each division tests for zero, and no loop with one is vectorised.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}

COMPILING: bool = not config.DISABLE_JIT

_compiled: list[Any] = []


def equation(function: F) -> F:
    """Compile a scalar function so that it is inlined where it is called.

    LLVM does not inline a whole LSTM by itself, and a loop with a call in it is not vectorised.
    """
    # A copy, as if it were this module's: what a kernel inlines it also imports, by its module's name, when it is loaded
    # from the cache; and a script, a notebook or another project may have the same file under another name.
    copy = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    functools.update_wrapper(copy, function)
    copy.__module__ = __name__
    wrapped: F = njit(fastmath=set(_EXACT), forceinline=True, **_OPTIONS)(copy)
    return wrapped


def summing(function: F) -> F:
    """Compile a function whose sums may be made in any order, as those of terms that all have one sign may.

    One running total waits for each of its additions; several side by side do not, and are vectorised: 64 -> 11 ns for the
    squares of 128 numbers. The order is settled when it is compiled, so the same bits come of the same numbers.
    """
    wrapped: F = njit(fastmath={*_EXACT, "reassoc"}, **_OPTIONS)(function)
    return wrapped


def compiled(function: F) -> F:
    """Compile a kernel, cached under a name that changes with anything it calls, in whatever file."""
    function.__qualname__ += "_" + fingerprint(function)
    kernel: F = njit(cache=True, fastmath=set(_EXACT), **_OPTIONS)(function)
    if COMPILING:
        _compiled.append(kernel)
    return kernel


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

    Follows globals, attributes of modules, closures, defaults, and the Python functions inside compiled ones.
    """
    functions: list[Any] = [python_function(function)]
    facts = [_file_digest(__file__)]  # the options
    for plain in functions:  # it grows as it is gone through
        facts += [str(plain.__module__), _code(plain.__code__), _file_digest(plain.__code__.co_filename)]
        facts += [f"{name}={_fact(value, functions)}" for name, value in _references(plain)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def python_function(value: Any) -> Any:
    """The function within a dispatcher (`py_func`) or an intrinsic (`_defn`); anything else stands for itself."""
    inner = (getattr(value, attribute, None) for attribute in ("py_func", "_defn"))
    return next((function for function in inner if isinstance(function, types.FunctionType)), value)


def result_type(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a compiled function returns for arguments like these: a dtype, or tuples of them; None if nothing is compiled.

    Raises
    ------
    TypeError
        It does not compile; the reason in one line.
    """
    if not COMPILING:
        return None
    signature = tuple(typeof(argument) for argument in arguments)
    try:
        function.compile(signature)  # type: ignore[attr-defined]
    except NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reasons = [line for line in lines if line and not line.startswith("Failed in")]
        raise TypeError(reasons[0] if reasons else type(error).__name__) from error
    return _dtypes(function.overloads[signature].signature.return_type)  # type: ignore[attr-defined]


def _dtypes(kind: Any) -> Any:
    if isinstance(kind, numba_types.BaseTuple):
        return tuple(map(_dtypes, kind))
    return as_dtype(numba_types.unliteral(kind))


def _references(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function finds outside its own code, by name."""
    yield from _found(sorted(_names(function.__code__)), function.__globals__, set())
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet: a function that will call itself
            continue
    yield "defaults", function.__defaults__
    yield "keywords", tuple((function.__kwdefaults__ or {}).items())


def _found(names: list[str], namespace: dict[str, Any], seen: set[int]) -> Iterator[tuple[str, Any]]:
    for name in names:
        if name not in namespace:
            continue
        value = namespace[name]
        yield name, value
        if isinstance(value, types.ModuleType) and id(value) not in seen:
            seen.add(id(value))
            yield from _found(names, vars(value), seen)


def _fact(value: Any, functions: list[Any]) -> str:
    """A value as the compiler would freeze it; a function as its place in `functions`, where it is put."""
    plain = python_function(value)
    if isinstance(plain, types.FunctionType):
        if plain not in functions:
            functions.append(plain)
        return f"function {functions.index(plain)}"
    if isinstance(plain, tuple):
        return f"({', '.join(_fact(part, functions) for part in plain)})"
    if isinstance(plain, np.ndarray):
        return f"{plain.dtype}{plain.shape}{hashlib.sha256(plain.tobytes()).hexdigest()}"
    if isinstance(plain, (bool, int, float, complex, str, bytes, np.generic)):
        return repr(plain)
    return getattr(plain, "__qualname__", type(plain).__qualname__)


def _names(code: types.CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def _code(code: types.CodeType) -> str:
    return repr((code.co_code, code.co_names)) + ", ".join(map(_constant, code.co_consts))


def _constant(value: Any) -> str:
    # repr() of a nested code object holds an address, and that of a set its order, which differ between processes.
    if isinstance(value, types.CodeType):
        return _code(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


@functools.cache
def _file_digest(path: str) -> str:
    if not os.path.exists(path):  # a notebook, a prompt
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
