import json
import math

import pytest

from throughtime.errors import RunError
from throughtime.training.events import Evaluated, Finished, Started, Step, Stopped
from throughtime.training.metrics import Metrics, read_metrics, to_json

STEP = Step(1, 9, 1, 40, 4.5, math.inf, True, 0.1, 1234.56, 3.2)
EVALUATED = Evaluated(1, 4.4, math.inf, None, True, 0.05)
STOPPED = Stopped(1, "why", True, None)
OTHERS = (
    Started(None, "t", "m", 1, 1, 1, 1, 1, True),
    Finished(1, 1, 1.0, 1, None, None, None, 1.0, 1.0, None),
)


def test_metrics_are_one_object_a_line_on_disk_at_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as metrics:
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
    ]
    assert len(metrics.records) == 3


def test_metrics_never_write_over_a_file(tmp_path):
    (tmp_path / "m").write_text("precious")
    with pytest.raises(FileExistsError):
        Metrics(tmp_path / "m")
    assert (tmp_path / "m").read_text() == "precious"


def test_metrics_in_memory_alone():
    with Metrics(None) as metrics:
        metrics(STOPPED)
    assert metrics.records == [{"step": 1, "stopped": "why"}]


def test_read_metrics_leaves_out_a_line_that_a_crash_cut_short(tmp_path):
    (tmp_path / "m").write_text('{"step": 1}\n{"step"')
    assert read_metrics(tmp_path / "m") == [{"step": 1}]


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n"])
def test_read_metrics_names_a_damaged_line(line, tmp_path):
    (tmp_path / "m").write_bytes(b"{}\n" + line)
    with pytest.raises(RunError, match="damaged in line 2; expected one JSON object a line"):
        read_metrics(tmp_path / "m")


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
