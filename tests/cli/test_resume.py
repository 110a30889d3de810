import json
import os
import signal
import time

import pytest
from tests.cli.conftest import SMALL

from throughtime.networks.language_model import LanguageModel

OPTIONS = ["--max-steps", "12", "--eval-every", "4", "--cell", "gru", "--clip-norm", "auto", *SMALL]


@pytest.fixture
def stop_at(monkeypatch):
    """Send this process a signal during an update."""

    def arrange(number: int, sent: signal.Signals = signal.SIGINT) -> None:
        original, calls = LanguageModel.bptt, []

        def stopped(self, *arguments, **options):
            calls.append(1)
            if len(calls) == number:
                os.kill(os.getpid(), sent)
            return original(self, *arguments, **options)

        monkeypatch.setattr(LanguageModel, "bptt", stopped)

    return arrange


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_train_interrupted_says_how_to_go_on(sent, code, cli, corpus, stop_at):
    stop_at(6, sent)
    result = cli("train", corpus, "--out", "my run", "--quiet", *OPTIONS)
    go_on = "throughtime train --resume --out 'my run'"
    line = f"throughtime: interrupted at step 6; the run so far lies in my run. Go on with: {go_on}\n"
    assert result == (code, "", line)
    assert cli("generate", "my run", "--length", 5).code == 0


def test_train_interrupted_before_it_began_names_no_run(cli, corpus, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("throughtime.training.fit.prepare", interrupted)
    result = cli("train", corpus, "--out", "run", "--quiet", *SMALL)
    assert result == (130, "", "throughtime: interrupted\n")


@pytest.mark.parametrize("files", [[], ["text.txt"]], ids=["the run's files", "files given"])
def test_a_resumed_run_ends_as_one_never_stopped(files, cli, corpus, stop_at, tmp_path):
    whole = cli("train", corpus, "--out", "whole", "--json", *OPTIONS)
    stop_at(6)
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 130
    result = cli("train", *files, "--resume", "--out", "run", "--json")
    assert result.code == 0
    assert "going on after step 6" in result.err
    one, two = json.loads(whole.out), json.loads(result.out)
    assert two["resumed_step"] == 6
    for name in ("steps", "tokens", "train_loss", "val_loss", "best_step", "clipped_share"):
        assert one[name] == two[name], name
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")]
    assert weights[0] == weights[1]


def test_a_finished_run_goes_on_for_longer(cli, corpus, tmp_path):
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 0
    before = (tmp_path / "run" / "options.toml").read_bytes()
    found = json.loads(cli("train", "--resume", "--out", "run", "--max-steps", 15, "--json").out)
    assert (found["resumed_step"], found["steps"]) == (12, 15)
    assert (tmp_path / "run" / "options.toml").read_bytes() != before
    assert "max-steps = 15" in (tmp_path / "run" / "options.toml").read_text(encoding="utf-8")


def test_a_finished_run_says_so_when_it_is_to_go_on(cli, corpus):
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 0
    result = cli("train", "--resume", "--out", "run")
    line = "The run had come to its end, after 12 steps. To train longer, raise --epochs or --max-steps."
    assert result.out.splitlines()[0] == line


@pytest.mark.parametrize(
    ("option", "limit", "name"), [("--max-steps", 5, "--max-steps"), ("--epochs", 1, "--epochs")]
)
def test_a_finished_run_that_is_to_be_shorter_says_that_it_is_longer(option, limit, name, cli, corpus):
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 0
    result = cli("train", "--resume", "--out", "run", option, limit)
    most = limit if option == "--max-steps" else 11
    line = f"The run has made 12 steps already, more than the {most} that {name} asks for: nothing was done. "
    assert result.out.startswith(f"{line}To train longer, raise {name}.\n")


@pytest.mark.parametrize("damage", [b"\xff", b"=", None], ids=["no UTF-8", "no TOML", "lost"])
def test_a_run_goes_on_without_its_options(damage, cli, corpus, tmp_path):
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 0
    file = tmp_path / "run" / "options.toml"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage + file.read_bytes()[1:])
    result = cli("train", "--resume", "--out", "run", "--max-steps", 14, "--quiet")
    line = "run/options.toml is damaged; expected the options of the run. It is left as it is: the run goes by its config.json.\n"
    assert (result.code, result.err) == (0, "" if damage is None else line)


