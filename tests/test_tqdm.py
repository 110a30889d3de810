import contextlib
import io

import pytest

import throughtime as tt
from throughtime.training.events import (
    Evaluated,
    Finished,
    IncidentMet,
    Noticed,
    Probed,
    Started,
    Step,
    Stopped,
)

pytest.importorskip("tqdm", reason="needs tqdm: pip install 'throughtime[tqdm]'")

from throughtime.tqdm import Progress

STOPPED = Stopped(4, "interrupted", False, None)


class Bar:
    """What a bar is told."""

    def __init__(self, **arguments):
        self.arguments, self.n = arguments, arguments["initial"]
        self.seen, self.postfix, self.shown, self.closed = [], {}, [], 0

    def update(self, n):
        self.n += n
        self.seen.append(self.n)

    def set_postfix(self, postfix, refresh):
        assert not refresh  # it would draw the bar at every update
        self.postfix = postfix

    def refresh(self):
        self.shown.append(self.postfix)

    def close(self):
        self.closed += 1


@pytest.fixture
def bars():
    return []


@pytest.fixture
def callback(bars):
    def bar(**arguments):
        bars.append(Bar(**arguments))
        return bars[-1]

    return Progress(bar, desc="GRU")


def hear(callback, *events):
    for event in events:
        callback(event)


def started(resumed=0, bits=True):
    return Started(None, "a text", "gru, 1 layer of 8", 123, 900, 100, 40, 4, bits, resumed)


def step(n, loss=2.0, lr=1e-3):
    return Step(n, 40, 1, 40 * n, loss, 0.5, False, lr, 1000.0, 1.0)


def evaluated(n, bits_per_char=2.16):
    return Evaluated(n, 1.5, 4.4817, bits_per_char, True, 1e-3)


def probed(n, censored=False):
    return Probed(n, {"horizon": 37, "censored": censored, "half_life": 2.5})


FINISHED = Finished(40, 1600, 1.0, 40, None, None, None, 1.0, 1.0, 0.0, None, None, None, None, 0, None)


def test_progress_counts_the_updates(callback, bars):
    hear(callback, started(), step(1), step(2), step(3))
    (bar,) = bars
    assert bar.arguments == {"total": 40, "initial": 0, "unit": "step", "desc": "GRU"}
    assert bar.seen == [1, 2, 3]
    assert not bar.closed


def test_progress_tells_the_loss_and_the_learning_rate(callback, bars):
    hear(callback, started(), step(1), step(2, loss=1.0, lr=2.5e-4))
    assert bars[0].postfix == {"loss": "1.500", "lr": "0.00025"}  # the mean of few batches


def test_progress_shows_validation_and_horizon_at_once(callback, bars):
    hear(callback, started(), step(1), evaluated(1), probed(1))
    first, second = bars[0].shown
    assert first == {"loss": "2.000", "bits/char": "2.160", "lr": "0.001"}
    assert second == first | {"horizon": "37"}
    assert list(second) == ["loss", "bits/char", "lr", "horizon"]


def test_progress_tells_perplexity_where_there_are_no_bits(callback, bars):
    hear(callback, started(bits=False), step(1), evaluated(1, None), probed(1, censored=True), step(2))
    assert bars[0].postfix == {"loss": "2.000", "perplexity": "4.482", "lr": "0.001", "horizon": ">=37"}


def test_progress_knows_nothing_before_the_first_update(callback, bars):
    hear(callback, started(), probed(0))
    assert bars[0].shown == [{}]
    hear(callback, step(1))
    assert bars[0].postfix["horizon"] == "37"


def test_progress_begins_at_the_step_of_a_resumed_run(callback, bars):
    hear(callback, started(resumed=30), step(31))
    assert bars[0].arguments["initial"] == 30
    assert bars[0].seen == [31]


def test_progress_moves_back_with_a_rollback(callback, bars):
    incident = IncidentMet(4, "loss is NaN", "rollback", None)
    hear(callback, started(), step(1), step(2), step(3), incident, step(2), step(3))
    assert bars[0].seen == [1, 2, 3, 2, 3]


