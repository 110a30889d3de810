"""Runs that are killed again and again, and must end in the same bits as one that never was."""

import itertools
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.endurance.courses import Course, write_text
from tests.endurance.processes import PATIENCE, Place, train
from tests.endurance.sameness import damaged, differences

# How many processes of one run are stopped at most, so that training comes forward.
_LIVES = 9
_BY_WRITE = ("opened", "half", "unsynced", "synced", "renamed")
_BY_FILE = {"metrics": ("opened", "half", "unsynced"), "step-": (*_BY_WRITE, "pruning")}
# Which file, and how many writes later at most.
_FILES_AT_START = [("tokens/", 1), ("tokenizer", 1), ("config", 1), ("options", 1), ("metrics", 1)]
_FILES_AT_START += [("model", 2), ("step-", 6), ("step-", 12)]
_FILES_LATER = [("config", 1), ("model", 3), ("metrics", 8), *[("step-", 12)] * 5]


@dataclass(frozen=True)
class Stop:
    """How a process is stopped.

    Attributes
    ----------
    signal : int
    delay : float or None
        Seconds from the process' start; None for a moment within its work.
    moment, file, count : str, str, int
        As `tests.endurance.victim` takes them.
    """

    signal: int
    delay: float | None
    moment: str = ""
    file: str = ""
    count: int = 0

    def __str__(self) -> str:
        name = signal.Signals(self.signal).name
        if self.delay is not None:
            return f"{name} after {self.delay:.2f} s"
        return f"{name} {self.moment} {self.file} {self.count}".replace("  ", " ")


