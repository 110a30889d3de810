"""A few of the kills, damages and full disks of `make endurance`; and a directory that is in use."""

import os
import signal
from pathlib import Path

import pytest

if os.name != "posix":
    pytest.skip("signals and limits are POSIX's", allow_module_level=True)

from tests.endurance.courses import COURSES, write_text
from tests.endurance.damages import strike
from tests.endurance.disks import call_with_limit, ended_the_same, still_there, told_in_one_line
from tests.endurance.kills import Stop, hunt, staying, stopped
from tests.endurance.processes import Place, call, train
from tests.endurance.sameness import checkpoints, newest_checkpoint

LSTM, SENTENCES, AVERAGED, *_ = COURSES
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("endurance")
    write_text(here / "text.txt")
    return here


@pytest.fixture
def place(shared, tmp_path) -> Place:
    return Place(shared / "text.txt", tmp_path / "run", shared / "cache")


@pytest.fixture(scope="module")
def reference(shared) -> Path:
    """The averaged course, never stopped."""
    return train(Place(shared / "text.txt", shared / "reference", shared / "cache"), AVERAGED)


def test_ten_kills_end_in_the_same_bits(tmp_path):
    tally = hunt([LSTM], kills=10, seed=4, directory=tmp_path)
    assert tally.failures == []
    assert tally.counts["SIGKILL"] >= 10
    assert any(name.startswith("within a write") for name in tally.counts)


def test_fifty_damages_are_found(tmp_path):
    tally = strike([SENTENCES], damages=50, seed=1, directory=tmp_path)
    assert tally.failures == []
    assert tally.counts["damages"] == 50
    assert tally.counts["taken up by the command line"] == 3


@pytest.mark.parametrize(
    "stop",
    [
        # The averaged weights are in the model then, in place of its own.
        Stop(signal.SIGTERM, None, "evaluating", "", 150),
        Stop(signal.SIGINT, None, "updating", "", 200),
    ],
    ids=str,
)
def test_a_signal_tells_how_to_go_on_to_the_same_bits(place, reference, stop):
    code, stderr = stopped(place, AVERAGED, stop)
    assert code == 128 + stop.signal
    assert "Go on with: throughtime train --resume --out" in stderr
    assert ended_the_same(place, AVERAGED, reference) == []


def test_a_file_that_cannot_grow_is_told_in_one_line_and_nothing_is_lost(place, reference):
    limit = (reference / "metrics.jsonl").stat().st_size // 2
    done = call_with_limit(place, place.arguments(AVERAGED), limit)
    assert done.returncode == 1
    assert told_in_one_line(done, place.out) == []
    assert ended_the_same(place, AVERAGED, reference) == []


def test_a_checkpoint_that_finds_no_room_leaves_those_before_it(place):
    stopped(place, AVERAGED, Stop(signal.SIGKILL, None, "renamed", "step-", 5))
    before = {path: path.read_bytes() for path in checkpoints(place.out)}
    smaller = newest_checkpoint(place.out).stat().st_size - 1
    done = call_with_limit(place, place.arguments(AVERAGED), smaller)
    assert done.returncode == 1
    assert told_in_one_line(done, place.out) == []
    assert still_there(before) == []


def test_a_directory_that_another_process_trains_in_is_left_alone(place):
    with staying(place, AVERAGED, Stop(signal.SIGKILL, None, "updating", "", 60)) as process:
        again = call(place, ["train", str(place.text), "--out", str(place.out), "--quiet"])
        resumed = call(place, place.arguments(AVERAGED))
        process.kill()
    for done in (again, resumed):
        assert done.returncode == 2
        assert told_in_one_line(done, place.out) == []
    assert "in use by another process" in resumed.stderr