def test_options_are_there_as_soon_as_a_run_can_be_taken_up(cli, corpus, tmp_path, monkeypatch):
    def killed(path, config):
        raise KeyboardInterrupt

    with monkeypatch.context() as before_it_begins:
        before_it_begins.setattr("throughtime.training.fit.save_config", killed)
        assert cli("train", corpus, "--out", "run", *OPTIONS).code == 130
    assert (tmp_path / "run" / "options.toml").exists()
    assert cli("train", corpus, "--out", "run", *OPTIONS).code == 0  # it had not begun


def test_a_second_signal_still_says_how_to_go_on(cli, corpus, monkeypatch):
    def torn(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "bptt", torn)
    result = cli("train", corpus, "--out", "run", "--quiet", *OPTIONS)
    assert result.code == 130
    assert result.err.startswith("throughtime: interrupted; the run so far lies in run. Go on with: ")
    assert result.err.endswith(" train --resume --out run\n")


def test_sigterm_while_the_arguments_are_read_ends_in_one_line(cli, monkeypatch):
    def stopped(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("throughtime.cli.config._table", stopped)
    assert cli("train", "--config", "my.toml") == (143, "", "throughtime: terminated\n")


def test_sigterm_before_training_ends_in_one_line(cli, corpus, monkeypatch):
    def stopped(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("throughtime.training.fit.prepare", stopped)
    assert cli("train", corpus, "--out", "run", "--quiet", *SMALL) == (143, "", "throughtime: terminated\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_resumed_run_goes_on_in_its_tensorboard(cli, corpus, tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'throughtime[tensorboard]'")
    assert cli("train", corpus, "--out", "run", "--tensorboard", *OPTIONS).code == 0
    assert cli("train", "--resume", "--out", "run", "--max-steps", 13).code == 0
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 2


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--lr", "0.1"], "--lr"),
        (["--json", "--hidden-size", "8"], "--hidden-size"),
        (["--input", "onehot"], "--input"),
        (["--tied"], "--tied"),
        (["--seed", "3", "--hidden-size", "64"], "--hidden-size, --seed"),
        (["--seed", "0"], "--seed"),  # its default, and still said
    ],
)
def test_resume_refuses_settings_that_the_run_has(option, named, cli, trained):
    result = cli("train", "--resume", "--out", trained, *option)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert (
        f"{named} found with --resume; expected no setting that the run has already; these can change: --checkpoint-every, "
        "--epochs, --flow-every, --keep-checkpoints, --max-steps, --on-incident, --patience, --threads."
        in result.err
    )


def test_resume_refuses_a_configuration(cli, trained, tmp_path):
    (tmp_path / "my.toml").write_text("lr = 1.0")
    assert (
        "--config found with --resume"
        in cli("train", "--resume", "--out", trained, "--config", "my.toml").err
    )


def test_resume_without_a_run_is_refused(cli, tmp_path):
    alone = cli("train", "--resume")
    assert alone == (
        2, "", "throughtime: --resume found alone; expected the run to go on with. Add --out RUN.\n",
    )  # fmt: skip
    assert (
        "nowhere does not exist; expected a run directory" in cli("train", "--resume", "--out", "nowhere").err
    )
    assert "holds no config.json; expected a run directory" in cli("train", "--resume", "--out", tmp_path).err
    assert list(tmp_path.iterdir()) == []


def test_resume_with_another_text_is_refused(cli, trained, tmp_path):
    (tmp_path / "other.txt").write_text("another text, and quite another one. " * 40, encoding="utf-8")
    result = cli("train", "other.txt", "--resume", "--out", trained)
    assert result.code == 2
    assert "is not the text that" in result.err
