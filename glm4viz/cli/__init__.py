"""The command line, thin over the library: one file a command, imported when it is called for.

Exit status: 0; 1 for findings, such as a record that can't be read or labelled; 2 for wrong usage, which is told in one sentence.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from glm4viz.cli.misuse import Interrupted, Misuse, UsageError, asked_language, complain, words_of
from glm4viz.cli.streams import prepare_streams
from glm4viz.texts import both, fill

COMMANDS = ("label", "compare", "check", "convert", "loss", "capture", "recipes")  # a module each, with the function `command`


class Commands(TyperGroup):
    """A command's module is imported when that command is asked for, so that none waits for the others'."""

    def list_commands(self, _: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: Any, cmd_name: str) -> Any:
        if cmd_name.startswith("-"):
            return None
        if cmd_name not in COMMANDS:
            known = ", ".join(difflib.get_close_matches(cmd_name, COMMANDS, 1) or COMMANDS)
            raise Misuse("", f"There is no command {cmd_name!r}. Did you mean: {known}?", f"没有命令 {cmd_name!r}。是不是：{known}？")
        alone = typer.Typer(add_completion=False)
        module = import_module(f"{__name__}.{cmd_name}")
        alone.command(cmd_name, cls=getattr(module, "Shown", None))(module.command)
        return typer.main.get_command(alone)

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """Runs a command and ends the process. Wrong usage of any kind ends here: one sentence on standard error, and status 2."""
        given = sys.argv[1:] if args is None else list(args)
        prepare_streams()
        try:
            status = super().main(given or ["--help"], *more, **named | {"standalone_mode": False})
            sys.stdout.flush()
        except UsageError as error:
            complain(*words_of(error, asked_language(given)))
            sys.exit(2)
        except Interrupted as stopped:
            complain("", stopped.said[asked_language(given)])
            sys.exit(_INTERRUPTED)
        except typer.Abort:
            status = _INTERRUPTED
        except SystemExit:  # typer ends the process itself for a closed pipe
            _give_up_stdout()
            complain("", _CLOSED[asked_language(given)])
            raise
        except OSError as error:  # standard output is full, or whoever read it has gone
            _give_up_stdout()
            complain("", fill(_NO_STDOUT, reason=error.strerror or str(error))[asked_language(given)])
            sys.exit(1)
        if status == _INTERRUPTED:
            complain("", _STOPPED[asked_language(given)])
        sys.exit(status if given else 2)


_INTERRUPTED = 130  # the status after Ctrl-C
_STOPPED = both("Stopped. Nothing that was to be written has been.", "已停止。要写的文件都没有写入。")
_CLOSED = both("Whoever read the output has closed it.", "读取输出的一方已将其关闭。")
_NO_STDOUT = both("The output can't be written: {reason}.", "无法写出输出：{reason}。")


def _give_up_stdout() -> None:
    """Python would try once more when it ends, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a conversation is nobody else's business, not even in a fault's report
    help="See, token by token, what a GLM-4 fine-tune will and won't be taught.",
)


@app.callback()
def _commands() -> None: ...


def main() -> None:
    app()
