"""Disks that are full or may not be written: one clear line, nothing lost, and the run goes on where there is room."""

import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.endurance.courses import Course, write_text
from tests.endurance.kills import Stop, Tally, stopped
from tests.endurance.processes import Place, call, train
from tests.endurance.sameness import checkpoints, damaged, differences

_DISK = "2m"
_STOPPED_AT = 5


def fill(
    courses: Sequence[Course],
    seed: int,
    tell: Callable[[str], object] = print,
    directory: Path | None = None,
) -> Tally:
    """Let each course meet a full disk, at its start and on its way, and a directory that may not be written.

    A disk is a small file system in memory, where the system lets us mount one; else a limit on the size of files
    stands for a full disk, and permissions for a read-only one.
    """
    tally = Tally()
    here = Path(tempfile.mkdtemp(prefix="disks-", dir=directory))
    text = write_text(here / "text.txt")
    mountable = can_mount(here)
    tell("full disks: " + ("a small tmpfs" if mountable else "RLIMIT_FSIZE, as nothing can be mounted"))
    tell("read-only: " + _how_read_only(mountable))
    for number, course in enumerate(courses):
        rng = random.Random(f"{seed}/{number}")
        reference = train(Place(text, here / f"reference-{number}", here / "cache"), course)
        base = here / f"disk-{number}"
        base.mkdir()
        place = Place(text, base / "run", here / "cache")
        trials: list[tuple[str, Callable[[], list[str]]]] = []
        if mountable:
            trials += [
                ("full on its way", partial(_full_on_its_way, place, course, reference)),
                ("full when taken up", partial(_full_when_taken_up, place, course, reference, rng)),
                ("full from the start", partial(_full_from_the_start, place, course, reference)),
                ("read-only", partial(_read_only, place, course, reference)),
            ]
        else:
            trials.append(("full on its way", partial(_limited, place, course, reference)))
            if not is_root():
                trials.append(("read-only", partial(_forbidden, place, course, reference)))
        for name, trial in trials:
            with mounted(base) if mountable else _emptied(base):
                try:
                    failures = trial()
                except AssertionError as error:
                    failures = [str(error)]
            tally.counts[name] += 1
            tally.counts["mismatches"] += bool(failures)
            tally.failures += [f"{name}, {course.name}: {line}" for line in failures]
            tell(f"{name}: {course.name}: {'; '.join(failures) or 'the same bits'}")
    if not tally.failures:
        shutil.rmtree(here)
    return tally


# ---------------------------------------------------------------- the disks


def is_root() -> bool:
    """Whether permissions mean nothing."""
    return os.geteuid() == 0


def can_mount(here: Path) -> bool:
    """Whether a file system can be mounted in a directory."""
    place = here / "mounted"
    place.mkdir()
    try:
        with mounted(place):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(place: Path) -> Iterator[None]:
    """A small file system in memory."""
    _mount("-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", place)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True, capture_output=True)


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


@contextmanager
def _emptied(place: Path) -> Iterator[None]:
    yield
    shutil.rmtree(place)
    place.mkdir()


def _how_read_only(mountable: bool) -> str:
    if mountable:
        return "the same, mounted so"
    return "left out: root may write everywhere" if is_root() else "permissions"


def leave_room(place: Path, room: int) -> Path:
    """Fill a disk but for so many bytes; the file that does it."""
    filler = place / "filler"
    status = os.statvfs(place)
    with filler.open("wb") as file:
        file.write(bytes(max(0, status.f_bavail * status.f_frsize - room)))
    return filler


# ---------------------------------------------------------------- the trials


