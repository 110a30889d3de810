import io
import json
import shlex
import shutil
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import TEXT
from tests.flow.illnesses import flow_of, gated, linear, orthogonal, plain
from tests.flow.illnesses import trained as facts

import throughtime as tt
from throughtime.flow.findings import Evidence, find
from throughtime.training.diagnosis import diagnose

LONG = TEXT * 6
PLAIN = ["--cell", "rnn", "--hidden-size", "12", "--batch-size", "4", "--lr", "0.002", "--max-steps", "40"]


@pytest.fixture(scope="module")
def fading(tmp_path_factory) -> Path:
    """A plain network, whose gradient vanishes, in two layers; not to be changed."""
    from throughtime.cli.main import main

    place = tmp_path_factory.mktemp("flow")
    (place / "long.txt").write_text(LONG, encoding="utf-8")
    more = ["--num-layers", "2", "--seq-len", "40", "--quiet", "--json"]
    assert main(["train", str(place / "long.txt"), "--out", str(place / "run"), *PLAIN, *more]) == 0
    return place / "run"


def test_flow_json_has_the_flow_and_the_findings(cli, fading):
    result = cli("flow", fading, "--json", "--max-lag", "60", "--origins", "4")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    expected = diagnose(tt.load(fading), max_lag=60, origins=4)
    assert {"lags", "norms", "half_life", "horizon", "censored", "findings"} <= found.keys()
    assert found["lags"] == list(range(61))
    assert found["norms"] == expected.flow.record()["norms"]
    assert found["half_life"] == expected.flow.half_life
    assert (found["horizon"], found["censored"]) == (int(expected.flow.horizon()), False)
    assert [each["name"] for each in found["findings"]] == ["vanishing"]
    assert found["findings"][0] == expected.findings[0].record()
    assert found["truncation"] == "chunk:40"
    assert found["left_out"] == expected.evidence.lost > expected.flow.mass_beyond(39)
    assert found["mean_lag"] == expected.flow.mean_lag
    assert found["text"] == "the held-out part of long.txt"
    assert found["conditions"][1]["must_vanish"] is expected.flow.conditions[1].must_vanish
    assert len(found["lyapunov_exponents"]) == 3
    assert found["jacobian_chain"] == {
        "lags": [1, 2, 5, 10, 20, 50, 100],
        "log_largest_singular_value": list(expected.chain.values()),
    }


def test_flow_prints_curves_measures_and_findings(cli, fading):
    result = cli("flow", fading)
    assert (result.code, result.err) == (0, "")
    found = diagnose(tt.load(fading))
    lines = result.out.splitlines()
    assert lines[0] == f"{fading}: rnn_tanh 2 x 12, 40 updates, truncation chunk:40"
    assert lines[1].startswith("Measured on the held-out part of long.txt: the losses of ")
    heads = [line for line in lines if line.startswith("lag ")]
    assert [head[-7:] for head in heads] == ["layer 1", "layer 0"]
    rows = lines[lines.index(heads[0]) + 1 : lines.index(heads[1]) - 1]
    assert [int(row.split()[0]) for row in rows] == [0, 1, 2, 5, 10, 20, 50, 100]
    relative = found.flow.curve().relative
    assert [row.split()[1] for row in rows] == [f"{relative[int(row.split()[0])]:.3g}" for row in rows]
    bars = [row.count("#") for row in rows]
    assert bars[0] == 48
    assert bars == sorted(bars, reverse=True)
    assert bars[1] == round(48 * (1 + np.log10(relative[1]) / 6))
    for label in (
        "half-life",
        "horizon",
        "truncation",
        "weights 0",
        "weights 1",
        "units 1",
        "Jacobians",
        "Lyapunov",
        "underflow",
    ):
        assert sum(line.startswith(label) for line in lines) == 1, label
    assert f"horizon     {found.flow.horizon()} lags hold 99%" in result.out
    assert "PROBLEM: vanishing" in lines
    assert lines[-1] == f"    {found.findings[0].command}"
    assert max(len(line) for line in lines[2:-1]) <= 88


def test_flow_of_a_healthy_run_says_so(cli, trained, corpus):
    result = cli("flow", trained, corpus)
    assert result.code == 0
    assert "Nothing stands out" in result.out
    (units,) = (line for line in result.out.splitlines() if line.startswith("units"))
    assert [word for word in units.split() if len(word) == 1] == ["i", "f", "g", "o"]
    assert "weights" not in result.out


