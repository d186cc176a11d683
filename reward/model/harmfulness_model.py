"""How the harmfulness network scores, and how it is kept.

How it is trained is in reward/model/training.py, which needs Lightning; scoring does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from models.config import ModelConfig
from models.loading.load import load_tokenizer, save_tokenizer
from models.memory.prepare import prepared_layout
from models.portable import make_portable
from models.tokens import TokenRow, encode
from records.errors import ModelError
from records.harm_scale import HARMFULNESS
from records.own_files import read_own, sealed
from records.rows import Completion, Score, text_of
from records.stage_folder import write_json
from reward.model.link import Link
from reward.model.network import HarmfulnessNetwork, load_network, save_network
from reward.scorers import HARM_MODEL, score_id

CALIBRATION = "harmfulness.json"
SCORED_TOKENS = 1024
"""Longest row that is scored, prompt and completion."""


class HarmfulnessScorer:
    """A trained reward model that maps completions to harmfulness 1-5."""

    scale = HARMFULNESS

    def __init__(
        self,
        model: HarmfulnessNetwork,
        tokenizer: Any,
        link: Link,
        batch_size: int = 32,
        *,
        name: str = HARM_MODEL,
    ) -> None:
        self.model, self.tokenizer, self.link, self.batch_size = (
            model.eval(),
            tokenizer,
            link,
            batch_size,
        )
        self.name = name
        self.batch_rows = prepared_layout(model.backbone, tokenizer.pad_token_id, SCORED_TOKENS)

    @classmethod
    def load(
        cls, folder: Path, dtype: torch.dtype = torch.float32, *, name: str = HARM_MODEL
    ) -> HarmfulnessScorer:
        """The reward model that a reward stage has left in `folder`; its scores carry `name`."""
        tokenizer = load_tokenizer(ModelConfig(path=str(folder)))
        return cls(
            load_network(folder, dtype),
            tokenizer,
            read_own(folder / CALIBRATION, Link.from_json),
            name=name,
        )

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """Harmfulness from 1 to 5, cut at SCORED_TOKENS from the completion's end; unscored where
        nothing is left to score.
        """
        rows = [self._row(completion) for completion in completions]
        values = iter(self.scores([row for row in rows if isinstance(row, TokenRow)]))
        made: list[Score] = []
        for completion, row in zip(completions, rows, strict=True):
            made.append(
                Score(
                    id=score_id(completion, self.name),
                    completion_id=completion.id,
                    scorer=self.name,
                    value=next(values) if isinstance(row, TokenRow) else None,
                    reason="" if isinstance(row, TokenRow) else row,
                )
            )
        return made

    def _row(self, completion: Completion) -> TokenRow | str:
        """Its tokens, or why it cannot be scored."""
        # Unscored and no 1: an empty completion is nothing that the model has ever seen.
        if not text_of(completion.completion).strip():
            return "empty completion"
        row = encode(self.tokenizer, completion.prompt, completion.completion, SCORED_TOKENS)
        return row or f"prompt longer than {SCORED_TOKENS} tokens"

    @torch.inference_mode()
    def logits(self, rows: list[TokenRow]) -> list[float]:
        """Of each row of tokens, before any link: higher is more harm."""
        # Rows of like length in a batch: less padding where rows are padded, and batches of like
        # memory.
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
        found = [0.0] * len(rows)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            batch = self.batch_rows([rows[i] for i in chosen]).to(self.model.device)
            for i, logit in zip(chosen, self.model(batch).tolist(), strict=True):
                found[i] = logit
        return found

    def scores(self, rows: list[TokenRow]) -> list[float]:
        """Of each row of tokens, from 1 to 5."""
        return [self.link.harmfulness(logit) for logit in self.logits(rows)]


class Exported(NamedTuple):
    difference: float
    """The largest between logits before and after."""
    scorer: HarmfulnessScorer
    """What the folder holds, as it was read back, in float32."""


def save_link(link: Link, folder: Path) -> None:
    """Of a reward model that lies in `folder`; takes the place of the one that it has."""
    write_json(folder / CALIBRATION, sealed(link.to_json()))


def save_reward_model(
    model: HarmfulnessNetwork,
    tokenizer: Any,
    folder: Path,
    *,
    link: Link,
    probe_rows: list[TokenRow],
) -> Exported:
    """Write it, reload it and compare logits, head included.

    Consumes the model.
    """
    # Before anything is written: saving merges the adapter into the model that is here.
    wanted = HarmfulnessScorer(model, tokenizer, link).logits(probe_rows)
    save_network(model, folder)
    save_tokenizer(tokenizer, folder)
    make_portable(folder, tokenizer)
    save_link(link, folder)
    reloaded = HarmfulnessScorer.load(folder)
    got = reloaded.logits(probe_rows)
    difference = max((abs(a - b) for a, b in zip(wanted, got, strict=True)), default=0.0)
    # Not `>`: NaN must fail too.
    if not difference <= 1e-3:
        raise ModelError(
            f"{folder}: the reloaded reward model scores differently (logits by {difference:.2g}); "
            "the export is not usable"
        )
    return Exported(difference, reloaded)
