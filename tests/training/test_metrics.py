import json
import math
from dataclasses import replace

import pytest

from throughtime.errors import RunError
from throughtime.training.events import Evaluated, Finished, IncidentMet, Probed, Started, Step, Stopped
from throughtime.training.metrics import Metrics, read_metrics, to_json

STEP = Step(1, 9, 1, 40, 4.5, math.inf, True, 0.1, 1234.56, 3.2)
EVALUATED = Evaluated(1, 4.4, math.inf, None, True, 0.05)
STOPPED = Stopped(1, "why", True, None)
FLOW = {"lags": [0, 1], "norms": {"h": [[1.0, math.nan]]}, "horizon": 12, "half_life": math.inf}
PROBED = Probed(1, FLOW)
KEPT = {"step": 1, **FLOW, "norms": {"h": [[1.0, None]]}, "half_life": None}  # as JSON has it
OTHERS = (
    Started(None, "t", "m", 1, 1, 1, 1, 1, True, 0),
    Finished(1, 1, 1.0, 1, None, None, None, 1.0, 1.0, 0.0, 12, False, None, None, 0, None),
)


def test_metrics_are_one_object_a_line_on_disk_at_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with Metrics(tmp_path) as metrics:
        metrics(OTHERS[0])
        metrics(STEP)
        assert json.loads(path.read_text()) == {
            "step": 1, "epoch": 1, "tokens": 40, "loss": 4.5, "grad_norm": None, "clipped": True, "lr": 0.1,
            "tokens_per_second": 1234.6,
        }  # fmt: skip
        metrics(EVALUATED)
        metrics(STOPPED)
        metrics(OTHERS[1])
    assert read_metrics(path)[1:] == [
        {
            "step": 1,
            "val_loss": 4.4,
            "val_perplexity": None,
            "val_bits_per_char": None,
            "best": True,
            "lr": 0.05,
        },
        {"step": 1, "stopped": "why"},
        {"step": 1, "finished": None},
    ]
    assert metrics.course.records == []


def test_what_flows_has_a_file_of_its_own(tmp_path):
    with Metrics(tmp_path) as metrics:
        metrics(STEP)
        metrics(PROBED)
        metrics(replace(PROBED, truncation={"K": 7}))
        assert json.loads((tmp_path / "flow.jsonl").read_text().splitlines()[0]) == KEPT
    assert [record.get("truncation") for record in read_metrics(tmp_path / "flow.jsonl")] == [None, {"K": 7}]
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1
    assert metrics.flow.records == []


def test_metrics_go_on_where_a_file_ends(tmp_path):
    with Metrics(tmp_path) as metrics:
        metrics(STEP)
    with Metrics(tmp_path) as metrics:
        metrics(IncidentMet(2, "what", "skip", None))
    assert read_metrics(tmp_path / "metrics.jsonl")[1:] == [{"step": 2, "incident": "what", "action": "skip"}]


@pytest.mark.parametrize("on_disk", [True, False])
def test_metrics_are_cut_back_to_a_mark(tmp_path, on_disk):
    with Metrics(tmp_path if on_disk else None) as metrics:
        metrics(STEP)
        metrics(PROBED)
        mark = json.loads(json.dumps(metrics.mark()))
        metrics(STOPPED)
        metrics(replace(PROBED, step=2))
        metrics(replace(PROBED, step=3))
        metrics.cut(mark)
        metrics(EVALUATED)
        metrics(replace(PROBED, step=4))
    course, flow = (
        (read_metrics(tmp_path / "metrics.jsonl"), read_metrics(tmp_path / "flow.jsonl"))
        if on_disk
        else (metrics.course.records, metrics.flow.records)
    )
    assert [record.get("val_loss") for record in course] == [None, 4.4]
    assert [record["step"] for record in flow] == [1, 4]


