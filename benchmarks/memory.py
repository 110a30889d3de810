"""How memory grows with the text: `python -m benchmarks.memory [--megabytes 1000] [--unit char|word|bpe]`.

Synthetic texts of a bounded vocabulary, 10 MB and as many as are asked for, are trained on by `throughtime train`, each
in a process of its own. What counts is anonymous memory (RssAnon of Linux): pages of a mapped file can be dropped at any
time, as they are on disk. It is sampled while the program runs, so its peak is told as well as its last value.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 5000  # different ones, of 2 to 11 letters
SMALL = 10  # megabytes
BLOCK = 1 << 20  # bytes written at a time
MEBI = 1 << 20


def write_text(path: Path, megabytes: float, seed: int = 0) -> None:
    """Sentences of words whose frequencies follow Zipf's law: the same text for the same seed."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 12, WORDS)]
    p = 1 / np.arange(1, WORDS + 1)
    left = int(megabytes * 1e6)
    with path.open("w", encoding="ascii") as file:
        while left > 0:
            lines, size = [], 0
            while size < min(BLOCK, left):
                drawn = rng.choice(WORDS, 4000, p=p / p.sum())
                sentences = np.array_split(drawn, 400)
                block = "".join(" ".join(words[i] for i in sentence) + ".\n" for sentence in sentences) + "\n"
                lines.append(block)
                size += len(block)
            file.write("".join(lines)[:left])
            left -= size


def anonymous(process: int) -> int:
    """RssAnon of a process in bytes; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = (line.split() for line in status.splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "RssAnon:"), 0)


def measure(text: Path, directory: Path, arguments: list[str]) -> dict[str, Any]:
    """Train on a text in a process of its own, and watch its memory."""
    command = [
        sys.executable,
        "-m",
        "throughtime",
        "train",
        str(text),
        "--out",
        str(directory / "run"),
        "--quiet",
    ]
    environment = os.environ | {"THROUGHTIME_CACHE": str(directory / "cache")}
    start = time.monotonic()
    peak = last = 0
    with subprocess.Popen([*command, *arguments], env=environment, stdout=subprocess.DEVNULL) as program:
        while program.poll() is None:
            found = anonymous(program.pid)
            peak, last = max(peak, found), found or last
            time.sleep(0.02)
    if program.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {program.returncode}")
    return {
        "megabytes": round(text.stat().st_size / 1e6, 3),
        "peak_mib": peak / MEBI,
        "last_mib": last / MEBI,
        "seconds": time.monotonic() - start,
    }


def main() -> None:
    """Print a line for each text, the ratios, and one JSON object after them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--unit", choices=("char", "word", "bpe"), default="char")
    parser.add_argument("--max-steps", type=int, default=200)
    options = parser.parse_args()
    arguments = ["--unit", options.unit, "--max-steps", str(options.max_steps), "--val-fraction", "0.001"]
    arguments += ["--hidden-size", "128", "--cell", "gru"]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for index, megabytes in enumerate((SMALL, options.megabytes)):
            directory = Path(temporary, str(index))
            directory.mkdir()
            text = directory / "text.txt"
            write_text(text, megabytes)
            row = measure(text, directory, arguments)
            rows.append(row)
            print(
                f"{row['megabytes']:7.0f} MB of text: anonymous memory at most {row['peak_mib']:.0f} MiB, "
                f"{row['last_mib']:.0f} MiB at the end, in {row['seconds']:.0f} s",
                flush=True,
            )
    small, large = rows
    ratios = {name: large[f"{name}_mib"] / small[f"{name}_mib"] for name in ("peak", "last")}
    print(f"ratio: {ratios['peak']:.3f} of the peaks, {ratios['last']:.3f} at the end")
    print(json.dumps({"unit": options.unit, "max_steps": options.max_steps, "rows": rows, "ratios": ratios}))


if __name__ == "__main__":
    main()
