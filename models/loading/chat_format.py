"""What a chat template writes, asked of the template itself: every turn, the token that ends one,
the day, whether a model thinks.

A template is a program from outside. Whatever it raises becomes a ModelError; what it reads from
the clock is pinned, so that the same run writes the same prompts on another day; a thinking mode
that it can switch off is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from models.config import DEFAULT_DATE
from records.errors import ModelError, first_line
from records.rows import Message, assistant, user

DATE_KEY = "template_date"
"""Under this name a tokenizer's own files keep the day, so that a copy of it goes on writing the
same prompts."""
THINKING_SWITCHES = ("enable_thinking", "thinking")
"""What templates call the variable that turns a thinking block off."""
PROBE_PROMPT = user("Is it safe to take two paracetamol?")
PROBE_COMPLETION = assistant("Yes, for most adults.")
_DIRECTIVES = (
    "%-d",
    "%-m",
    "%-H",
    "%-I",
    "%-M",
    "%-S",
    "%-j",
    "%-y",
    *(f"%{letter}" for letter in "aAbBCdDeFHIjmMpSTuUVwWyYzZ"),
)
# By tokenizer, as every row asks; weakly, so that a tokenizer goes with its model.
_ends: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()
_special: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()


def render(
    tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool, **variables: Any
) -> str:
    """The template's text for the messages, white space around each content taken off.

    Raises ModelError for any refusal.
    """
    clean = []
    for message in messages:
        clean.append({"role": message["role"], "content": message["content"].strip()})
    try:
        text: str = tokenizer.apply_chat_template(
            clean,
            chat_template=_dated(tokenizer.get_chat_template(), template_date(tokenizer)),
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            **variables,
        )
    except Exception as error:  # a template from outside can raise anything
        roles = ", ".join(message["role"] for message in messages)
        raise ModelError(
            f"the chat template cannot be rendered for messages of the roles {roles} "
            f"({first_line(error)})"
        ) from error
    return text


def template_date(tokenizer: Any) -> str:
    """The day that a template which writes today's date is given."""
    return str(tokenizer.init_kwargs.get(DATE_KEY) or DEFAULT_DATE)


@lru_cache(maxsize=64)
def _dated(template: str, day: str) -> str:
    """The template with a clock that stands at `day`: transformers hands templates no function but
    its own, so this one is a macro.
    """
    if "strftime_now" not in template:
        return template
    moment = datetime.fromisoformat(day)
    steps = "".join(
        f" | replace('{directive}', '{moment.strftime(directive)}')" for directive in _DIRECTIVES
    )
    # "+%}" keeps a line break that the template begins with.
    return (
        f"{{%- macro strftime_now(format) -%}}{{{{ format{steps} }}}}{{%- endmacro +%}}{template}"
    )


def turn_thinking_off(tokenizer: Any) -> None:
    """Write into the template that it does not think unless it is told to, where that is not so
    already.

    Rows are trained, and completions sampled and measured, without a thinking block, or with the
    empty one that the template writes then. It stands in the template itself, so that a user who
    loads the policy gets the mode that was measured.
    """
    try:
        asked = render(tokenizer, PROBE_PROMPT, add_generation_prompt=True)
    except ModelError:
        return  # of a template that cannot be rendered at all, format_faults says why
    for switch in THINKING_SWITCHES:
        if render(tokenizer, PROBE_PROMPT, add_generation_prompt=True, **{switch: False}) != asked:
            off = f"{{%- if {switch} is not defined %}}{{%- set {switch} = false %}}{{%- endif +%}}"
            tokenizer.chat_template = off + tokenizer.get_chat_template()
            return


def end_of_turn(tokenizer: Any) -> int:
    """The token that the template writes after what the assistant said.

    It need not be the tokenizer's EOS (Gemma, Phi-3, Llama 3).

    Raises ModelError where the template writes none of the tokenizer's own tokens there: a model
    could never learn to stop.
    """
    template = tokenizer.get_chat_template()
    known = _ends.get(tokenizer)
    # The template may have changed since: `turn_thinking_off` writes into it.
    if known is None or known[0] != template:
        known = _ends[tokenizer] = template, _found_end(tokenizer)
    return known[1]


def _found_end(tokenizer: Any) -> int:
    text = PROBE_COMPLETION[0]["content"]
    whole = render(tokenizer, [*PROBE_PROMPT, *PROBE_COMPLETION], add_generation_prompt=False)
    _, found, tail = whole.rpartition(text)
    if not found:
        raise ModelError(
            "the chat template does not write the completion; wanted a template that writes every "
            "message"
        )
    # Added tokens too: an end of turn need not be declared as special.
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    for token in tokenizer(tail, add_special_tokens=False)["input_ids"]:
        if token in marks:
            return int(token)
    raise ModelError(
        f"the chat template ends a completion with {tail!r}, which holds no end token of this "
        "tokenizer, so a model would never learn to stop; name a format whose tokens it has "
        "(alpaca, llama2, plain), or a Jinja file that writes eos_token after the assistant's text"
    )


def stop_ids(tokenizer: Any, generation_config: Any = None) -> list[int]:
    """Every token at which a completion is over: the template's, the tokenizer's, and all that
    generation_config.json names.
    """
    named = getattr(generation_config, "eos_token_id", None)
    several = named if isinstance(named, (list, tuple)) else [named]
    found = [end_of_turn(tokenizer), tokenizer.eos_token_id, *several]
    return list(dict.fromkeys(int(token) for token in found if token is not None))


def special_texts(tokenizer: Any) -> list[str]:
    """The texts that this tokenizer takes for tokens of its own wherever they stand: in a message
    they would end or fake a turn.
    """
    if tokenizer not in _special:
        added = []
        for token in tokenizer.added_tokens_decoder.values():
            if token.special:
                added.append(str(token))
        _special[tokenizer] = sorted({*tokenizer.all_special_tokens, *added})
    return _special[tokenizer]
