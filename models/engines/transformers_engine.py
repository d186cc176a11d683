"""Completions by transformers' layers: through our own decoding loop where the architecture allows
it, else through `generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig as HfGenerationConfig
from transformers import LogitsProcessorList

from models.engines.contract import Asked, Rows, in_batches
from models.engines.decoding import neutral_generation
from models.engines.grouped_decoding import decode_grouped
from models.engines.prefill import dense_head, prefilled, shared_start
from models.engines.sampling import SeededSampling
from models.engines.say import say_once
from models.engines.slot_decoding import Decoding, decode, why_plain


class TransformersEngine:
    """An `Engine` over a model of this process. `synced_ranks` keeps all ranks in step for a model
    whose weights are sharded (ZeRO-3).
    """

    def __init__(self, model: Any, tokenizer: Any, *, synced_ranks: bool = False) -> None:
        self.model, self.tokenizer, self.synced_ranks = model, tokenizer, synced_ranks

    def complete(self, ids: Rows, asked: Asked, done: Callable[[int], object]) -> Rows:
        """The tokens that follow each row."""
        config = asked.config
        why = self._why_plain(ids, config.max_new_tokens)
        if why:
            kind = type(self.model).__name__
            say_once(f"{kind} writes with transformers' own loop, which is slower: {why}")
            # Only here: the slots of our own loop bring an attention of their own.
            decode_grouped(self.model)
            return in_batches(ids, asked, config.batch_size, done, self._plain)
        sampling = (
            SeededSampling(asked.seeds, config.temperature, config.top_p, self.model.device)
            if config.temperature > 0
            else None
        )
        decoding = Decoding(
            config.max_new_tokens,
            frozenset(asked.ends),
            config.batch_size,
            sampling,
            lambda: done(1),
        )
        return decode(self.model, ids, decoding)

    def _why_plain(self, ids: Rows, new: int) -> str | None:
        if self.synced_ranks:
            return "ranks that share its weights must make as many passes as each other"
        return why_plain(self.model, max(map(len, ids), default=0) + new)

    def _plain(self, ids: Rows, asked: Asked) -> Rows:
        """One batch, by transformers' own loop; tokens after the end are padding."""
        model, config, synced_ranks = self.model, asked.config, self.synced_ranks
        pad = self.tokenizer.pad_token_id
        width = max(map(len, ids))
        # Ranks in step must make as many forward passes as each other, so they share nothing.
        shared = 0 if synced_ranks else shared_start(model, ids, width + config.max_new_tokens)
        # Padded on the left, as `generate` reads the last place, but behind the shared start: its
        # keys and values stand at the front of the cache.
        laid_out = [[*row[:shared], *[pad] * (width - len(row)), *row[shared:]] for row in ids]
        attention = [
            [1] * shared + [0] * (width - len(row)) + [1] * (len(row) - shared) for row in ids
        ]
        sampling = (
            [SeededSampling(asked.seeds, config.temperature, config.top_p)]
            if config.temperature > 0
            else []
        )
        settings = HfGenerationConfig(
            max_new_tokens=config.max_new_tokens,
            # SeededSampling has added the noise: the largest of its scores is the draw.
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=asked.ends,
            bos_token_id=self.tokenizer.bos_token_id,
        )
        # Sharded weights that are put together in inference mode could not be trained on later.
        with (
            torch.no_grad() if synced_ranks else torch.inference_mode(),
            dense_head(model),
            neutral_generation(model),
        ):
            output = model.generate(
                input_ids=torch.tensor(laid_out, device=model.device),
                attention_mask=torch.tensor(attention, device=model.device),
                past_key_values=prefilled(model, ids[0][:shared], len(ids)) if shared else None,
                generation_config=settings,
                logits_processor=LogitsProcessorList(sampling),
                synced_gpus=synced_ranks,
            )
        return [row.tolist() for row in output[:, width:]]
