"""`throughtime replay`: a training step that went wrong, run again."""

from typing import Annotated

import typer


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory of throughtime train.")],
    incident: Annotated[
        str | None,
        typer.Argument(
            metavar="[INCIDENT]",
            help="One of the run's incidents, as step-00001234 or 1234; without it they are listed.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """Run a training step that went wrong again: where the first bad value arose, and why.

    The step is run with every value checked, from its file in RUN/incidents alone.
    """
    from pathlib import Path

    from throughtime.training.directory import load_config
    from throughtime.training.incidents import find_incident, incidents, load_incident, replay_incident
    from throughtime.training.metrics import to_json

    if incident is not None:
        path = find_incident(run, incident)
        fault = replay_incident(run, path)
        print(to_json({"run": run, "incident": path.stem, **fault.record()}) if as_json else fault)
        return
    load_config(Path(run))
    lines = {path.stem: load_incident(path)[1]["line"] for path in incidents(run)}
    if as_json:
        found = [{"incident": name, "line": line} for name, line in lines.items()]
        print(to_json({"run": run, "incidents": found}))
        return
    for name, line in lines.items():
        print(f"{name}  {line}")
    if not lines:
        print(f"{run} met no incident.")
