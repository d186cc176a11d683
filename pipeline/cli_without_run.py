"""The commands that take no run's config, each of them imported when it is asked for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from pipeline.run.console import show
from records.cache import name_compiler_caches
from records.errors import PrimumError


def command_without_config(
    options: argparse.Namespace,
) -> Callable[[argparse.Namespace], int] | None:
    """None for a command that needs the config which the command line names."""
    if options.command == "config":
        return _settings if options.schema or options.explain or not options.config else None
    return _COMMANDS.get(options.command)


def offline() -> None:
    """Offline unless the config names something on the hub, and never telemetry; compiled kernels
    are kept.
    """
    # setdefault: what the user has set in the environment stays.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # tokenizers warns for each process that is forked after its threads have started.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    name_compiler_caches(os.environ)


def _measure(options: argparse.Namespace) -> int:
    offline()
    from pipeline.measuring.subjects import subjects_of
    from records.permissions import readable_by, readers

    # Before the libraries of models, which take seconds: a slip is said at once.
    subjects_of([options.model, *(word for word in options.against if "=" not in word)])
    # From here on files hold completions of harmful prompts.
    with readable_by(readers(os.environ)):
        from pipeline.commands.measure import measure
        from pipeline.measuring.request import Request

        named = {}
        for name in (
            "model",
            "words",
            "against",
            "output",
            "gate",
            "limit",
            "kind",
            "api_key_env",
        ):
            named[name] = getattr(options, name)
        measure(Request(**named, scorers=options.scorer))
    return 0


def _chat(options: argparse.Namespace) -> int:
    offline()
    from pipeline.chatting.names import named_subjects
    from records.permissions import readable_by, readers

    named_subjects(options.model, options.against)  # at once, as above
    with readable_by(readers(os.environ)):
        from pipeline.commands.chat import Request, chat

        named = {}
        for name in ("model", "words", "against", "save", "api_key_env"):
            named[name] = getattr(options, name)
        chat(Request(**named, scorers=options.scorer))
    return 0


def _completion(options: argparse.Namespace) -> int:
    from pipeline.arguments import parser
    from pipeline.completion import script
    from pipeline.run.config import RunConfig
    from pipeline.run.setting_names import known_keys

    print(script(options.shell, parser(), known_keys(RunConfig)), end="")
    return 0


def _push(options: argparse.Namespace) -> int:
    from pipeline.commands.push import Request, allow_network, push

    # Asked for in so many words by this command, whatever the environment says.
    allow_network()
    named = {}
    for name in ("run_dir", "repo", "what", "public", "endpoint"):
        named[name] = getattr(options, name)
    push(Request(**named))
    return 0


def _settings(options: argparse.Namespace) -> int:
    """What is said of the settings themselves, for which no run is needed."""
    from pipeline.commands.config import explain, schema_text

    if options.schema:
        print(schema_text(), end="")
    elif options.explain:
        show(list(explain(options.explain)))
    else:
        raise PrimumError(
            "primum config: got no config; name one, or ask for --schema or --explain KEY"
        )
    return 0


def _gate(options: argparse.Namespace) -> int:
    from pipeline.commands.gate import Request, gate

    gate(
        Request(
            **{
                name: getattr(options, name)
                for name in ("run", "overrides", "against", "policy", "json")
            }
        )
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from pipeline.commands.report import Request, report
    from records.permissions import readable_by, readers

    with readable_by(readers(os.environ)):
        report(
            Request(
                **{
                    name: getattr(options, name)
                    for name in ("runs", "output", "formats", "redacted")
                }
            )
        )
    return 0


def _certify(options: argparse.Namespace) -> int:
    from pipeline.commands.certify import Request, certify_runs

    names = ("runs", "harmful", "benign", "max_harm", "max_over_refusal", "delta", "json")
    certify_runs(Request(**{name: getattr(options, name) for name in names}))
    return 0


def _init(options: argparse.Namespace) -> int:
    from pipeline.commands.init import init

    init(options.file, model=options.model, data=options.data)
    return 0


def _seeds(options: argparse.Namespace) -> int:
    from pipeline.run.seeds import write_seeds_report

    write_seeds_report(options.run)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "certify": _certify,
    "chat": _chat,
    "completion": _completion,
    "gate": _gate,
    "init": _init,
    "measure": _measure,
    "push": _push,
    "report": _report,
    "seeds": _seeds,
}
