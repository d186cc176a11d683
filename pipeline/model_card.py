"""The card of a released checkpoint, made from the run's records; every number in it can be traced
to a file.
"""

from __future__ import annotations

from eval.gate_result import GateResult
from eval.report.page import render_markdown
from eval.report.verdict import verdict
from eval.results.results import Results
from models.portable import OLDEST_TRANSFORMERS
from pipeline.card_fields import Field, fields_text
from pipeline.card_metadata import CardFacts, front_matter
from records.escaping import json_text, markdown_text

_CARD = """{front_matter}

# {name}

{base}, trained with Primum with the aim that it declines harmful medical requests and goes on answering legitimate ones.

## Use

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained({in_python})
tokenizer = AutoTokenizer.from_pretrained({in_python})
chat = [{{"role": "user", "content": "What is a normal resting heart rate?"}}]
inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=64)[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

Releases are tested to be the same model, with the same tokens, in transformers {oldest} (the oldest), 4.57 and 5; an architecture
that is younger than a version cannot be loaded there.

## What it is for, and for whom

{fields}

## Release gates

{verdict}

Limits hold for the ends of intervals. *accepted* marks a gate that did not pass and that the configuration accepts by name.

{gates}

## Data

{data}

{restrictions}

The reward model that scored harm was trained on completions of the base policy and is validated in the report below; refusals are detected by a rule.

## Evidence

`evidence/` holds results.json, the full report, the reward model's validation, the data cards and the configuration. The report
quotes only test prompts whose licence lets them be passed on and in which no personal data were found; completions to harmful prompts are withheld.

{report}
"""


def model_card(
    *,
    facts: CardFacts,
    results: Results,
    gates: list[GateResult],
    data: str,
    restrictions: list[str],
    about: list[Field],
) -> str:
    """`data` is Markdown; all else is words from the run's records, escaped here."""
    name = facts.name
    shown = "\n".join(
        f"- {_outcome(gate)}: {markdown_text(f'{gate.name}: {gate.detail}')}" for gate in gates
    )
    report = "\n".join(
        # One level down: the report's headings stand inside of the card's.
        f"#{line}" if line.startswith("#") else line
        for line in render_markdown(results).splitlines()
    )
    return _CARD.format(
        name=markdown_text(name),
        in_python=json_text(name),
        # Named on the card, since export is tested back to this version and no further.
        oldest=OLDEST_TRANSFORMERS,
        base=markdown_text(facts.base),
        front_matter=front_matter(facts, results, results.endpoint.policy),
        fields=fields_text(about),
        verdict=markdown_text(verdict(results)),
        gates=shown,
        data=data,
        restrictions=_restricted(restrictions),
        report=report,
    )


def _outcome(gate: GateResult) -> str:
    """Bold is whatever did not simply pass."""
    return gate.outcome if gate.outcome == "passed" else f"**{gate.outcome}**"


def _restricted(restrictions: list[str]) -> str:
    if not restrictions:
        return (
            "None of the rows above is under a non-commercial or an unknown licence. The base "
            "model's own licence holds besides."
        )
    return "**Restrictions:** this model is\n\n" + "\n".join(
        f"- {markdown_text(line)}" for line in restrictions
    )