def _full_on_its_way(place: Place, course: Course, reference: Path) -> list[str]:
    """There is room for half of what the run needs at its end."""
    filler = leave_room(place.out.parent, sum(path.stat().st_size for path in reference.rglob("*")) // 2)
    done = call(place, place.arguments(course))
    failures = told_in_one_line(done, place.out) + damaged(place.out)
    if not checkpoints(place.out):
        failures.append("no checkpoint was written")
    filler.unlink()
    return failures + ended_the_same(place, course, reference)


def _full_when_taken_up(place: Place, course: Course, reference: Path, rng: random.Random) -> list[str]:
    before = _stopped_run(place, course)
    size = max(path.stat().st_size for path in before)
    filler = leave_room(place.out.parent, rng.randrange(size))
    done = call(place, place.arguments(course))
    failures = told_in_one_line(done, place.out) + still_there(before)
    filler.unlink()
    return failures + ended_the_same(place, course, reference)


def _full_from_the_start(place: Place, course: Course, reference: Path) -> list[str]:
    filler = leave_room(place.out.parent, 0)
    failures = told_in_one_line(call(place, place.arguments(course)), place.out)
    filler.unlink()
    return failures + ended_the_same(place, course, reference)


def _read_only(place: Place, course: Course, reference: Path) -> list[str]:
    before = _stopped_run(place, course)
    _mount("-o", "remount,ro", place.out.parent)
    failures = told_in_one_line(call(place, place.arguments(course)), place.out)
    elsewhere = Place(place.text, place.out.parent / "another", place.cache)
    failures += told_in_one_line(call(place, elsewhere.arguments(course)), elsewhere.out)
    _mount("-o", "remount,rw", place.out.parent)
    return failures + still_there(before) + ended_the_same(place, course, reference)


def _forbidden(place: Place, course: Course, reference: Path) -> list[str]:
    """As `_read_only`, for those whom permissions bind."""
    before = _stopped_run(place, course)
    directories = [place.out, place.out / "checkpoints"]
    files = [path for path in place.out.rglob("*") if path.is_file()]
    for path in [*files, *directories]:
        path.chmod(0o555 if path in directories else 0o444)
    failures = told_in_one_line(call(place, place.arguments(course)), place.out)
    for path in [*directories, *files]:
        path.chmod(0o755 if path in directories else 0o644)
    return failures + still_there(before) + ended_the_same(place, course, reference)


def _limited(place: Place, course: Course, reference: Path) -> list[str]:
    """No file may grow beyond the half of what the records come to in the end: then there is no room for a line."""
    limit = (reference / "metrics.jsonl").stat().st_size // 2
    done = call_with_limit(place, place.arguments(course), limit)
    return told_in_one_line(done, place.out) + damaged(place.out) + ended_the_same(place, course, reference)


def call_with_limit(place: Place, arguments: list[str], limit: int) -> "subprocess.CompletedProcess[str]":
    """Run the command line, which cannot write a file of more than so many bytes."""
    return call(
        place,
        arguments,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
    )


def _stopped_run(place: Place, course: Course) -> dict[Path, bytes]:
    """A run killed after some checkpoints; these."""
    code, stderr = stopped(place, course, Stop(signal.SIGKILL, None, "renamed", "step-", _STOPPED_AT))
    assert code == -signal.SIGKILL, stderr
    return {path: path.read_bytes() for path in checkpoints(place.out)}


# ---------------------------------------------------------------- what must hold


def told_in_one_line(done: "subprocess.CompletedProcess[str]", place: Path) -> list[str]:
    """Nothing, or what is wrong with how a process said that it could not write."""
    lines = done.stderr.strip().splitlines()
    clear = len(lines) == 1 and "expected" in lines[0] and str(place) in lines[0] and "bug" not in lines[0]
    return (
        [] if clear and done.returncode in (1, 2) else [f"it ended with {done.returncode}: {done.stderr!r}"]
    )


def still_there(before: dict[Path, bytes]) -> list[str]:
    """The checkpoints that are no longer as they were."""
    return [
        f"{path.name} has changed"
        for path, content in before.items()
        if not path.exists() or path.read_bytes() != content
    ]


def ended_the_same(place: Place, course: Course, reference: Path) -> list[str]:
    """What differs after the run has gone on to its end."""
    try:
        return differences(reference, train(place, course))
    except AssertionError as error:
        return [str(error)]
