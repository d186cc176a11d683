"""`primum completion SHELL`: what the shell offers behind `primum`, made from the parser itself and
from the settings.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

SHELLS = ("bash", "zsh", "fish")
_BASH = """\
# primum completion {shell}: source this file in your shell's start-up file.
{start}_primum() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} words key= before=
    # bash parts key=value at the sign, zsh does not.
    case $word in
        =) key=${{COMP_WORDS[COMP_CWORD-1]}}; word= ;;
        *=*) key=${{word%%=*}}; before="$key="; word=${{word#*=}} ;;
    esac
    [ "${{COMP_WORDS[COMP_CWORD-1]}}" = "=" ] && key=${{COMP_WORDS[COMP_CWORD-2]}}
    if [ -n "$key" ]; then
        case $key in
{values}
        esac
        COMPREPLY=($(compgen -P "$before" -W "$words" -- "$word"))
        return
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case $command in
{cases}
        esac
        case $word in
            -*) ;;
            *) words="{settings}"
               [ "$command" = measure ] && words="{suites} $words" ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    case ${{COMPREPLY[0]}} in *=) compopt -o nospace 2>/dev/null ;; esac
}}
complete -o default -F _primum primum
"""


@dataclass(frozen=True)
class Offered:
    """What may be typed behind `primum`."""

    options: Mapping[str, Sequence[str]]
    """Of every command."""
    settings: Sequence[str]
    values: Mapping[str, Sequence[str]]
    """Of the settings that take one of a few words."""
    suites: Sequence[str]
    """Behind `primum measure MODEL`."""


def script(shell: str, root: argparse.ArgumentParser, settings: list[str]) -> str:
    """For bash and zsh a function, for fish a line a word; files are offered besides."""
    # Both read YAML by omegaconf, which --help must not wait for: it knows this module's commands.
    from eval.suites.registry import names  # noqa: PLC0415

    options = {name: _options(parser) for name, parser in commands_of(root).items()}
    offered = Offered(options, settings, values_of_settings(), names())
    return _fish(offered) if shell == "fish" else _bash(shell, offered)


def values_of_settings() -> Mapping[str, Sequence[str]]:
    """The words that a setting takes, of those that take one of a few."""
    from pipeline.run.setting_facts import setting_facts  # noqa: PLC0415

    found: dict[str, Sequence[str]] = {}
    for fact in setting_facts():
        if fact.names:
            found[fact.key] = fact.names
        elif get_origin(fact.hint) is Literal:
            found[fact.key] = [str(word) for word in get_args(fact.hint)]
        elif fact.hint is bool:
            found[fact.key] = ("true", "false")
    return {key: words for key, words in found.items() if "*" not in key}


def commands_of(root: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Every command's own parser, in the order of the help."""
    # argparse has no public way to its subcommands.
    (holder,) = (
        action for action in root._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(holder.choices)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    made: list[str] = []
    for action in parser._actions:
        for option in action.option_strings:
            if option.startswith("--"):
                made.append(option)
    return made


def _bash(shell: str, offered: Offered) -> str:
    return _BASH.format(
        shell=shell,
        start="autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else "",
        commands=" ".join(offered.options),
        cases=_cases(offered.options),
        values=_cases(offered.values),
        settings=" ".join(f"{key}=" for key in offered.settings),
        suites=" ".join(offered.suites),
    )


def _cases(words: Mapping[str, Sequence[str]]) -> str:
    """Arms of a shell's `case`."""
    lines = [f'            {name}) words="{" ".join(found)}" ;;' for name, found in words.items()]
    return "\n".join(lines)


def _fish(offered: Offered) -> str:
    lines = ["# primum completion fish: write this into ~/.config/fish/completions/primum.fish"]
    for name in offered.options:
        lines.append(f"complete -c primum -n __fish_use_subcommand -f -a {name}")
    for name, found in offered.options.items():
        for option in found:
            lines.append(
                f"complete -c primum -n '__fish_seen_subcommand_from {name}' -l {option[2:]}"
            )
    for key in offered.settings:
        for word in ("", *offered.values.get(key, ())):
            lines.append(f"complete -c primum -n 'not __fish_use_subcommand' -a {key}={word}")
    for suite in offered.suites:
        lines.append(f"complete -c primum -n '__fish_seen_subcommand_from measure' -a {suite}")
    return "\n".join([*lines, ""])
