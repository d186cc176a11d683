"""Texts as vectors of length 1, whose products are cosines."""

# B = texts of a batch, T = tokens, D = the model's hidden size.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from models.config import ModelConfig
from models.loading.broken_files import explained
from models.loading.load import load_model, model_location
from records.errors import ModelError, first_line

MAX_TOKENS = 512
"""What sentence-embedding models are made for; a longer text is embedded by its beginning."""


def embed(
    texts: Sequence[str],
    config: ModelConfig,
    *,
    batch_size: int,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """The mean of a text's last hidden states over its own tokens, scaled to length 1; a row a
    text, in their order.
    """
    return Embedder(config, batch_size=batch_size, device=device)(texts)


class Embedder:
    """A sentence-embedding model that is loaded once and asked often."""

    def __init__(
        self, config: ModelConfig, *, batch_size: int, device: torch.device | str = "cpu"
    ) -> None:
        with explained(config.path):
            self.tokenizer = AutoTokenizer.from_pretrained(
                model_location(config), revision=config.revision
            )
        # Padding is masked in the model and in the mean, so any known token serves.
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.unk_token or self.tokenizer.eos_token
        self.tokenizer.padding_side = "right"  # so that no token's position depends on the batch
        self.path, self.batch_size, self.device = config.path, batch_size, device
        self.model = load_model(config, AutoModel).to(device)
        # A tokenizer whose files name no limit says 1e30; the model's table of positions then
        # decides.
        positions = getattr(self.model.config, "max_position_embeddings", None) or MAX_TOKENS
        self.longest = min(MAX_TOKENS, self.tokenizer.model_max_length, positions)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D) rows of length 1.

        Raises ModelError where the model is no encoder or its weights are broken.
        """
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # little padding
        vectors = np.zeros((len(texts), self.model.config.hidden_size), np.float32)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            vectors[places] = self._batch([texts[place] for place in places])
        # A NaN compares as false: its text would be near to nothing, and no duplicate of it found.
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"model {self.path!r} gives vectors that are no numbers; its weights are broken, "
                "fetch them again"
            )
        return vectors

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
        )
        ids, mask = batch["input_ids"].to(self.device), batch["attention_mask"].to(self.device)
        try:
            with torch.inference_mode():
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        # AutoModel loads models of every kind. One that is no encoder (T5 wants decoder inputs,
        # too) fails here and not while it is loaded.
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(
                f"model {self.path!r} cannot embed: {first_line(error)}; wanted a "
                "sentence-embedding model (an encoder)"
            ) from error
        # Summed in float32: a mean over 512 tokens in half precision would move near cosines.
        return unit_mean(hidden.float(), mask).cpu().numpy()


def unit_mean(
    hidden: Tensor,  # (B, T, D)
    mask: Tensor,  # (B, T), 1 where there is a token
) -> Tensor:  # (B, D)
    """sum(mask * hidden), over its own length: the mean's direction."""
    summed = (hidden * mask.unsqueeze(-1)).sum(dim=1)
    return torch.nn.functional.normalize(summed, dim=-1)
