"""Whether a policy training that was cut off can be gone on with: what it has measured, and the
trained tensors of every epoch that it may yet choose, are as they were written."""

from __future__ import annotations

from records.hash_beside import hash_faults
from records.own_files import read_rows
from records.stage_folder import StageDirectory


def unfinished_faults(directory: StageDirectory) -> list[str]:
    """Why the stage has to be begun anew; empty where it has not. Reads every epoch's tensors."""
    if not directory.work.is_dir():
        return []  # there is nothing to go on with
    # Loads numpy, which a run whose stages are all kept does without.
    from eval.results.scoreboard_row import ScoreboardRow  # noqa: PLC0415

    scoreboard = directory.path / "scoreboard.jsonl"
    rows, faults = read_rows(scoreboard, ScoreboardRow.from_json)
    if faults:
        return faults
    folder = directory.work / "epochs"
    measured = [row.epoch for row in rows]
    # An epoch that was killed while it was measured has its tensors, and no row yet.
    wanted = max(len(measured), len(list(folder.glob("epoch-*.safetensors"))))
    if measured != list(range(wanted)):
        return [f"{scoreboard}: wanted a row for each epoch from 0 to {wanted - 1}, got {measured}"]
    found: list[str] = []
    # Epoch 0 is the starting policy, which has no tensors of its own.
    for epoch in measured[1:]:
        found.extend(hash_faults(folder / f"epoch-{epoch}.safetensors"))
    return found
