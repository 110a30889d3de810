"""All peers of a row in turn, round after round, each time in a process of its own."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
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


def time_row(
    row: Row, rounds: int, seconds: float, on_peer: Callable[[int, str], None] = lambda n, peer: None
) -> dict[str, Any]:
    """Time everyone; a peer that cannot run is asked once."""
    found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in row.peers}
    for n in range(rounds):
        for peer, measured in found.items():
            if (peer in row.once and n) or any("unavailable" in one for one in measured):
                continue
            on_peer(n, peer)
            arguments = (peer, row.task, "--seconds", str(seconds))
            measured.append(run_module("benchmarks.timing", *arguments, threads=PEERS[peer].threads))
    return summarise(row, found)


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
            # A peer that ran in the first round alone is paired with that round.
            ratios = [theirs / own for own, theirs in zip(ours, entry["rounds"], strict=False)]
            entry |= {"ratio": statistics.median(ratios), "ratios": ratios}
    return {"name": row.name, "meaning": row.meaning, "ours": row.ours, "peers": peers}


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