@dataclass
class Tally:
    """What came of it all.

    Attributes
    ----------
    counts : Counter
    failures : list of str
        A line for each thing that is not as it should be.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.counts.update(other.counts)
        self.failures += other.failures


def hunt(
    courses: Sequence[Course],
    kills: int,
    seed: int,
    tell: Callable[[str], object] = print,
    workers: int = 2,
    directory: Path | None = None,
) -> Tally:
    """Kill runs until there were so many SIGKILLs.

    Parameters
    ----------
    courses : sequence of Course
        Taken in turn.
    kills : int
        At least so many processes are ended by SIGKILL; other signals come on top.
    seed : int
        Of all that is random here.
    tell : callable
        Called with a line for each run.
    workers : int
        Runs side by side.
    directory : Path, optional
        Where runs are kept that fail; a temporary one by default.
    """
    tally = Tally()
    here = Path(tempfile.mkdtemp(prefix="kills-", dir=directory))
    text = write_text(here / "text.txt")
    lock, numbers = threading.Lock(), itertools.count()
    references: dict[str, tuple[Path, float]] = {}
    for course in courses:
        start = time.perf_counter()
        place = Place(text, here / f"reference-{len(references)}", here / f"tokens-{len(references)}")
        references[course.name] = train(place, course), time.perf_counter() - start
        tell(f"never stopped: {course.name}, {references[course.name][1]:.1f} s")

    def work() -> None:
        while True:
            with lock:
                number = next(numbers)
                # Those that are under way will add to it; the last ones are not counted exactly.
                if tally.counts["SIGKILL"] >= kills:
                    return
            course = courses[number % len(courses)]
            place = Place(text, here / f"victim-{number}", here / f"victim-{number}-cache")
            life = live(place, course, random.Random(f"{seed}/{number}"), *references[course.name])
            life.failures = [f"run {number} ({place.out}): {line}" for line in life.failures]
            told = "; ".join(life.failures) or "the same bits"
            with lock:
                tally.add(life)
                tell(f"run {number}: {course.name}: {life.counts['SIGKILL']} kills, {told}")

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()
    if not tally.failures:
        shutil.rmtree(here)
    return tally


def live(place: Place, course: Course, rng: random.Random, reference: Path, seconds: float) -> Tally:
    """One run: stopped several times, then left to come to its end, then compared."""
    tally = Tally()
    for _ in range(_LIVES):
        begun = place.is_begun
        stop = _random_stop(rng, seconds, begun)
        code, stderr = stopped(place, course, stop)
        tally.counts["resumes" if begun else "starts"] += 1
        wrong = damaged(place.out) + _wrong(stop, code, stderr)
        tally.failures += [f"{stop}: {line}" for line in wrong]
        if code == 0:
            break
        tally.counts[signal.Signals(stop.signal).name] += 1
        if stop.signal == signal.SIGKILL:
            tally.counts[f"within a write, {stop.moment}" if stop.delay is None else "at any time"] += 1
        elif code < 0:
            tally.counts["ended by the signal before training began"] += 1
        if wrong:
            return tally
    else:
        tally.counts["resumes" if place.is_begun else "starts"] += 1
        try:
            train(place, course)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            tally.failures.append(str(error))
            return tally
    found = differences(reference, place.out)
    tally.counts["runs"] += 1
    tally.counts["mismatches"] += bool(found)
    tally.failures += found
    tally.failures += [f"{path} is left" for path in place.out.rglob(".*") if path.name != ".lock"]
    return tally


def _random_stop(rng: random.Random, seconds: float, begun: bool) -> Stop:
    kind = rng.random()
    if kind < 0.45:
        return Stop(signal.SIGKILL, rng.uniform(0, 1.1 * seconds))
    if kind < 0.85:
        file, most = rng.choice(_FILES_LATER if begun else _FILES_AT_START)
        moment = rng.choice(_BY_FILE.get(file, _BY_WRITE))
        return Stop(signal.SIGKILL, None, moment, file, 1 if moment == "opened" else rng.randint(1, most))
    asked = rng.choice([signal.SIGTERM, signal.SIGINT])
    if kind < 0.90:
        return Stop(asked, rng.uniform(0, seconds))
    if kind < 0.95:
        return Stop(asked, None, rng.choice(["updating", "evaluating"]), "", rng.randint(1, 80))
    return Stop(asked, None, rng.choice(_BY_WRITE), "step-", rng.randint(1, 12))


def stopped(place: Place, course: Course, stop: Stop) -> tuple[int, str]:
    """Train, and stop the process; its exit code and its standard error."""
    if stop.delay is None:
        with staying(place, course, stop) as process:
            return _end(process, stop.signal)
    with _process(["throughtime", *place.arguments(course)], place) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(stop.delay)
        return _end(process, stop.signal)


@contextmanager
def staying(place: Place, course: Course, stop: Stop) -> Iterator["subprocess.Popen[bytes]"]:
    """Train until the moment has come, or there is nothing left to do; the process stays there for the block."""
    reading, writing = os.pipe()
    wanted = str(writing), stop.moment, stop.file, str(stop.count)
    try:
        with _process(
            ["tests.endurance.victim", *wanted, *place.arguments(course)], place, (writing,)
        ) as process:
            os.close(writing)
            # It can be read as soon as something was written there, or the process has ended.
            select.select([reading], [], [], PATIENCE)
            if not os.read(reading, 1):
                process.wait(PATIENCE)
            yield process
    finally:
        os.close(reading)


def _process(
    command: list[str], place: Place, descriptors: tuple[int, ...] = ()
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env=place.environment,
        pass_fds=descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _end(process: "subprocess.Popen[bytes]", number: int) -> tuple[int, str]:
    process.send_signal(number)  # does nothing if it has ended
    try:
        _, stderr = process.communicate(timeout=PATIENCE)  # which also lets it go on
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
        return process.returncode, f"hung; {stderr.decode()}"
    return process.returncode, stderr.decode()


def _wrong(stop: Stop, code: int, stderr: str) -> list[str]:
    """What is not as it should be about the end of a process: nothing, or one line."""
    told = f"it ended with {code}: {stderr.strip()[-500:]!r}"
    if code == 0:  # it had done all that there was to do
        return []
    if stop.signal == signal.SIGKILL:
        return [] if code == -stop.signal else [told]
    if code == -stop.signal and stop.moment not in ("updating", "evaluating"):  # not yet training
        return []
    lines = stderr.strip().splitlines()
    word = "interrupted", "terminated"  # the latter before training begins
    if code != 128 + stop.signal or len(lines) != 1 or not any(each in lines[0] for each in word):
        return [told]
    trained = stop.moment in ("updating", "evaluating")
    return [told] if trained and "Go on with: throughtime train --resume --out" not in lines[0] else []