def test_metrics_shorter_than_their_mark_lose_no_more_than_a_broken_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with Metrics(tmp_path) as metrics:
        metrics(STEP)
        metrics(EVALUATED)
        mark = metrics.mark()
    path.write_bytes(path.read_bytes()[:-9])
    with Metrics(tmp_path) as metrics:
        metrics.cut(mark)
        metrics(STOPPED)
    assert [sorted(record)[-1] for record in read_metrics(path)] == ["tokens_per_second", "stopped"]


@pytest.mark.parametrize(("name", "event"), [("metrics.jsonl", STEP), ("flow.jsonl", PROBED)])
def test_metrics_name_the_file_that_cannot_be_written(name, event, tmp_path):
    (tmp_path / name).symlink_to("/dev/full")
    with Metrics(tmp_path) as metrics, pytest.raises(OSError, match=name):
        metrics(event)


def test_metrics_in_memory_alone():
    with Metrics(None) as metrics:
        metrics(STOPPED)
        metrics(PROBED)
    assert metrics.course.records == [{"step": 1, "stopped": "why"}]
    assert metrics.flow.records == [KEPT]


def test_read_metrics_leaves_out_a_line_that_a_crash_cut_short(tmp_path):
    (tmp_path / "m").write_text('{"step": 1}\n{"step"')
    assert read_metrics(tmp_path / "m") == [{"step": 1}]


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n"])
def test_read_metrics_names_a_damaged_line(line, tmp_path):
    (tmp_path / "m").write_bytes(b"{}\n" + line)
    with pytest.raises(RunError, match="damaged in line 2; expected a record as training writes it"):
        read_metrics(tmp_path / "m")


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "1"},
        {"lags": []},
        {"lags": 7},
        {"norms": None},
        {"norms": {}},
        {"norms": {"h": []}},
        {"norms": {"h": [[1.0]]}},
        {"norms": {"h": [[1.0, "0.5"]]}},
        {"norms": {"h": [[1.0, 0.5]], "c": 3}},
        {"horizon": None},
        {"half_life": "2"},
        {"truncation": 5},
        {"truncation": {"K": None}},
    ],
)
def test_read_metrics_names_a_line_of_flow_jsonl_that_is_no_measurement(changes, tmp_path):
    path = tmp_path / "flow.jsonl"
    path.write_text(to_json(KEPT) + "\n" + to_json({**KEPT, **changes}) + "\n")
    with pytest.raises(RunError, match=r"flow\.jsonl is damaged in line 2; expected a record as training"):
        read_metrics(path)
    for name in KEPT.keys() & changes.keys():
        path.write_text(to_json({key: value for key, value in KEPT.items() if key != name}) + "\n")
        with pytest.raises(RunError, match="damaged in line 1"):
            read_metrics(path)


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        *((STEP, entry) for entry in ("step", "tokens", "clipped", "grad_norm")),
        *((EVALUATED, entry) for entry in ("step", "best", "val_bits_per_char")),
    ],
)
def test_read_metrics_names_a_line_of_metrics_jsonl_that_lacks_what_is_read_of_it(event, entry, tmp_path):
    path = tmp_path / "metrics.jsonl"
    record = event.record()
    path.write_text(to_json(record) + "\n")
    assert len(read_metrics(path)) == 1
    path.write_text(to_json({key: value for key, value in record.items() if key != entry}) + "\n")
    with pytest.raises(RunError, match="damaged in line 1"):
        read_metrics(path)


def test_read_metrics_refuses_what_it_cannot_read(tmp_path):
    with pytest.raises(RunError, match="holds no m"):
        read_metrics(tmp_path / "m")
    (tmp_path / "m").write_bytes(b"\xff\n")
    with pytest.raises(RunError, match="cannot be read"):
        read_metrics(tmp_path / "m")


def test_to_json_has_null_where_json_has_no_number():
    assert to_json({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}}) == (
        '{"a": null, "b": [null, 1.5], "c": {"d": null}}'
    )
