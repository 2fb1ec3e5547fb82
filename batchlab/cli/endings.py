"""How commands end: in one sentence where something is wrong, in order where they are stopped."""

import contextlib
import errno
import signal
from collections.abc import Iterator
from typing import NoReturn

import click

STOPPED = 130


class Sentence(click.ClickException):
    """What is wrong with a command, in one sentence."""

    exit_code = 2


@contextlib.contextmanager
def in_a_sentence() -> Iterator[None]:
    """End a command with the sentence of an error, and status 2."""
    try:
        yield
    except (ModuleNotFoundError, OSError, TypeError, ValueError) as error:
        raise Sentence(str(error)) from error


class Commands(click.Group):
    """Commands that end in order."""

    def invoke(self, context: click.Context) -> object:
        """Run a command."""
        # SIGTERM ends a command in order as Ctrl-C does: a kernel would outlive it otherwise.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            stopped(context)
        except OSError as error:
            # Click knows how to end where nobody reads what it says.
            if error.errno == errno.EPIPE:
                raise
            raise Sentence(str(error)) from error
        finally:
            signal.signal(signal.SIGTERM, before)


def stopped(context: click.Context) -> NoReturn:
    """Say that a command was stopped, and end with status 130."""
    click.echo("stopped", err=True)
    context.exit(STOPPED)
