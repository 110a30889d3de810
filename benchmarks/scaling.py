"""How a training step's cost grows: `python -m benchmarks.scaling [--out scaling.json] [--picture scaling.png]`.

Time against the number of steps, units, sequences, tokens in the vocabulary, layers, and lags of a window; memory against
the number of steps. All else stays as in `BASE`, a GRU, or `WORDS`, a GRU that reads tokens. An exponent is the slope of
a least-squares line through the logarithms.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.compare import run_module
from benchmarks.peers import pin

LAYERS, LAG, MEMORY = "layers", "lags of a window", "memory against T"


class Curve(NamedTuple):
    """One growth: `field` of a workload takes these sizes; another field is named where it is none of a workload's."""

    label: str
    field: str
    sizes: tuple[int, ...]
    words: bool = False


CURVES = {
    "T": Curve("steps T", "seq_len", (50, 100, 200, 400, 800, 1600)),
    "H": Curve("units H", "hidden_size", (32, 64, 128, 256, 512)),
    "B": Curve("sequences B", "batch", (4, 8, 16, 32, 64, 128)),
    "V": Curve("vocabulary V", "vocab_size", (1000, 2000, 4000, 8000, 16000), words=True),
    LAYERS: Curve("layers", "num_layers", (1, 2, 3, 4, 6)),
    LAG: Curve("lags of a window, tau + 1", "tau", (1, 2, 4, 8, 16, 32)),
}
MEMORY_SIZES = (100, 200, 400, 800, 1600)
SECONDS, WARM_UP = 0.8, 2


def make_step(curve: Curve, size: int) -> Any:
    """The step at one point."""
    import throughtime as tt
    from benchmarks.step_throughtime import make_step as step_of
    from benchmarks.workloads import Workload

    base = Workload("", "gru", 128, 16, 100, input_size=16, output_size=4, loss="squared")
    words = Workload("", "gru", 64, 16, 25, vocab_size=1000, embedding_size=64)
    work = words if curve.words else base
    if curve.field == "num_layers":
        return step_of(work, num_layers=size)
    if curve.field == "tau":
        return step_of(work, truncation=tt.Window(size - 1))
    return step_of(dataclasses.replace(work, **{curve.field: size}))


def time_curve(curve: Curve) -> list[float]:
    """Milliseconds at each size: the sizes take turns, so that a drift of the machine bends no curve."""
    import statistics

    steps = [make_step(curve, size) for size in curve.sizes]
    for timed in steps:
        for _ in range(WARM_UP):
            timed.run()
    times: list[list[float]] = [[] for _ in steps]
    end = time.perf_counter() + SECONDS * len(steps)
    while time.perf_counter() < end or len(times[0]) < 3:
        for found, timed in zip(times, steps, strict=True):
            start = time.perf_counter()
            timed.run()
            found.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(found) for found in times]


def fit_exponent(sizes: Any, values: Any) -> float:
    """The slope of log value over log size.

    Examples
    --------
    >>> round(fit_exponent([1, 2, 4], [3, 12, 48]), 3)
    2.0
    """
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def fit_line(sizes: Any, values: Any) -> dict[str, float]:
    """value = constant + slope * size, the share of the variance that it explains, and the exponent beyond the constant.

    Examples
    --------
    >>> {name: round(x, 3) for name, x in fit_line([1, 2, 4], [5, 7, 11]).items()}
    {'constant': 3.0, 'slope': 2.0, 'r_squared': 1.0, 'exponent': 1.0}
    """
    import numpy as np

    x, y = np.asarray(sizes, float), np.asarray(values, float)
    # Weighed by relative error, as large sizes would else decide alone what is constant.
    slope, constant = np.polyfit(x, y, 1, w=1 / y)
    left = y - constant - slope * x
    beyond = y - constant
    found = {
        "constant": constant,
        "slope": slope,
        "r_squared": 1 - (left**2).sum() / ((y - y.mean()) ** 2).sum(),
    }
    if (beyond > 0).all():
        found["exponent"] = fit_exponent(x, beyond)
    return {name: float(value) for name, value in found.items()}


def measure(on_curve: Any = print) -> dict[str, Any]:
    """Every curve with its fits; each in a process of its own."""
    found: dict[str, Any] = {}
    for name, curve in CURVES.items():
        on_curve(f"scaling: {curve.label}")
        times = run_module("benchmarks.scaling", "--curve", name)
        if "unavailable" in times:
            raise SystemExit(f"scaling over {name} {times['unavailable']}")
        values = times["milliseconds"]
        found[name] = {"label": curve.label, "sizes": list(curve.sizes), "values": values, "unit": "ms"}
        found[name] |= {"exponent": fit_exponent(curve.sizes, values), "line": fit_line(curve.sizes, values)}
        if name == LAG:
            found[name]["full"] = times["full"]
    on_curve("scaling: memory")
    values = [run_module("benchmarks.scaling", "--memory", str(size))["mib"] for size in MEMORY_SIZES]
    found[MEMORY] = {
        "label": "memory over steps T",
        "sizes": list(MEMORY_SIZES),
        "values": values,
        "unit": "MiB",
    }
    found[MEMORY] |= {"exponent": fit_exponent(MEMORY_SIZES, values), "line": fit_line(MEMORY_SIZES, values)}
    return found


def one_curve(name: str) -> dict[str, Any]:
    """A curve's times, in this process; beside those of windows that of the full gradient."""
    curve = CURVES[name]
    found: dict[str, Any] = {"milliseconds": time_curve(curve)}
    if name == LAG:
        found["full"] = time_curve(CURVES["T"]._replace(sizes=(100,)))[0]
    return found


def memory_at(size: int) -> float:
    """MiB by which a step of so many time steps grows this process."""
    from benchmarks.step_memory import grow
    from benchmarks.workloads import Workload

    return grow(
        "throughtime", "", Workload("", "gru", 128, 16, size, input_size=16, output_size=4, loss="squared")
    )


def show(found: dict[str, Any]) -> str:
    """A line for each curve."""
    lines = []
    for curve in found.values():
        points = "  ".join(f"{x}: {y:.3g}" for x, y in zip(curve["sizes"], curve["values"], strict=True))
        line = f"{curve['label']:26} exponent {curve['exponent']:5.2f}   {points} {curve['unit']}"
        fit = curve["line"]
        line += f"\n{'':26} line {fit['constant']:.3g} + {fit['slope']:.3g} x, R^2 {fit['r_squared']:.4f}"
        if "exponent" in fit:
            line += f"; beyond the constant the exponent is {fit['exponent']:.2f}"
        if "full" in curve:
            line += f"; the full gradient takes {curve['full']:.3g} ms"
        lines.append(line)
    return "\n".join(lines)


def draw_picture(found: dict[str, Any], path: Path) -> None:
    """The picture; Matplotlib is loaded only for it."""
    from benchmarks.scaling_picture import draw

    draw(found, path)


def main() -> None:
    """Print the fits, and write the points as JSON and a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("scaling.json"))
    parser.add_argument("--picture", type=Path, default=Path("scaling.png"))
    parser.add_argument("--curve", choices=CURVES, help="this one's times alone, as JSON")
    parser.add_argument("--memory", type=int, metavar="T", help="memory at so many steps alone, as JSON")
    options = parser.parse_args()
    if options.curve or options.memory:
        pin(1)
        print(json.dumps(one_curve(options.curve) if options.curve else {"mib": memory_at(options.memory)}))
        return
    found = measure()
    print(show(found))
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw_picture(found, options.picture)
    print(f"Points in {options.out}, picture in {options.picture}")


if __name__ == "__main__":
    main()
