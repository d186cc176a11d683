"""The token contract over the shapes of public chat templates: a row is the template's own text,
its loss what the assistant writes.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from models.config import GenerationConfig, ModelConfig
from models.engines.generate import generate
from models.loading.chat_format import DATE_KEY, end_of_turn, stop_ids, turn_thinking_off
from models.loading.load import load_tokenizer
from models.loading.template_faults import format_faults, row_fault
from models.tokens import encode, encode_pair, prompt_ids
from records.errors import ModelError

SHAPES = Path(__file__).parent / "chat_shapes"
# Name: (end of turn, EOS of the tokenizer). The tokenizer's EOS is another token in half of them,
# as it is with the models they imitate.
ENDS = {
    "chatml": ("<|im_end|>", "<|endoftext|>"),
    "chatml_default_system": ("<|im_end|>", "<|im_end|>"),
    "llama2": ("</s>", "</s>"),
    "llama3_early": ("<|eot_id|>", "<|end_of_text|>"),
    "llama3_2": ("<|eot_id|>", "<|eot_id|>"),
    "mistral_without_system": ("</s>", "</s>"),
    "mistral_with_system": ("</s>", "</s>"),
    "gemma2": ("<end_of_turn>", "<eos>"),
    "gemma4": ("<turn|>", "<eos>"),
    "phi3": ("<|end|>", "<|endoftext|>"),
    "qwen3": ("<|im_end|>", "<|im_end|>"),
    "command_r": ("<|END_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    "tools": ("<|im_end|>", "<|im_end|>"),
    "zephyr": ("</s>", "</s>"),
}
REFUSED = {
    "header_unlike_the_prompt": (
        r"it writes '.*\[assistant\]<think>' when the assistant is to write, '.*\[assistant\]Yes,"
        r" for.*' once it has"
    ),
    "deepseek_r1": "does not go on from its own generation prompt",
    "qwen3_thinking_only": "generation starts inside a thinking block",
    "no_generation_prompt": (
        r"writes '\[assistant\]' between the prompt that generation starts from and the completion"
    ),
    "channels": r"writes '<\|system\|>final<\|end_header_id\|>' between",
    "words_before_the_end": r"writes 'Yes, for most adults\. \[done\]' for the completion",
    "prompt_ends_in_a_space": "joins the end of the generation prompt",
    "no_end_after_the_last_turn": "ends a completion with ''",
    "alpaca_without_end": "holds no end token of this tokenizer",
}
OWN_TOKENS = (
    "<s>", "</s>", "<bos>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|begin_of_text|>",
    "<|im_start|>", "<|im_end|>", "<|eot_id|>",
    "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<|turn>",
    "<turn|>", "<|end|>", "<|user|>",
    "<|assistant|>", "<|system|>", "<|User|>", "<|Assistant|>", "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>",
    "<|CHATBOT_TOKEN|>", "<|SYSTEM_TOKEN|>",
)  # fmt: skip
SYSTEM = {"role": "system", "content": "Be careful."}
QUESTION, OTHER = (
    {"role": "user", "content": "What is asthma?"},
    {"role": "user", "content": "And sepsis?"},
)
ANSWER, NEXT = (
    {"role": "assistant", "content": "It narrows the airways."},
    {"role": "assistant", "content": "An emergency."},
)
TOOL = {"role": "tool", "content": "found: 2 pages"}
CONVERSATIONS = {
    "single": ([QUESTION], [ANSWER]),
    "system": ([SYSTEM, QUESTION], [ANSWER]),
    "several turns": ([QUESTION, ANSWER, OTHER], [NEXT]),
    "two turns of the assistant": ([QUESTION], [ANSWER, NEXT]),
    "a tool between": ([QUESTION], [ANSWER, TOOL, NEXT]),
}
LEFT_OUT = {
    ("mistral_without_system", "system"),
    ("mistral_without_system", "two turns of the assistant"),
    ("mistral_without_system", "a tool between"),
    # Writes the system message only before a last user turn, so never in a conversation that has
    # its completion.
    ("mistral_with_system", "system"),
    ("gemma2", "system"),
    ("gemma2", "two turns of the assistant"),
    ("gemma2", "a tool between"),
    ("llama2", "a tool between"),
    ("command_r", "a tool between"),
    ("zephyr", "a tool between"),
}
TOKENIZERS = ("as it is", "adds a BOS", "no EOS", "no pad")


@pytest.fixture(scope="module")
def tokenizer_of(tokenizer, tmp_path_factory):
    """Loads, as a run does, a tokenizer with a shape's template; `kind` is one of TOKENIZERS."""
    folder = tmp_path_factory.mktemp("shapes")

    def made(shape, kind="as it is", **config):
        from tokenizers.processors import TemplateProcessing

        where = folder / f"{shape} {kind}"
        if not where.is_dir():
            plain = copy.deepcopy(tokenizer)
            plain.add_special_tokens({"additional_special_tokens": list(OWN_TOKENS)})
            plain.add_special_tokens(
                {"bos_token": "<s>", "eos_token": ENDS.get(shape, ("</s>", "</s>"))[1]}
            )
            if kind == "adds a BOS":
                ids = [("<s>", plain.convert_tokens_to_ids("<s>"))]
                plain.backend_tokenizer.post_processor = TemplateProcessing(
                    single="<s> $A", pair="<s> $A $B", special_tokens=ids
                )
            if kind == "no EOS":
                plain.eos_token = None
            if kind == "no pad":
                plain.pad_token = None
            plain.chat_template = (SHAPES / f"{shape}.jinja").read_text(encoding="utf-8")
            plain.save_pretrained(where)
        return load_tokenizer(ModelConfig(path=str(where), **config))

    return made


