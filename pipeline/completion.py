"""`primum completion SHELL`: what the shell offers behind `primum`, made from the parser itself and
from the settings.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

SHELLS = ("bash", "zsh", "fish")
_BASH = """\
# primum completion {shell}: source this file in your shell's start-up file.
{start}_primum() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case $command in
{cases}
        esac
        case $word in
            -*) ;;
            *) words="{settings}" ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    case ${{COMPREPLY[0]}} in *=) compopt -o nospace 2>/dev/null ;; esac
}}
complete -o default -F _primum primum
"""


def script(shell: str, root: argparse.ArgumentParser, settings: list[str]) -> str:
    """For bash and zsh a function, for fish a line a word; files are offered besides."""
    commands = commands_of(root)
    options = {name: _options(parser) for name, parser in commands.items()}
    return _fish(options, settings) if shell == "fish" else _bash(shell, options, settings)


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


def _bash(shell: str, options: Mapping[str, list[str]], settings: list[str]) -> str:
    cases = "\n".join(
        f'            {name}) words="{" ".join(found)}" ;;' for name, found in options.items()
    )
    return _BASH.format(
        shell=shell,
        start="autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else "",
        commands=" ".join(options),
        cases=cases,
        settings=" ".join(f"{key}=" for key in settings),
    )


def _fish(options: Mapping[str, list[str]], settings: list[str]) -> str:
    lines = ["# primum completion fish: write this into ~/.config/fish/completions/primum.fish"]
    for name in options:
        lines.append(f"complete -c primum -n __fish_use_subcommand -f -a {name}")
    for name, found in options.items():
        for option in found:
            lines.append(
                f"complete -c primum -n '__fish_seen_subcommand_from {name}' -l {option[2:]}"
            )
    for key in settings:
        lines.append(f"complete -c primum -n 'not __fish_use_subcommand' -a {key}=")
    return "\n".join([*lines, ""])