def test_flow_without_a_gradient_has_a_finding_and_no_curve(cli, fading, corpus, monkeypatch):
    def load(path):
        run = tt.load(path)
        run.model.params["readout.weight"][...] = 0
        return run

    monkeypatch.setattr("throughtime.training.run.load", load)
    result = cli("flow", fading)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[3] == "PROBLEM: no-gradient"
    assert json.loads(cli("flow", fading, "--json").out)["half_life"] is None


def test_flow_quiet_prints_the_findings_alone(cli, fading, trained, corpus):
    assert cli("flow", fading, "--quiet").out.startswith("PROBLEM: vanishing\n")
    assert cli("flow", trained, corpus, "--quiet").out.startswith("Nothing stands out")


def test_flow_html_writes_the_run_s_report_with_this_flow(cli, fading, trained, corpus, tmp_path):
    result = cli("flow", fading, "--html", "flow.html", "--max-lag", "61")
    assert result.out.endswith("\nThe report lies in flow.html.\n")
    page = (tmp_path / "flow.html").read_text()
    found = diagnose(tt.load(fading), max_lag=61)
    assert escape(found.findings[0].evidence) in page
    assert f"horizon {found.flow.horizon()}<" in page
    assert '<th scope="row">61</th>' in page
    assert "<dd>on the held-out part of long.txt, with the weights after update " in page
    for said in (
        "What the weights allow: layer 0 (bottom)",
        "Lyapunov exponents",
        "over 50 steps ",
        "too small",
    ):
        assert said in page
    assert json.loads(cli("flow", trained, corpus, "--html", "a.html", "--json").out)["html"] == "a.html"


@pytest.mark.parametrize("place", ["", ".", "missing/flow.html", "text.txt/flow.html", "/dev/null"])
def test_flow_refuses_a_page_that_cannot_be_written_before_it_measures(
    place, cli, trained, corpus, monkeypatch
):
    def diagnose(*arguments):
        raise AssertionError("it measures")

    monkeypatch.setattr("throughtime.training.diagnosis.diagnose", diagnose)
    result = cli("flow", trained, "--html", place)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"throughtime: --html is {place!r}, ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("text", ["the", "the s"])
def test_flow_of_a_text_that_is_too_short_claims_no_health(cli, trained, tmp_path, text):
    (tmp_path / "tiny.txt").write_text(text)
    for how in ([], ["--quiet"]):
        result = cli("flow", trained, "tiny.txt", "--html", "a.html", *how)
        assert result.code == 0
        assert "Too short to tell" in result.out
        assert "Give a longer text" in " ".join(result.out.split())
        assert "Nothing stands out" not in result.out
    page = (tmp_path / "a.html").read_text()
    assert "Too short to tell" in page
    assert "no illness" not in page


def test_flow_help_says_which_text_is_measured(cli):
    said = " ".join(cli("flow", "--help").out.split())
    assert "on the text that the run held out. Where that is too short, or nothing was held out" in said


