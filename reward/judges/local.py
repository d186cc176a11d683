"""Replies from a model on this machine, through transformers or vLLM, by the same decoding as
completions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer

from models.config import ModelConfig
from models.engines.generate import (
    Generated,
    generate_from,
    generation_dtype,
    rows_at_once,
    seed_of,
)
from models.engines.vllm_engine import VllmEngine
from models.loading.broken_files import explained
from models.loading.chat_format import special_texts, stop_ids
from models.loading.load import load_model_as, load_tokenizer, model_location
from models.tokens import prompt_ids
from records.errors import ModelError
from records.rows import Message
from reward.judges.choices import Choice, aligned, worth_keeping
from reward.judges.fence import defused
from reward.judges.guard_formats import GuardFormat
from reward.judges.question import AskedOf, Keep, Question, Reply
from reward.judges.settings import LocalModelConfig

LOCAL_ALTERNATIVES = 20


class LocalModel:
    """A judge's replier. The model is loaded when the first question comes that no kept reply
    answers, and freed after the last."""

    def __init__(
        self, config: LocalModelConfig, *, guard: GuardFormat | None = None, log: Path
    ) -> None:
        limit = guard.max_new_tokens if guard else config.generation.max_new_tokens
        self._config = config
        self._generation = replace(config.generation, max_new_tokens=limit)
        self._guard = guard
        self._log = log
        """Takes what vLLM prints."""

    def asked_of(self) -> AskedOf:
        """What a reply depends on besides the question."""
        model, generation = self._config.model, self._generation
        return {
            "model": weights_of(model),
            "chat_template": model.chat_template,
            "max_tokens": generation.max_new_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "dtype": str(generation_dtype(generation)),
        }

    def reply(self, questions: Sequence[Question], keep: Keep) -> None:
        """In batches, the shortest first; each batch is kept as soon as it is written."""
        tokenizer = (
            guard_tokenizer(self._config.model)
            if self._guard
            else load_tokenizer(self._config.model)
        )
        rows = [self._ids(tokenizer, question) for question in questions]
        model = self._model()
        with model if isinstance(model, VllmEngine) else nullcontext():
            ends = (
                _ends(tokenizer, model)
                if self._guard
                else stop_ids(tokenizer, model.generation_config)
            )
            room = _context(model) - self._generation.max_new_tokens
            fitting = [place for place, row in enumerate(rows) if len(row) <= room]
            # Cut, a text could lose the very part that decides; unscored, it is counted.
            for place in sorted(set(range(len(rows))) - set(fitting)):
                keep(place, Reply(reason="longer than the judge's context"))
            fitting.sort(key=lambda place: (len(rows[place]), place))
            size = rows_at_once(self._generation, self._config.engine)
            for start in range(0, len(fitting), size):
                chosen = fitting[start : start + size]
                made = generate_from(
                    model,
                    tokenizer,
                    [rows[place] for place in chosen],
                    self._generation,
                    ends=ends,
                    # From the question itself: the same in any batch and any order, and another at
                    # another attempt.
                    seeds=[seed_of(*rows[place], questions[place].attempt) for place in chosen],
                    label="judging",
                )
                for place, one in zip(chosen, made, strict=True):
                    watched = questions[place].watched
                    choices = (
                        tuple(_choices(model, tokenizer, rows[place], one, watched))
                        if watched
                        else ()
                    )
                    cut = one.finish_reason == "length"
                    keep(
                        place,
                        Reply(
                            text=one.text, choices=choices, cut=cut, output_tokens=one.num_tokens
                        ),
                    )

    def _model(self) -> Any:
        config, dtype = self._config.model, generation_dtype(self._generation)
        if self._config.engine == "vllm":
            gpus = list(range(torch.cuda.device_count()))
            return VllmEngine(self._config.vllm, config, dtype, gpus=gpus, log=self._log)
        name = self._guard.auto_class if self._guard else "AutoModelForCausalLM"
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return load_model_as(dtype, config, getattr(transformers, name)).to(device)

    def _ids(self, tokenizer: Any, question: Question) -> list[int]:
        if self._guard is None:
            return prompt_ids(tokenizer, _readable(tokenizer, question.messages))
        if question.text:
            # With the tokenizer's own first token, which the documented texts leave to it.
            return list(tokenizer(question.text)["input_ids"])
        return guard_ids(tokenizer, question, self._guard)


def guard_tokenizer(config: ModelConfig) -> Any:
    """As it is: the chat template of a guard model writes no conversation, so the contract of
    policies does not hold for it."""
    with explained(config.path):
        tokenizer = AutoTokenizer.from_pretrained(
            model_location(config),
            revision=config.revision,
            trust_remote_code=config.trust_remote_code,
        )
    if tokenizer.pad_token_id is None:
        # Padding is masked; nobody trains a guard here, so EOS will do.
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def guard_ids(tokenizer: Any, question: Question, guard: GuardFormat) -> list[int]:
    """Token ids of the guard's own chat template. Raises ModelError where the tokenizer has none
    or it refuses the turns."""
    tokens = special_texts(tokenizer)
    messages = []
    for turn in question.messages:
        messages.append(
            {"role": turn["role"], "content": _content(defused(turn["content"], tokens), guard)}
        )
    try:
        text = tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=guard.generation_prompt,
            **question.template_variables,
        )
    # a template from outside can raise anything, and its words may quote the completion
    except Exception as error:
        raise ModelError(
            f"guard.family={guard.family}: the model's chat template cannot be rendered "
            f"({type(error).__name__}); wanted a model of this family, such as {guard.models[0]}, "
            "with the tokenizer files that it is published with"
        ) from None
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _choices(
    model: Any, tokenizer: Any, prompt: list[int], made: Generated, watched: Sequence[str]
) -> list[Choice]:
    """One more pass over what was written, for the probabilities at each place; a row alone
    needs no padding."""
    ids = torch.tensor([[*prompt, *made.ids]], device=model.device)
    written = len(made.ids)
    with torch.inference_mode():
        # One place more than was written predicts the first token of it; the last place predicts
        # what would have followed, and goes.
        logits = model(input_ids=ids, logits_to_keep=written + 1).logits[0, :written]
    top = logits.float().log_softmax(-1).topk(min(LOCAL_ALTERNATIVES, logits.shape[-1]))
    texts = []
    for row in top.indices.tolist():
        texts.append(tokenizer.batch_decode([[token] for token in row]))
    # From the end: of two tokens with one text the likelier one, which comes first, stays.
    found = []
    for row, logps in zip(texts, top.values.tolist(), strict=True):
        found.append(dict(zip(row[::-1], logps[::-1], strict=True)))
    # Decoded in growing parts, since a token's own text lacks the space that a tokenizer may put
    # before it.
    parts = []
    for end in range(written + 1):
        parts.append(tokenizer.decode(made.ids[:end], skip_special_tokens=True))
    tokens = [after[len(before) :] for before, after in pairwise(parts)]
    return worth_keeping(aligned(tokens, found, made.text), watched)


def weights_of(config: ModelConfig) -> str:
    """Names the weights that a reply depends on: hub id and revision, or a folder's name with a
    hash of what lies in it."""
    folder = Path(model_location(config))
    if not folder.is_dir():
        return f"{config.path}@{config.revision or 'main'}"
    held = sorted(path for path in folder.iterdir() if path.is_file())
    parts = []
    for path in held:
        # Not the content: hashing a judge of 70 billion weights takes minutes at every start.
        parts.append((path.name, path.stat().st_size, path.stat().st_mtime_ns))
    return f"{folder.name}@{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"


def _content(text: str, guard: GuardFormat) -> Any:
    return [{"type": "text", "text": text}] if guard.parts else text


def _readable(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    """The messages with the tokenizer's control tokens made text; the system message joins the
    user's where the format has none."""
    tokens = special_texts(tokenizer)
    clean: list[Message] = []
    for one in messages:
        clean.append({"role": one["role"], "content": defused(one["content"], tokens)})
    if clean[0]["role"] != "system":
        return clean
    try:
        # Tried, as only the template knows whether it has a system role.
        prompt_ids(tokenizer, clean)
    except ModelError:
        first, second, *rest = clean
        return [{"role": "user", "content": f"{first['content']}\n\n{second['content']}"}, *rest]
    return clean


def _ends(tokenizer: Any, model: Any) -> list[int]:
    """At which tokens a guard's verdict is over."""
    named = getattr(model.generation_config, "eos_token_id", None)
    several = named if isinstance(named, (list, tuple)) else [named]
    kept: list[int] = []
    for token in dict.fromkeys([tokenizer.eos_token_id, *several]):
        if token is not None:
            kept.append(int(token))
    return kept


def _context(model: Any) -> int:
    """Tokens that the model was built for; vLLM keeps its own account."""
    config: Any = getattr(model, "config", None)
    if hasattr(config, "get_text_config"):
        config = config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 1 << 30)