def turns(row, end):
    """What the loss covers, cut after each end token; the turns of some templates adjoin."""
    found = [[]]
    for token, learned in zip(row.input_ids, row.completion_mask, strict=True):
        if learned:
            found[-1].append(token)
            if token == end:
                found.append([])
    return found if found[-1] else found[:-1]


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("shape", ENDS)
def test_a_row_is_the_templates_own_text_and_its_loss_is_what_the_assistant_writes(
    tokenizer_of, shape, conversation, kind
):
    # What these templates end a turn with is the EOS.
    if kind == "no EOS" and ENDS[shape][0] == "</s>":
        with pytest.raises(ModelError, match=r"eos_token' is undefined|holds no end token"):
            tokenizer_of(shape, kind)
        return
    tokenizer = tokenizer_of(shape, kind)
    prompt, completion = CONVERSATIONS[conversation]
    assert bool(row_fault(tokenizer, prompt, completion)) == ((shape, conversation) in LEFT_OUT)
    if (shape, conversation) in LEFT_OUT:
        return
    row = encode(tokenizer, prompt, completion, 512)
    end = tokenizer.convert_tokens_to_ids(ENDS[shape][0])
    # The oracle is transformers alone: the template's whole text, as tokens.
    whole = tokenizer.apply_chat_template([*prompt, *completion], tokenize=True, return_dict=False)
    # It writes the clock's day here, the run's day in the row; a test of its own holds that.
    if shape != "llama3_2":
        assert row.input_ids == whole[: len(row.input_ids)]
    written = [m["content"] for m in completion if m["role"] == "assistant"]
    assert [turn[-1] for turn in turns(row, end)] == [end] * len(written)
    assert [tokenizer.decode(turn[:-1]).strip() for turn in turns(row, end)] == written
    start = prompt_ids(tokenizer, prompt)
    assert row.input_ids[: len(start)] == start
    assert row.completion_mask[: len(start)] == [0] * len(start)


@pytest.mark.parametrize("shape", REFUSED)
def test_a_template_that_cannot_hold_the_contract_is_refused_with_what_it_writes(
    tokenizer_of, shape
):
    with pytest.raises(ModelError, match=REFUSED[shape]) as told:
        tokenizer_of(shape)
    assert "model.base.chat_template" in str(told.value)
    assert "wanted" in str(told.value) or "name a" in str(told.value)


