import json
import math
import struct
from pathlib import Path

import pytest

import throughtime as tt
from throughtime.tensorboard import TensorBoard
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Probed,
    Started,
    Step,
    Stopped,
)

proto = pytest.importorskip(
    "tensorboardX.proto.event_pb2", reason="needs tensorboardX: pip install 'throughtime[tensorboard]'"
)


def started(resumed: int = 0, steps: int = 4, run: Path | None = None) -> Started:
    return Started(run, "a text", "gru, 1 layer of 8", 123, 900, 100, steps, 4, True, resumed)


def step(n: int, loss: float = 2.0, clipped: bool = False) -> Step:
    return Step(n, 4, 1, 40 * n, loss, 0.5, clipped, 1e-3, 1000.0, 1.0)


STOPPED = Stopped(4, "interrupted", False, None)


def written(place: Path, *events: Event) -> None:
    callback = TensorBoard(place)
    for event in events:
        callback(event)


def read_back(place: Path) -> list[list]:
    """The events of each file, in the order in which the files were begun."""
    files = []
    for file in sorted(place.iterdir(), key=lambda file: int(file.suffix[1:])):
        content, found = file.read_bytes(), []
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            found.append(proto.Event.FromString(content[12 : 12 + size]))
            content = content[16 + size :]
        files.append(found)
    return files


def curve(events: list, tag: str) -> list[tuple[int, float]]:
    return [
        (event.step, pytest.approx(value.simple_value))
        for event in events
        for value in event.summary.value
        if value.tag == tag
    ]


def text(events: list, tag: str) -> list[tuple[int, str]]:
    return [
        (event.step, value.tensor.string_val[0].decode())
        for event in events
        for value in event.summary.value
        if value.tag == f"{tag}/text_summary"
    ]


def test_tensorboard_writes_every_curve(tmp_path):
    evaluated = Evaluated(2, 1.5, 4.5, 2.16, True, 1e-3)
    written(tmp_path, started(), step(1), step(2, 1.0, clipped=True), evaluated, STOPPED)
    (events,) = read_back(tmp_path)
    assert curve(events, "train/loss") == [(1, 2.0), (2, 1.0)]
    assert curve(events, "train/grad_norm") == [(1, 0.5), (2, 0.5)]
    assert curve(events, "train/lr") == [(1, 1e-3), (2, 1e-3)]
    assert curve(events, "train/clipped") == [(1, 0), (2, 1)]
    assert curve(events, "train/tokens_per_second") == [(1, 1000), (2, 1000)]
    assert curve(events, "validation/loss") == [(2, 1.5)]
    assert curve(events, "validation/perplexity") == [(2, 4.5)]
    assert curve(events, "validation/bits_per_char") == [(2, 2.16)]


def test_tensorboard_tells_no_bits_where_there_are_none(tmp_path):
    written(tmp_path, started(), step(1), Evaluated(1, 1.5, 4.5, None, True, 1e-3), STOPPED)
    assert curve(read_back(tmp_path)[0], "validation/bits_per_char") == []


def probed(n: int, horizon: int, half_life: float, reach: int | None = None) -> Probed:
    truncation = None if reach is None else {"K": reach}
    return Probed(n, {"horizon": horizon, "censored": False, "half_life": half_life}, truncation)


def test_tensorboard_writes_how_the_gradient_flows(tmp_path):
    probes = probed(0, 12, 2.5), probed(2, 14, math.inf), probed(4, 15, math.nan, 40), probed(6, 16, 3.5, 41)
    written(tmp_path, started(), *probes, STOPPED)
    (events,) = read_back(tmp_path)
    assert curve(events, "flow/horizon") == [(0, 12), (2, 14), (4, 15), (6, 16)]
    assert curve(events, "flow/half_life") == [(0, 2.5), (6, 3.5)]
    assert curve(events, "flow/reach") == [(4, 40), (6, 41)]


def test_tensorboard_takes_the_mean_of_several_updates_in_a_long_run(tmp_path):
    steps = [step(1, 2.0), step(2, 4.0, clipped=True), step(3, 1.0), step(4, 2.0), step(5, 9.0)]
    written(tmp_path, started(steps=2000), *steps, STOPPED)
    (events,) = read_back(tmp_path)
    assert curve(events, "train/loss") == [(2, 3.0), (4, 1.5), (5, 9.0)]
    assert curve(events, "train/clipped") == [(2, 0.5), (4, 0), (5, 0)]


def test_tensorboard_describes_the_run_and_its_incidents(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"training": {"seed": 7}}))
    incident = IncidentMet(2, "loss is NaN", "skip", None)
    written(tmp_path / "log", started(run=run), step(1), incident, STOPPED)
    (events,) = read_back(tmp_path / "log")
    ((at, description),) = text(events, "run")
    assert at == 0
    assert "gru, 1 layer of 8: 123 parameters" in description
    assert '"seed": 7' in description
    assert text(events, "incident") == [(2, "loss is NaN (then: skip)")]


def purges(events: list) -> list[int]:
    return [event.step for event in events if event.HasField("session_log")]


def test_tensorboard_takes_out_what_a_resumed_run_does_again(tmp_path):
    written(tmp_path, started(), step(1), step(2), step(3), STOPPED)
    written(tmp_path, started(resumed=2), step(3), step(4), STOPPED)
    first, second = read_back(tmp_path)
    assert purges(first) == []
    assert purges(second) == [3]
    assert curve(second, "train/loss") == [(3, 2.0), (4, 2.0)]


def test_tensorboard_takes_out_what_a_rollback_gives_up(tmp_path):
    incident = IncidentMet(4, "loss is NaN", "rollback", None)
    written(tmp_path, started(), step(1), step(2), step(3), incident, step(2, 1.0), STOPPED)
    first, second = read_back(tmp_path)
    assert [at for at, _ in curve(first, "train/loss")] == [1, 2, 3]
    assert purges(second) == [2]
    assert curve(second, "train/loss") == [(2, 1.0)]


def test_tensorboard_hears_a_training(tmp_path):
    content = "to be or not to be " * 30
    tokenizer = tt.Tokenizer.train(content)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    run = tt.fit(
        model, content, tokenizer=tokenizer, batch_size=2, max_steps=3, callbacks=[TensorBoard(tmp_path)]
    )
    (events,) = read_back(tmp_path)
    losses = [(record["step"], record["loss"]) for record in run.history if "loss" in record]
    assert curve(events, "train/loss") == losses
    assert isinstance(run.finished, Finished)
