"""How a command ends: the exit codes, and which error has which.

Messages go to stderr, data to stdout. Every error of a command passes through `Commands.invoke`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from enum import IntEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

import chronolite as cl


class Code(IntEnum):
    """The exit codes; scripts may rely on them."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    LOCKED = 4
    DAMAGED = 5
    MISFIT = 6
    NEEDS_PACKAGE = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141


HELP = (
    "Exit codes: 0 fine, 1 error, 2 wrong usage, 3 file, table or column not found, 4 locked by "
    "another process, 5 damaged, 6 data does not fit, 7 a package is missing, 130 interrupted, "
    "141 the reader of the output went away."
)


class Failure(Exception):  # noqa: N818  (it is how a command fails, not what is wrong)
    """Ends the command with this message and code."""

    def __init__(self, message: str, code: Code = Code.ERROR) -> None:
        super().__init__(message)
        self.code = code


def needs(package: str, extra: str, what: str) -> Failure:
    """The failure for a package that is not installed, to be raised `from None`."""
    message = f"{what} needs {package}: pip install 'chronolite[{extra}]'"
    return Failure(message, Code.NEEDS_PACKAGE)


class Commands(TyperGroup):
    """The commands, with errors as messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            # A pipe that is closed already is noticed here, not at the interpreter's end.
            sys.stdout.flush()
        except BrokenPipeError:
            _silence_stdout()
            raise typer.Exit(Code.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            _end("interrupted: no row that was stored is lost", Code.INTERRUPTED)
        except Failure as failure:
            _end(str(failure), failure.code)
        except (cl.ChronoliteError, OSError, OverflowError) as error:
            _end(text_of(error), code_of(error))
        return result


def leave(end: SystemExit) -> NoReturn:
    """End the process, at once if pyarrow may still be reading.

    When an import fails, a thread of pyarrow's may be about to read from an object of Python's. The
    interpreter's end would stop that thread, and pyarrow's end would wait for it for ever.
    Everything of ours is closed by then.
    """
    if "pyarrow" not in sys.modules or not isinstance(end.code, int):
        raise end
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(end.code)


def warn(message: str) -> None:
    """Print a line that is no error to stderr."""
    _stderr().print(f"[yellow]note:[/] {escape(message)}")


def code_of(error: BaseException) -> Code:
    """The exit code for an error."""
    match error:
        case cl.TableNotFoundError() | FileNotFoundError():
            return Code.NOT_FOUND
        case cl.DatabaseLockedError():
            return Code.LOCKED
        case cl.CorruptionError():
            return Code.DAMAGED
        case cl.SchemaError() | OverflowError():
            return Code.MISFIT
        case cl.InvalidInputError():
            return Code.USAGE
        case _:
            return Code.ERROR


def text_of(error: BaseException) -> str:
    """What to print for an error."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _end(message: str, code: Code) -> NoReturn:
    _stderr().print(f"[bold red]error:[/] {escape(message)}")
    raise typer.Exit(code)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def _silence_stdout() -> None:
    # Otherwise the interpreter complains when it flushes stdout at its end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
