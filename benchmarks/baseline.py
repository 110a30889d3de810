"""Ratios of ratios: how a row stands beside a saved measurement, whatever machine or day each comes from.

A time says little on another day. A ratio to a peer that ran in turn with us says more, and where that ratio fell by more
than both measurements scatter, we got slower (or the peer faster: compare the versions that both files name).
"""

from typing import Any

LEAST_ROUNDS = 2  # of one round nobody knows how it scatters


def compare_rows(rows: list[dict[str, Any]], baseline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each row of both: our speed beside each peer's, now over then.

    Returns
    -------
    list of dict
        name; change by peer, below 1 where we fell behind; slower: whether all peers that ran in several rounds of both
        say so beyond their scatter.
    """
    before = {row["name"]: row["peers"] for row in baseline}
    found = []
    for row in rows:
        changes, verdicts = {}, []
        for peer, entry in row["peers"].items():
            then = before.get(row["name"], {}).get(peer, {})
            if "ratios" not in entry or "ratios" not in then:
                continue
            changes[peer] = entry["ratio"] / then["ratio"]
            if min(len(entry["ratios"]), len(then["ratios"])) >= LEAST_ROUNDS:
                verdicts.append(max(entry["ratios"]) < min(then["ratios"]))
        if changes:
            found.append({"name": row["name"], "change": changes, "slower": bool(verdicts) and all(verdicts)})
    return found
