"""All peers of a row, each in a process of its own, in turn, round after round."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from benchmarks.peers import PEERS, environment
from benchmarks.rows import BEST, PEAK, Row


def run_module(module: str, *arguments: str, threads: int = 1) -> dict[str, Any]:
    """The JSON object that `python -m module` prints last; `{"unavailable": reason}` if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment(threads),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return {"unavailable": f"failed: {lines[-1]}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Contestant:
    """A peer in a process of its own, made ready for a task, that is timed whenever it is its turn."""

    def __init__(self, peer: str, task: str, seconds: float) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # it is closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.timing", peer, task, "--seconds", str(seconds), "--turns"],
            env=environment(PEERS[peer].threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.ready = self._hear()

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.__exit__(None, None, None)  # its pipes are closed, which ends it, and it is waited for
        self._errors.close()

    def turn(self) -> dict[str, Any]:
        """What was measured, or why nothing can be."""
        if "unavailable" in self.ready:
            return self.ready
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # a library may have something to say, too
                found: dict[str, Any] = json.loads(line)
                return found
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines() or [f"ended with {self._process.returncode}"]
        self.ready = {"unavailable": f"failed: {lines[-1]}"}
        return self.ready


def time_row(
    row: Row, rounds: int, seconds: float, on_peer: Callable[[str], None] = lambda peer: None
) -> dict[str, Any]:
    """Make everyone ready, then let them take turns."""
    contestants: dict[str, Contestant] = {}
    peers = (*row.peers, *row.ceilings)
    with ExitStack() as stack:
        for peer in peers:
            on_peer(peer)
            contestants[peer] = stack.enter_context(Contestant(peer, row.task, seconds))
        turns = [{peer: one.turn() for peer, one in contestants.items()} for _ in range(rounds)]
    return summarise(row, {peer: [turn[peer] for turn in turns] for peer in peers})


def summarise(row: Row, found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians over the rounds, and ratios within each: so they hold while the machine's speed drifts."""
    peers: dict[str, dict[str, Any]] = {}
    for peer, measured in found.items():
        unavailable = next((one["unavailable"] for one in measured if "unavailable" in one), None)
        if unavailable is not None:
            peers[peer] = {"unavailable": unavailable}
            continue
        times = [one["milliseconds"] for one in measured]
        peers[peer] = {
            "milliseconds": statistics.median(times),
            "rounds": times,
            "settings": measured[0]["settings"],
        }
    ours = peers[row.ours].get("rounds", [])
    for peer, entry in peers.items():
        if peer != row.ours and ours and "rounds" in entry:
            ratios = [theirs / own for own, theirs in zip(ours, entry["rounds"], strict=True)]
            entry |= {"ratio": statistics.median(ratios), "ratios": ratios}
    ceilings = {peer: peers.pop(peer) for peer in row.ceilings if peer in peers}
    found = {"name": row.name, "meaning": row.meaning, "ours": row.ours, "peers": peers}
    return found | ({"products_each": best_ratios(ceilings)} if ours and ceilings else {})


def best_ratios(ceilings: dict[str, dict[str, Any]]) -> list[float]:
    """The faster library's square product as a share of our step, round by round; empty where there is none."""
    return [
        min(round_)
        for round_ in zip(*(one["ratios"] for one in ceilings.values() if "ratios" in one), strict=True)
    ]


def best_peer(found: dict[str, Any]) -> str | None:
    """The other peer that our time is compared with most strictly: of the least ratio."""
    ratios = {peer: entry["ratio"] for peer, entry in found["peers"].items() if "ratio" in entry}
    return min(ratios, key=lambda peer: ratios[peer], default=None)


def judge(row: Row, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Each mark of a row beside what was found; `found` None where it cannot be told."""
    verdicts = []
    for mark in row.marks:
        against = best_peer(found) if mark.against == BEST else mark.against
        if mark.against == PEAK:
            value = found.get("roofline", {}).get("share_of_peak")
        else:
            value = found["peers"].get(against, {}).get("ratio")
        verdicts.append(
            {
                "against": mark.against,
                "peer": against,
                "at_least": mark.at_least,
                "found": value,
                "reached": None if value is None else value >= mark.at_least,
            }
        )
    return verdicts
