"""`primum eval CONFIG` with `eval.candidates`: any policies against `model.base`, without a run's
training.

What Primum did not train has no prep, reward model or epochs to read; it is measured as `primum
measure` does it, with the suites and settings of the config.
"""

from __future__ import annotations

from pathlib import Path

from eval.results.results import Results
from pipeline.commands.measure import measure
from pipeline.measuring.prompts import OWN_SUITES
from pipeline.measuring.request import Request
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from records.errors import ConfigError


def eval_alone(config: RunConfig) -> Results:
    """Write `RUN/measured`, and return its results.

    `eval.candidates: []` measures the base alone.
    """
    words, left_out = suite_words(config)
    for line in left_out:
        say("eval", line)
    candidates = list(config.eval.candidates or [])
    request = Request(
        model=config.model.base.path,
        against=candidates,
        words=words,
        output=Path(config.run_dir) / "measured",
        limit=config.eval.prompts_per_suite,
    )
    return measure(request, config)


def suite_words(config: RunConfig) -> tuple[list[str], list[str]]:
    """The suites of the config as `primum measure` takes them, the project's own first, and
    sentences on those that are not there. Raises ConfigError for suites that nothing describes."""
    words, left_out, faults = list(OWN_SUITES), [], []
    for suite in config.eval.suites:
        # A run's own suites may be a path to rows of any kind; a measurement alone has no prep that
        # says what they are.
        if not suite.suite:
            faults.append(
                f"eval.suites: {suite.name}: with eval.candidates a suite must be described; got a "
                "path alone, wanted `suite:` with the name or the YAML file of one "
                "(docs/adding_a_suite.md)"
            )
        elif suite.optional and suite.path and not Path(suite.path).exists():
            left_out.append(f"suite {suite.called} left out: {suite.path} is not there")
        else:
            words.append(f"{suite.suite}={suite.path}" if suite.path else suite.suite)
    if faults:
        raise ConfigError(faults)
    return words, left_out
