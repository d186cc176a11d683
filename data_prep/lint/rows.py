"""What is wrong with one row, whatever the others are; at most one fault of a kind, so that faults
count rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ftfy.badness import BADNESS_RE

from data_prep.lint.faults import Fault
from data_prep.lint.items import Item
from data_prep.wording import normalise, request_text
from records.roles import role_fault
from records.rows import Message, text_of

Renders = Callable[[Sequence[Message], Sequence[Message]], str]
"""Why the run's chat template does not hold a prompt and its completion as they stand; empty where
it does."""
MAX_WORDS = 2000
MIN_LEAKED_WORDS = 5
"""A shorter prompt ("what is sepsis") may well come back inside a good completion."""
SURROGATE = re.compile("[\ud800-\udfff]")
CHARACTERS = {
    "replacement_character": re.compile("\ufffd"),
    "control_character": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),
    "byte_order_mark": re.compile("\ufeff"),
}
_ANY_OF_THEM = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
MARGIN = 16
"""Characters; the longest sequence by which ftfy tells UTF-8 that was read wrongly has five."""
_BEYOND_ASCII = re.compile(rf"[^\x00-\x7f](?:[\x00-\x7f]{{0,{MARGIN}}}[^\x00-\x7f])*")
# Tokens that tokenizers take literally wherever they stand, and the turn marks of Llama 2's
# template.
SPECIAL_TOKEN = re.compile(
    r"<[|\uff5c][^|\uff5c<>\n]{1,40}[|\uff5c]>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|"
    r"\[/?INST\]|<</?SYS>>"
)
# A "No," or a first-person decline in wider words than a refusal detector asks for: an alarm is for
# completions with nothing of the kind.
DECLINES = re.compile(
    r"^\W*no\b|\b(?:i|we)\b[^.?!\n]{0,30}?(?:\bcan(?:'|no)t\b|\bcan not\b|\bwon't\b|\bwill"
    r" not\b|\bwould not\b|\bwouldn't\b|(?:'m|\bam|\bare) not\b|"
    r"\bunable\b|\bdecline\b|\brefuse\b)",
    re.I,
)


def unusable_faults(item: Item) -> Iterator[Fault]:
    """Why a row cannot be written, rendered or tokenised as what it says."""
    messages = (*item.prompt, *item.completion, *item.rejected)
    if any(
        map(
            SURROGATE.search,
            (
                *item.names,
                *(part for message in messages for part in (message["role"], message["content"])),
            ),
        )
    ):
        yield Fault(
            "lone_surrogate",
            item.id,
            "mend the escapes (\\ud800 to \\udfff come in twos) where the row was written",
        )
        # What cannot be encoded cannot be shown to the other checks either.
        return
    wrong_role = role_fault(item.prompt, item.completion) or role_fault(item.prompt, item.rejected)
    if wrong_role:
        yield Fault("roles", item.id, wrong_role)
    for name, text in item.texts().items():
        if found := SPECIAL_TOKEN.search(text):
            yield Fault("special_token", item.id, f"at character {found.start()} of the {name}")
            # One is enough: the row is dropped.
            break


def template_fault(item: Item, renders: Renders) -> Fault | None:
    """Of the conversation with the completion, or of that with the rejected one."""
    # Both sides of a preference are rendered in training, so both must survive the template.
    why = renders(item.prompt, item.completion) or (
        renders(item.prompt, item.rejected) if item.rejected else ""
    )
    return Fault("chat_template", item.id, why) if why else None


def text_faults(item: Item) -> Iterator[Fault]:
    """What a person should look at."""
    texts = item.texts()
    blank = []
    for name, text in texts.items():
        if not text.strip():
            blank.append(name)
    if blank:
        yield Fault("empty_completion", item.id, f"no text in the {' and the '.join(blank)}")
    if item.has_completion:
        request = normalise(request_text(item.prompt))
        if len(request.split()) >= MIN_LEAKED_WORDS and request in normalise(
            text_of(item.completion)
        ):
            yield Fault(
                "prompt_in_completion",
                item.id,
                f"the whole request stands in the {item.completion_name}",
            )
    words = max(
        (len(f"{texts.get('prompt', '')} {text}".split()) for text in texts.values()), default=0
    )
    if words > MAX_WORDS:
        yield Fault(
            "too_long", item.id, f"{words} words in prompt and completion, more than {MAX_WORDS}"
        )
    damage: dict[str, str] = {}
    for name, text in texts.items():
        found = _odd_characters(text)
        # Lost bytes and controls are often what is left of UTF-8 read wrongly; one damage is told
        # once.
        if not found and (start := mojibake(text)) is not None:
            found["mojibake"] = start
        damage = {
            kind: f"at character {start} of the {name}" for kind, start in found.items()
        } | damage
    yield from (Fault(kind, item.id, detail) for kind, detail in damage.items())


def _odd_characters(text: str) -> dict[str, int]:
    """Where each kind of CHARACTERS comes first."""
    if not _ANY_OF_THEM.search(text):
        return {}
    return {
        kind: match.start()
        for kind, pattern in CHARACTERS.items()
        if (match := pattern.search(text))
    }


def mojibake(text: str) -> int | None:
    """Where UTF-8 that was read as something else begins, as ftfy tells it.

    Each of ftfy's signs holds a character beyond ASCII, so only what is around those is searched:
    all of a text takes a hundred times as long.
    """
    for stretch in _BEYOND_ASCII.finditer(text):
        match = BADNESS_RE.search(text, max(0, stretch.start() - MARGIN), stretch.end() + MARGIN)
        if match:
            return int(match.start())
    return None


def completion_faults(item: Item, refuses: Callable[[str], str]) -> Iterator[Fault]:
    """A completion that does the opposite of what the row's kind asks for."""
    if not item.has_completion:
        return
    completion = text_of(item.completion)
    verdict = refuses(completion)
    if item.kind == "harmful" and verdict == "partial":
        yield Fault("no_refusal", item.id, f"the {item.completion_name} declines and then complies")
    elif (
        item.kind == "harmful"
        and verdict == "none"
        # Typographic apostrophes are levelled here, as the pattern has plain ones.
        and not DECLINES.search(completion.replace("\u2019", "'"))
    ):
        yield Fault("no_refusal", item.id, f"nothing in the {item.completion_name} declines")
    # Partial (declines, then helps) still helps, which is what a benign request asks for.
    elif item.kind == "benign" and verdict == "full":
        yield Fault("refusal_of_benign", item.id, f"the {item.completion_name} refuses")
