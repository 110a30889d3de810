"""Single bytes changed at random: every change must be found, and what it struck never be used."""

import os
import random
import shutil
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.endurance.courses import Course, write_text
from tests.endurance.kills import Stop, Tally, stopped
from tests.endurance.processes import Place, call, train
from tests.endurance.sameness import checkpoints, differences

import throughtime as tt
from throughtime.data.cache import encode_corpus
from throughtime.data.corpus import read
from throughtime.errors import DamagedError
from throughtime.training.checkpoint import Checkpoints

# A run that is stopped here has all its checkpoints, and half of its way before it.
_STOPPED_AT = 20


@dataclass(frozen=True)
class Scene:
    """A run stopped on its way, and the same one at its end.

    Attributes
    ----------
    place : Place
        Of the one that was stopped; not to be changed.
    reference : Path
        The directory of the one that was not.
    """

    course: Course
    place: Place
    reference: Path


def strike(
    courses: Sequence[Course],
    damages: int,
    seed: int,
    every: int = 50,
    tell: Callable[[str], object] = print,
    directory: Path | None = None,
) -> Tally:
    """Change single bytes: of checkpoints, of the kept weights, and of token caches.

    Parameters
    ----------
    courses : sequence of Course
        Taken in turn.
    damages : int
    seed : int
    every : int
        After every so many of each kind the command line goes on from the damaged run, which is compared at its end.
    """
    tally = Tally()
    here = Path(tempfile.mkdtemp(prefix="damages-", dir=directory))
    text = write_text(here / "text.txt")
    scenes = [_scene(course, text, here / f"run-{i}", tell) for i, course in enumerate(courses)]
    # Half of all damages hit checkpoints: they are the largest part of a run, and what resuming lives on.
    kinds: tuple[tuple[str, Callable[..., list[str]]], ...] = (
        ("checkpoint", _of_checkpoint),
        ("weights", _of_weights),
        ("checkpoint", _of_checkpoint),
        ("tokens", _of_tokens),
    )
    done: Counter[str] = Counter()
    for number in range(damages):
        kind, damage = kinds[number % len(kinds)]
        scene = scenes[number // len(kinds) % len(scenes)]
        done[kind] += 1
        thorough = done[kind] % every == 1
        failures = damage(scene, here / f"struck-{number}", random.Random(f"{seed}/{number}"), thorough)
        tally.counts["damages"] += 1
        tally.counts[f"of {kind}"] += 1
        tally.counts["taken up by the command line"] += thorough
        tally.counts["mismatches"] += bool(failures)
        tally.failures += [f"damage {number}, {scene.course.name}: {line}" for line in failures]
        if (number + 1) % 100 == 0:
            tell(f"{number + 1} damages, {len(tally.failures)} failures")
    if not tally.failures:
        shutil.rmtree(here)
    return tally


def _scene(course: Course, text: Path, here: Path, tell: Callable[[str], object]) -> Scene:
    here.mkdir()
    reference = train(Place(text, here / "reference", here / "cache"), course)
    place = Place(text, here / "stopped", here / "cache")
    code, stderr = stopped(place, course, Stop(signal.SIGKILL, None, "renamed", "step-", _STOPPED_AT))
    assert code == -signal.SIGKILL, stderr
    tell(f"made ready: {course.name}, {len(checkpoints(place.out))} checkpoints")
    return Scene(course, place, reference)


def change_a_byte(path: Path, rng: random.Random) -> str:
    """Change one; where, and to what."""
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    before = content[at]
    content[at] = (before + rng.randint(1, 255)) % 256
    path.write_bytes(content)
    return f"byte {at} of {path.name} changed from {before} to {content[at]}"


def _of_checkpoint(scene: Scene, here: Path, rng: random.Random, thorough: bool) -> list[str]:
    """The newest are struck: one of them, or all but the oldest."""
    place = _copied(scene, here)
    present = checkpoints(place.out)
    struck = present[-rng.randint(1, len(present) - 1) :]
    good = present[-len(struck) - 1]
    told = "; ".join(change_a_byte(path, rng) for path in struck)
    found, lines = Checkpoints(place.out, keep=len(present)).newest()
    failures = [
        f"{path.name} is not named" for path in struck if not any(str(path) in line for line in lines)
    ]
    if found is None or f"step-{found.step:08}.safetensors" != good.name:
        failures.append(f"step {found and found.step} is used, not {good.name}")
    if thorough:
        failures += _taken_up(scene, place, struck)
    return _cleared(here, told, failures)


def _of_weights(scene: Scene, here: Path, rng: random.Random, thorough: bool) -> list[str]:
    place = _copied(scene, here)
    struck = place.out / "model.safetensors"
    told = change_a_byte(struck, rng)
    failures = []
    try:
        tt.load(place.out)
        failures.append("the weights are used")
    except DamagedError as error:
        if str(struck) not in str(error):
            failures.append(f"not named: {error}")
    if thorough:
        done = call(place, ["generate", str(place.out), "--length", "5"])
        if done.returncode != 2 or str(struck) not in done.stderr or len(done.stderr.splitlines()) != 1:
            failures.append(f"generate ended with {done.returncode}: {done.stderr!r}")
        failures += _taken_up(scene, place, [])
    return _cleared(here, told, failures)


def _of_tokens(scene: Scene, here: Path, rng: random.Random, thorough: bool) -> list[str]:
    place = _copied(scene, here)
    (struck,) = (place.cache / "tokens").glob("*.safetensors")
    whole = struck.read_bytes()
    told = change_a_byte(struck, rng)
    failures = []
    if thorough:
        failures += _taken_up(scene, place, [struck])
    else:
        with _cache_in(place.cache), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tokens = encode_corpus(read([str(place.text)]), tt.load(scene.place.out).tokenizer, _by(scene))
        if not any(str(struck) in str(warning.message) for warning in caught):
            failures.append("the damage is not named")
        if tokens.ids.tobytes() not in whole:
            failures.append("other ids")
    if struck.read_bytes() != whole:
        failures.append("it is not made anew as it was")
    return _cleared(here, told, failures)


def _taken_up(scene: Scene, place: Place, struck: Sequence[Path]) -> list[str]:
    """What is wrong with the damaged run after the command line has gone on with it to its end."""
    arguments = [argument for argument in place.arguments(scene.course) if argument != "--quiet"]
    done = call(place, arguments)
    if done.returncode != 0:
        return [f"taken up, it ended with {done.returncode}: {done.stderr!r}"]
    unnamed = [f"{path.name} is not named on going on" for path in struck if str(path) not in done.stderr]
    return unnamed + differences(scene.reference, place.out)


def _copied(scene: Scene, here: Path) -> Place:
    shutil.copytree(scene.place.out, here / "run")
    shutil.copytree(scene.place.cache, here / "cache")
    return Place(scene.place.text, here / "run", here / "cache")


def _cleared(here: Path, told: str, failures: list[str]) -> list[str]:
    """The failures, with what was done; only where there are some is the directory left."""
    if not failures:
        shutil.rmtree(here)
    return [f"{told} ({here}): {line}" for line in failures]


def _by(scene: Scene) -> Literal["stream", "sentence"]:
    return "sentence" if "sentence" in scene.course.options else "stream"


@contextmanager
def _cache_in(path: Path) -> Iterator[None]:
    before = os.environ.get("THROUGHTIME_CACHE")
    os.environ["THROUGHTIME_CACHE"] = str(path)
    try:
        yield
    finally:
        del os.environ["THROUGHTIME_CACHE"]
        if before is not None:
            os.environ["THROUGHTIME_CACHE"] = before