@pytest.mark.parametrize("end", [FINISHED, STOPPED])
def test_progress_closes_at_the_end(callback, bars, end):
    hear(callback, started(), step(1), end)
    assert bars[0].closed == 1
    callback.close()
    assert bars[0].closed == 1


def test_progress_begins_afresh_with_another_training(callback, bars):
    hear(callback, started(), step(1, loss=9.0), probed(1), started(), step(1))
    first, second = bars
    assert first.closed == 1
    assert second.postfix == {"loss": "2.000", "lr": "0.001"}


# ---------------------------------------------------------------- on tqdm's own bar


def test_progress_draws_on_the_file_it_is_given(capfd):
    file = io.StringIO()
    hear(Progress(file=file, mininterval=0), started(), step(1), evaluated(1), step(20), STOPPED)
    last = file.getvalue().rstrip().rpartition("\r")[2]
    assert "20/40" in last
    assert "loss=2.000, bits/char=2.160, lr=0.001" in last
    assert capfd.readouterr() == ("", "")


def test_progress_leaves_nothing_if_asked(capfd):
    file = io.StringIO()
    hear(Progress(file=file, leave=False), started(), step(40), FINISHED)
    assert file.getvalue().rpartition("\r")[0].endswith(" ")  # overwritten with spaces


def test_progress_goes_back_on_tqdms_own_bar():
    callback = Progress(file=io.StringIO())
    hear(callback, started(), step(1), step(30), step(7))
    assert callback._bar.n == 7
    callback.close()


def test_progress_writes_what_one_should_know_above_the_bar():
    file = io.StringIO()
    skip, stop = (IncidentMet(2, "loss is NaN", action, None) for action in ("skip", "stop"))
    hear(Progress(file=file), Noticed("early"), started(), step(1), Noticed("cut"), skip, stop, STOPPED)
    lines = [line.rpartition("\r")[2].rstrip() for line in file.getvalue().splitlines()]
    assert [line for line in lines if line and "/40" not in line] == [
        "early",
        "cut",
        "step 2, the update is left out: loss is NaN",
    ]


def test_progress_is_silent_when_disabled(capfd):
    file = io.StringIO()
    for given in ({"file": file}, {}):
        incident = IncidentMet(2, "loss is NaN", "skip", None)
        hear(
            Progress(disable=True, **given),
            started(),
            step(1),
            evaluated(1),
            Noticed("cut"),
            incident,
            STOPPED,
        )
    assert file.getvalue() == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_progress_draws_with_rich(capfd):
    from tqdm.rich import tqdm

    hear(Progress(tqdm), started(), step(20), evaluated(20), step(10), step(40), FINISHED)
    assert "40/40" in capfd.readouterr().out


# ---------------------------------------------------------------- with a training


CONTENT = "to be or not to be " * 30


def fit(callbacks, **settings):
    tokenizer = tt.Tokenizer.train(CONTENT)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    return tt.fit(model, CONTENT, tokenizer=tokenizer, batch_size=2, callbacks=callbacks, **settings)


def test_progress_hears_a_training_and_its_resumption(tmp_path, callback, bars):
    fit([callback], max_steps=3, out=tmp_path / "run")
    tt.resume(tmp_path / "run", CONTENT, max_steps=5, callbacks=[callback])
    assert [bar.seen for bar in bars] == [[1, 2, 3], [4, 5]]
    assert [bar.closed for bar in bars] == [1, 1]
    assert bars[0].shown[-1].keys() >= {"loss", "bits/char", "lr"}


def test_progress_is_closed_by_a_training_that_diverges(callback, bars):
    with pytest.raises(tt.DivergedError):
        fit([callback], max_steps=30, optimizer=tt.SGD(1e4), clip=None)
    assert bars[0].closed == 1


def test_progress_closes_with_its_context_on_any_error(callback, bars):
    def fill_the_disk(event):
        if isinstance(event, Step):
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), contextlib.closing(callback):
        fit([callback, fill_the_disk], max_steps=3)
    assert bars[0].closed == 1


def test_fit_without_callbacks_prints_nothing(tmp_path, capfd):
    fit([], max_steps=3, eval_every=1, flow_every=1, out=tmp_path / "run")
    tt.resume(tmp_path / "run", CONTENT, max_steps=4)
    assert capfd.readouterr() == ("", "")