def scripted(vocabulary, script, positions=128):
    """A real GPT-2 whose logits depend on the position alone: what it writes is known
    beforehand.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=positions,
        n_embd=positions,
        n_layer=1,
        n_head=1,
        tie_word_embeddings=False,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.transformer.h.parameters():
            parameter.zero_()
        model.transformer.wte.weight.zero_()
        model.transformer.wpe.weight.copy_(torch.eye(positions))
        model.lm_head.weight.zero_()
        for position, token in enumerate(script):
            model.lm_head.weight[token, position] = 1.0
    return model


@pytest.mark.parametrize("shape", ENDS)
def test_generation_stops_where_the_turn_ends(tokenizer_of, shape):
    tokenizer = tokenizer_of(shape)
    row = encode(tokenizer, [QUESTION], [ANSWER], 120)
    # After its turn the model goes on with a turn of the user, as a model does that is not stopped.
    model = scripted(len(tokenizer), [*row.input_ids[1:], *prompt_ids(tokenizer, [OTHER])][:127])
    (made,) = generate(
        model, tokenizer, [[QUESTION]], GenerationConfig(max_new_tokens=40, dtype="float32")
    )
    assert (made.text, made.finish_reason) == (ANSWER["content"], "stop")
    assert made.num_tokens == row.num_completion_tokens


def test_generation_stops_at_every_end_token_that_the_models_own_settings_name(tokenizer_of):
    tokenizer = tokenizer_of("llama3_early")
    start, text = (
        prompt_ids(tokenizer, [QUESTION]),
        tokenizer("It narrows", add_special_tokens=False)["input_ids"],
    )
    other = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    model = scripted(len(tokenizer), [*start[1:], *text, other, *text])
    wanted = GenerationConfig(max_new_tokens=12, dtype="float32")
    assert generate(model, tokenizer, [[QUESTION]], wanted)[0].finish_reason == "length"
    model.generation_config.eos_token_id = [other, tokenizer.eos_token_id]
    (made,) = generate(model, tokenizer, [[QUESTION]], wanted)
    assert (made.text, made.finish_reason, made.num_tokens) == ("It narrows", "stop", len(text) + 1)
    assert stop_ids(tokenizer, model.generation_config) == [
        end_of_turn(tokenizer),
        tokenizer.eos_token_id,
        other,
    ]


def test_a_model_that_can_think_gets_the_empty_block_that_its_template_writes(
    tokenizer_of,
):
    tokenizer = tokenizer_of("qwen3")
    assert tokenizer.decode(prompt_ids(tokenizer, [QUESTION])).endswith("<think>\n\n</think>\n\n")
    assert (
        tokenizer.decode(
            turns(encode(tokenizer, [QUESTION], [ANSWER], 256), end_of_turn(tokenizer))[0]
        )
        == f"{ANSWER['content']}<|im_end|>"
    )
    # It stands in the template, so a saved policy has it too; whoever asks for thinking by name
    # still gets it.
    asked = {"tokenize": False, "add_generation_prompt": True}
    assert "</think>" in tokenizer.apply_chat_template([QUESTION], **asked)
    assert "</think>" not in tokenizer.apply_chat_template(
        [QUESTION], enable_thinking=True, **asked
    )
    once = tokenizer.chat_template
    turn_thinking_off(tokenizer)
    assert tokenizer.chat_template == once


def test_a_template_that_does_not_think_by_itself_is_left_as_it_is(tokenizer_of):
    for shape in ("gemma4", "chatml"):
        assert tokenizer_of(shape).chat_template == (SHAPES / f"{shape}.jinja").read_text(
            encoding="utf-8"
        )


def test_a_template_that_writes_the_day_writes_the_runs_day(tokenizer_of, tmp_path):
    tokenizer = tokenizer_of("llama3_2", template_date="2024-07-09")
    assert "Today: 09 Jul 2024\n" in tokenizer.decode(prompt_ids(tokenizer, [QUESTION]))
    assert "Today: 01 Jan 2026\n" in tokenizer.decode(
        prompt_ids(tokenizer_of("llama3_2"), [QUESTION])
    )
    tokenizer.chat_template = (
        "{{ strftime_now('%A %-d %B %Y, %Y-%m-%d') }}{% for m in messages %}{{ m.content "
        "}}</s>{% endfor %}"
    )
    assert tokenizer.decode(prompt_ids(tokenizer, [QUESTION])).startswith(
        "Tuesday 9 July 2024, 2024-07-09What is"
    )
    # A copy keeps the day where the config names none: so a reward model scores with the prompts
    # that it was trained on.
    tokenizer.save_pretrained(tmp_path)
    kept = load_tokenizer(ModelConfig(path=str(tmp_path), template_date=None))
    assert kept.init_kwargs[DATE_KEY] == "2024-07-09"
    assert prompt_ids(kept, [QUESTION]) == prompt_ids(tokenizer, [QUESTION])


def test_a_day_that_is_none_is_refused_in_the_config():
    with pytest.raises(
        ValueError, match=r"template_date must be a day as in 2026-01-01, got '2026-02-30'"
    ):
        ModelConfig(template_date="2026-02-30")


def test_chatml_by_name_needs_its_tokens_and_begins_with_a_bos_where_texts_do(
    tokenizer_of, llama_tokenizer
):
    assert any(
        "holds no end token" in fault
        for fault in format_faults(_without_chatml_tokens(llama_tokenizer))
    )
    begun = tokenizer_of("zephyr", "adds a BOS", chat_template="chatml")
    assert prompt_ids(begun, [QUESTION])[:2] == begun.convert_tokens_to_ids(["<s>", "<|im_start|>"])
    plain = tokenizer_of("zephyr", chat_template="chatml")
    assert prompt_ids(plain, [QUESTION])[0] == plain.convert_tokens_to_ids("<|im_start|>")


def _without_chatml_tokens(llama_tokenizer):
    """As Llama 2's tokenizer: "<|im_end|>" is some letters to it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        AutoTokenizer,  # noqa: F401  registers the fast class that is rebuilt here
        PreTrainedTokenizerFast,
    )

    alphabet = {
        token: k
        for k, token in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    bare = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    bare.pre_tokenizer, bare.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    made = PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>", eos_token="</s>")
    made.chat_template = (SHAPES / "chatml.jinja").read_text(encoding="utf-8")
    return made


def test_a_pair_of_completions_of_several_messages_is_cut_alike(tokenizer_of):
    tokenizer = tokenizer_of("tools")
    sides = ([ANSWER, TOOL, NEXT], [ANSWER, TOOL, ANSWER])
    whole = encode_pair(tokenizer, [QUESTION], sides, 512)
    assert [len(turns(row, end_of_turn(tokenizer))) for row in whole] == [2, 2]
    shorter = encode_pair(tokenizer, [QUESTION], sides, len(whole[0].input_ids) - 2)
    assert all(row.truncated and row.input_ids[-1] != end_of_turn(tokenizer) for row in shorter)


def test_a_row_that_the_template_drops_or_rewrites_is_named_without_its_text(tokenizer_of):
    tokenizer = tokenizer_of("command_r")
    fault = row_fault(tokenizer, [QUESTION], [ANSWER, TOOL, NEXT])
    assert fault == "the template does not write message 2 (tool)"
    assert "System role not supported" in row_fault(tokenizer_of("gemma2"), [SYSTEM, QUESTION], [])
    assert row_fault(tokenizer_of("mistral_with_system"), [SYSTEM, QUESTION], [ANSWER]) != ""
    own = {"role": "user", "content": "What does <turn|> end?"}
    assert (
        row_fault(tokenizer_of("gemma4"), [own], [])
        == "message 0 holds the tokenizer's own '<turn|>', which would end or fake a turn"
    )
