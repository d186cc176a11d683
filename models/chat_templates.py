"""Chat formats for models whose tokenizer carries none."""

from __future__ import annotations

from pathlib import Path

from data_prep.errors import ModelError

_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ '[INST] <<SYS>>\n' + m['content'] + '\n<</SYS>>\n\n' }}"
    "{% elif m['role'] == 'user' %}{{ ('' if loop.index0 > 0 and messages[loop.index0 - 1]['role'] == 'system' else '[INST] ') + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
_ALPACA = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\n\n' }}"
    "{% elif m['role'] == 'user' %}{{ '### Instruction:\n' + m['content'] + '\n\n' }}"
    "{% else %}{{ '### Response:\n' + m['content'] + eos_token + '\n\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)
_PLAIN = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\n\n' }}"
    "{% elif m['role'] == 'user' %}{{ 'Question: ' + m['content'] + '\n' }}"
    "{% else %}{{ 'Answer: ' + m['content'] + eos_token + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)

CHAT_TEMPLATES = {"chatml": _CHATML, "llama2": _LLAMA2, "alpaca": _ALPACA, "plain": _PLAIN}


def chat_template(name: str) -> str:
    """The Jinja text of a named format or of a file."""
    if name in CHAT_TEMPLATES:
        return CHAT_TEMPLATES[name]
    if Path(name).is_file():
        return Path(name).read_text(encoding="utf-8")
    raise ModelError(f"model.base.chat_template: got {name!r}, wanted one of {', '.join(CHAT_TEMPLATES)} or the path of a Jinja file")