def test_flow_tells_what_it_leaves_out_of_a_directory(cli, trained, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(TEXT)
    (tmp_path / "texts" / "b.bin").write_bytes(bytes(range(256)))
    result = cli("flow", trained, "texts")
    assert result.code == 0
    assert "left out, as no text:" in result.err


def test_flow_reads_another_text_and_standard_input(cli, trained, corpus, monkeypatch):
    from_file = json.loads(cli("flow", trained, corpus, "--json").out)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    from_stdin = json.loads(cli("flow", trained, "-", "--json").out)
    assert from_file["norms"] == from_stdin["norms"]
    assert (from_file["text"], from_stdin["text"]) == ("text.txt", "stdin")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "nowhere does not exist; expected a run directory."),
        (["RUN", "nowhere.txt"], "nowhere.txt does not exist; expected a text file."),
        (["RUN", "--max-lag", "1"], "--max-lag is 1; expected a whole number of at least 2."),
        (["RUN", "--origins", "0"], "--origins is 0; expected a whole number of at least 1."),
        ([], "RUN is missing; expected a run directory of throughtime train."),
    ],
)
def test_flow_refuses_bad_input_in_one_line(cli, trained, arguments, line):
    result = cli("flow", *(str(trained) if word == "RUN" else word for word in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"throughtime: {line}")
    assert result.err.count("\n") == 1


def test_flow_of_a_run_whose_text_is_gone_asks_for_one(cli, fading, tmp_path):
    copy = shutil.copytree(fading, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    config["corpus"] |= {"tokens_key": None, "files": None, "name": "stdin"}
    (copy / "config.json").write_text(json.dumps(config))
    result = cli("flow", copy)
    assert result.code == 2
    assert "was trained on stdin, which cannot be read again; expected a text to measure on." in result.err


NETWORKS = {
    "vanishing tanh": (plain("tanh", orthogonal(0.3)), {}),
    "vanishing again": (plain("tanh", orthogonal(0.3)), {"init": "weight_hh=orthogonal"}),
    "vanishing sigmoid": (plain("sigmoid"), {}),
    "vanishing relu": (plain("relu"), {}),
    "exploding": (plain("relu", 1.5 * np.eye(16), 1.0), {}),
    "exploding clipped": (plain("relu", 1.5 * np.eye(16), 1.0), {"clip": "norm"}),
    "saturated": (plain("tanh", orthogonal(), 4.0), {}),
    "dead": (plain("relu", orthogonal(), -50.0), {}),
    "shut f": (gated(tt.LSTM, "f", -4.0), {}),
    "shut z": (gated(tt.GRU, "z", -5.0), {}),
    "too short": (gated(tt.LSTM, "f", 3.0), {"truncation": "chunk:5"}),
    "too long": (gated(tt.LSTM), {"truncation": "chunk:100"}),
    "window too long": (gated(tt.LSTM), {"truncation": "window:60"}),
    "always clipped": (gated(tt.LSTM), {"clip": "norm", "theta": 0.01, "clipped_share": 1.0}),
    "spikes": (gated(tt.GRU), {"grad_norms": np.r_[np.full(300, 0.4), np.full(10, 40.0)]}),
}


@pytest.mark.parametrize("place", ["file", "no options", "spelled out"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_command_is_a_call_of_train_that_is_in_order(name, place, cli, corpus, monkeypatch):
    layer, known = NETWORKS[name]
    flow = flow_of(layer)
    given = {"truncation": "chunk:50", **known}
    if place != "no options":
        rnn = "rnn" if flow.cell.name.startswith("rnn") else flow.cell.name
        options = {
            "files": [str(corpus)],
            "cell": rnn,
            "hidden-size": 16,
            "batch-size": 4,
            "seed": 0,
            "tied": False,
        }
        options |= {"nonlinearity": flow.cell.name[4:]} if rnn == "rnn" else {}
        if place == "spelled out" and "truncation" not in known:
            options["seq-len"] = 50
        else:
            options["truncation"] = given["truncation"]
        Path("options.toml").write_text(
            "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
        )
        given |= {"options": options, "options_file": "options.toml"}
    (found,) = find(Evidence(flow, facts(**given)))
    assert found.command is not None
    program, verb, *words = shlex.split(found.command)
    assert (program, verb) == ("throughtime", "train")
    reached = []

    def fit(*arguments, **settings):
        reached.append(settings)
        raise tt.ArgumentError("in order")

    monkeypatch.setattr("throughtime.training.fit.fit", fit)
    words = [str(corpus) if word == "FILE" else word for word in words]
    result = cli("train", *words, "--quiet", "--out", "new")
    assert result.err == "throughtime: in order\n"
    assert len(reached) == 1


@pytest.mark.parametrize("explicit", [[], ["--nonlinearity", "tanh"]])
def test_a_real_run_s_command_is_in_order(explicit, cli, corpus, monkeypatch):
    how = ["--init", "weight_hh=orthogonal", "--truncation", "chunk:60", "--omega", "0", "--max-steps", "2"]
    assert cli("train", corpus, *PLAIN[:-2], *how, *explicit, "--out", "run", "--quiet").code == 0
    run = tt.load("run")
    run.model.params["rnn.weight_hh_l0"] *= np.float32(0.3)
    (found,) = diagnose(run, LONG).findings
    assert found.name == "vanishing"
    assert ("--config run/options.toml" in found.command) is not bool(explicit)
    monkeypatch.setattr("throughtime.training.fit.fit", _refuse)
    words = shlex.split(found.command)[2:]
    result = cli("train", *words, "--quiet")
    assert result.err == "throughtime: lstm, bias_f=1, Chunk(k1=60, k2=60), 4\n"


def _refuse(model, corpus, **settings):
    what = model.settings["cell"], model.settings["init"], settings["truncation"], settings["batch_size"]
    raise tt.ArgumentError(", ".join(map(str, what[:2])) + f", {what[2]!r}, {what[3]}")


def test_every_command_is_tried_for_a_network_that_train_can_make():
    assert find(Evidence(flow_of(linear(orthogonal(1.5)))))[0].command is None
