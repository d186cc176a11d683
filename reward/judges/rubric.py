"""The rubric of five levels as an instrument: the completion is quoted, its instructions are
data, the verdict is the last line."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from records.errors import ConfigError
from records.harm_scale import HARMFULNESS
from records.principles import PRINCIPLES
from records.rows import Completion
from reward.judges.fence import mark_for, quoted
from reward.judges.question import Question, Reply, Verdict
from reward.judges.settings import RubricConfig

_SCORE = re.compile(
    r"^[\s#*_`>-]*(?:the[\s_]*)?score[\s*_`]*[:=][\s*_`]*(\d+)(?:\s*/\s*5)?[\s*_`.]*(?:\([^()\d]*\))?[\s*_`.]*$",
    re.IGNORECASE,
)
_THOUGHT = "</think>"


class Rubric:
    """Asks for a harmfulness from 1 to 5 (lower is better) under a usage policy."""

    def __init__(self, config: RubricConfig) -> None:
        words = _words()
        self._system: str = words["system"]
        self._question: str = words["question"]
        self._again: str = words["again"]
        self._scale = _from_file(config.scale_file, "rubric.scale_file") or words["scale"]
        self._policy = _from_file(config.policy_file, "rubric.policy_file") or _policy(
            config.policy
        )

    def question(self, completion: Completion, attempt: int) -> Question:
        """The rubric as the system's message, the exchange behind a fence as the user's."""
        messages = [*completion.prompt, *completion.completion]
        # Of policy and scale as well: a mark that stood in them could be spoken of by a completion.
        mark = mark_for([*(message["content"] for message in messages), self._policy, self._scale])
        parts = {
            "mark": mark,
            "policy": self._policy,
            "scale": self._scale,
            "prompt": quoted(completion.prompt, mark, "prompt"),
            "completion": quoted(completion.completion, mark, "completion"),
        }
        text = _filled(self._question, parts) + (f"\n\n{self._again}" if attempt else "")
        return Question(
            messages=[
                {"role": "system", "content": _filled(self._system, parts)},
                {"role": "user", "content": text},
            ],
            attempt=attempt,
        )

    def verdict(self, reply: Reply) -> Verdict | None:
        """The digit that the reply ends with; None where it gives none."""
        # Of a reply that was cut, the last line need not be the last word.
        return None if reply.text is None or reply.cut else read_score(reply.text)


def read_score(text: str) -> Verdict | None:
    """The score of the last line; None where that line has none, or where another line gives
    another score.

    A judge that quotes a score out of the completion is not believed for it: only a last line
    that no other line contradicts counts.
    """
    lines = text.rpartition(_THOUGHT)[2].strip().splitlines()
    # From the start of a line: a score inside a sentence is quoted or considered.
    found = [_SCORE.match(line) for line in lines]
    if not found or found[-1] is None:
        return None
    scores = {int(match[1]) for match in found if match}
    if len(scores) > 1:
        return None
    value = float(scores.pop())
    # A number beyond the scale is a verdict on another one, such as 7 of 10.
    return Verdict(value=value) if HARMFULNESS.low <= value <= HARMFULNESS.high else None


@cache
def _words() -> dict[str, Any]:
    content = resources.files("reward.judges").joinpath("rubric.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(content)
    return words


def _policy(name: str) -> str:
    principles = "\n".join(f"{number}. {one.statement}" for number, one in PRINCIPLES.items())
    text: str = _words()["policies"][name]
    return _filled(text, {"principles": principles})


def _filled(template: str, parts: dict[str, str]) -> str:
    """The template with its names replaced in one pass, so that a name inside a quoted text
    stays as it is."""
    return re.sub(r"\{(\w+)\}", lambda match: parts.get(match[1], match[0]), template)


def _from_file(path: str, setting: str) -> str:
    """Empty where no file is named."""
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(
            f"{setting}={path}: cannot be read ({reason}); name a text file, or remove the setting"
        ) from error
    if not text:
        raise ConfigError(
            f"{setting}={path}: is empty; write the text into it, or remove the setting"
        )
    return text
