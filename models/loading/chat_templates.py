"""Chat formats for models whose tokenizer carries none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records.errors import ModelError

_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + "
    "'<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\n' }}{% endif %}"
)
# No generation prompt: the user's turn ends in [/INST], from which the assistant goes on.
_LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ '[INST] "
    "<<SYS>>\n' + m['content'] + '\n<</SYS>>\n\n' }}{% elif m['role'] == 'user' %}{{ ('' if "
    "loop.index0 > 0 and messages[loop.index0 - 1]['role'] == 'system' else '[INST] ') + "
    "m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + "
    "eos_token }}{% else %}{{ raise_exception('this format has no role ' + m['role']) "
    "}}{% endif %}{% endfor %}"
)
_ALPACA = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m['role'] == 'system' %}{{ "
    "m['content'] + '\n\n' }}{% elif m['role'] == 'user' %}{{ '### Instruction:\n' + "
    "m['content'] + '\n\n' }}{% elif m['role'] == 'assistant' %}{{ '### Response:\n' + "
    "m['content'] + eos_token + '\n\n' }}{% else %}{{ raise_exception('this format has no "
    "role ' + m['role']) }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### "
    "Response:\n' }}{% endif %}"
)
_PLAIN = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m['role'] == 'system' %}{{ "
    "m['content'] + '\n\n' }}{% elif m['role'] == 'user' %}{{ 'Question: ' + m['content'] + "
    "'\n' }}{% elif m['role'] == 'assistant' %}{{ 'Answer: ' + m['content'] + eos_token + "
    "'\n' }}{% else %}{{ raise_exception('this format has no role ' + m['role']) }}{% "
    "endif %}{% endfor %}{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)

CHAT_TEMPLATES = {"chatml": _CHATML, "llama2": _LLAMA2, "alpaca": _ALPACA, "plain": _PLAIN}


def chat_template(name: str, tokenizer: Any) -> str:
    """The Jinja text of a named format, for this tokenizer, or of a file.

    ChatML begins with a BOS where the tokenizer begins texts with one; the other formats always do.
    """
    if name in CHAT_TEMPLATES:
        return (
            "{{ bos_token }}" if name == "chatml" and _begins_with_bos(tokenizer) else ""
        ) + CHAT_TEMPLATES[name]
    if Path(name).is_file():
        try:
            return Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"model.base.chat_template={name}: cannot be read as text ({error}), wanted a "
                "Jinja file in UTF-8; name another"
            ) from error
    raise ModelError(
        f"model.base.chat_template: got {name!r}, wanted one of {', '.join(CHAT_TEMPLATES)} or the "
        "path of a Jinja file"
    )


def _begins_with_bos(tokenizer: Any) -> bool:
    bos = tokenizer.bos_token_id
    return bos is not None and tokenizer("a")["input_ids"][:1] == [bos]
