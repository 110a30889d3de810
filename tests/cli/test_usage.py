"""Errors in the use of the command line: each one line, with exit code 2, and nothing done."""

import pytest

ERRORS = {
    "unknown verb": (["evil"], "'evil' found; expected one of train, generate, eval, flow, export, import, compare, task, study, runs, replay, check, article. Did you mean eval? See throughtime --help."),
    "no verb": (["--debug"], "no verb found; expected one of train, generate, eval, flow, export, import, compare, task, study, runs, replay, check, article. See throughtime --help."),
    "unknown option": (["train", "--lrr", "3"], "--lrr is unknown; expected an option of throughtime train. Did you mean --lr? See throughtime train --help."),
    "unlike any option": (["train", "--zzzz"], "--zzzz is unknown; expected an option of throughtime train. See throughtime train --help."),
    "unknown program option": (["--foo"], "--foo is unknown; expected an option of throughtime. See throughtime --help."),
    "wrong choice": (["train", "--cell", "foo"], "--cell is 'foo'; expected one of rnn, lstm, gru. See throughtime train --help."),
    "wrong optional choice": (["train", "--input=foo"], "--input is 'foo'; expected one of onehot, embedding. See throughtime train --help."),
    "wrong choice of an enumeration": (["article", "--lang", "fr"], "--lang is 'fr'; expected one of en, vi. See throughtime article --help."),
    "no number": (["train", "--lr", "abc"], "--lr is 'abc'; expected a number. See throughtime train --help."),
    "no whole number": (["train", "--epochs", "1.5"], "--epochs is '1.5'; expected a whole number. See throughtime train --help."),
    "no value": (["train", "--lr"], "--lr has no value; expected a number. See throughtime train --help."),
    "no text": (["generate", "run", "--prompt"], "--prompt has no value; expected a value. See throughtime generate --help."),
    "a value too many": (["train", "--json=3"], "--json has a value; expected --json alone. See throughtime train --help."),
    "missing argument": (["eval"], "RUN is missing; expected a run directory of throughtime train. See throughtime eval --help."),
    "missing second argument": (["eval", "run"], "FILE is missing; expected a text in UTF-8, also .gz, or a directory of texts. See throughtime eval --help."),
    "an argument too many": (["eval", "a", "b", "c"], "'c' is too much; expected throughtime eval RUN FILE. See throughtime eval --help."),
    "two arguments too many": (["check", "a", "b"], "'a b' is too much; expected throughtime check. See throughtime check --help."),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), ERRORS.values(), ids=ERRORS)
def test_usage_error_is_one_line(arguments, line, cli, tmp_path):
    result = cli(*arguments)
    lines = result.err.splitlines()
    assert lines[-1] == f"throughtime: {line}"
    assert len(lines) == 1 or "--debug" in arguments
    assert (result.code, result.out) == (2, "")
    assert list(tmp_path.iterdir()) == []
