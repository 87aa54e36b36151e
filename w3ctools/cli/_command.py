"""What every command does alike: begin, end, and say how it ended.

The only place that exits.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

import w3ctools
from w3ctools.cli._settings import INSTEAD_OF_FILE, config_option
from w3ctools.core.errors import W3CError
from w3ctools.edge.limits import spare_page_faults
from w3ctools.edge.signals import Signals, die_by
from w3ctools.edge.streams import ReaderGone, WriteFailed, note, open_standard_streams, program_name

C = TypeVar("C", bound=click.Command)

#: Objects that must have been made before the youngest are looked at for garbage.
COLLECT_AT = 20_000


class ExitStatus(IntEnum):
    """How a command ended; a signal shows as 128 + its number."""

    DONE = 0
    #: Input or output failed on the way.
    FAILED = 1
    #: Wrong options, an unusable configuration or state.
    USAGE = 2
    #: An alert was raised, where that is asked for.
    ALERT = 3
    #: EX_DATAERR of sysexits.h: the input is in no known format.
    DATA = 65


class Ended(Exception):
    """A command ends here, with this status; what there was to say was said."""

    def __init__(self, status: ExitStatus) -> None:
        super().__init__(status)
        self.status = status


def say(text: str) -> None:
    """A diagnostic on stderr, one line, with the command's name in front."""
    note(f"{program_name()}: {text}")


def say_if_any(text: str | None) -> None:
    """The same for what there may be to tell."""
    if text is not None:
        say(text)


def command(
    name: str, section: str, *, reads_records: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function the command `name`, with the settings of `section` behind its options.

    `reads_records`: they come on stdin, and a FILE is refused with a word on that.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        optioned = config_option(section)(_version(name)(function))
        made = click.command(name, cls=_class(reads_records), context_settings=_context(name))
        return _in_order(made(optioned))

    return decorate


def group(name: str, section: str) -> Callable[[Callable[..., None]], click.Group]:
    """The same for a command that has subcommands, and a file with named sections."""

    def decorate(function: Callable[..., None]) -> click.Group:
        optioned = config_option(section)(_version(name)(function))
        made = click.group(
            name,
            cls=_Group,
            invoke_without_command=True,
            subcommand_metavar="[COMMAND]",
            context_settings=_context(name),
        )
        return _in_order(made(optioned))

    return decorate


class _Group(click.Group):
    """A command that reads stdin, and has subcommands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand. Raises UsageError for a word that is none, perhaps a FILE."""
        if ctx.resilient_parsing:  # a shell completes a line that is not whole yet
            return super().resolve_command(ctx, args)
        if self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}: records come on stdin, and commands are {known}")
        _refuse_options_before(args[0], ctx, but="config")
        return super().resolve_command(ctx, args)


class _RecordReader(click.Command):
    """A command that reads records from stdin."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Called by click. Raises UsageError for words too many, which are meant as files to read."""
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            self.check_words(ctx, rest)
        return rest

    def check_words(self, ctx: click.Context, rest: list[str]) -> None:
        """Look at the words behind the options; `rest` are those too many. Raises UsageError."""
        if rest:
            path = ctx.command_path
            raise click.UsageError(
                f"records come on stdin, not from {rest[0]!r}: w3c-parse LOG | {path}, or {path} < RECORDS",
                ctx,
            )


def command_with_subcommands(
    name: str, section: str
) -> Callable[[Callable[..., None]], CommandWithSubcommands]:
    """The same for a command that takes a FILE and has subcommands: the first word tells which it is."""

    def decorate(function: Callable[..., None]) -> CommandWithSubcommands:
        optioned = config_option(section)(_version(name)(function))
        made = click.command(name, cls=CommandWithSubcommands, context_settings=_context(name))
        return _in_order(made(optioned))

    return decorate


class CommandWithSubcommands(_RecordReader):
    """A command of its own, unless its first word is the name of a subcommand."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.commands: dict[str, click.Command] = {}

    def add_command(self, command: click.Command) -> None:
        """Have a subcommand."""
        self.commands[str(command.name)] = command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Called by click: the context of the command that the words mean."""
        named = self.commands.get(args[0]) if args else None
        if named is None:
            is_first = not args
            ctx = super().make_context(info_name, args, parent, **extra)
            ctx.meta[INSTEAD_OF_FILE] = tuple(self.commands) if is_first else ()
            return ctx
        own = click.Context(self, parent, info_name, **self.context_settings)
        return named.make_context(args[0], args[1:], own, **extra)

    def check_words(self, ctx: click.Context, rest: list[str]) -> None:
        """Raises UsageError for a FILE, too, that has the name of a subcommand."""
        for param in self.params:
            word = ctx.params.get(str(param.name))
            if isinstance(param, click.Argument) and word in self.commands and _is_given(ctx, param):
                _refuse_options_before(word, ctx)
                raise click.UsageError(f"{word!r} is a command: a file of that name is ./{word}", ctx)
        super().check_words(ctx, rest)

    def invoke(self, ctx: click.Context) -> Any:
        """Called by click with that context."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Called by click for --help."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str()) for name, one in self.commands.items()])


def subcommand(
    name: str, environment: str, section: str | None = None, *, reads_records: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a subcommand, with the variables of its group, and its section if it reads the file.

    `reads_records` as for a `command`.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        context = {"auto_envvar_prefix": environment, "help_option_names": ["-h", "--help"]}
        optioned = function if section is None else config_option(section)(function)
        return _in_order(click.command(name, cls=_class(reads_records), context_settings=context)(optioned))

    return decorate


def _class(reads_records: bool) -> type[click.Command]:
    return _RecordReader if reads_records else click.Command


def _is_given(ctx: click.Context, param: click.Parameter) -> bool:
    """Whether it stands on the command line."""
    return ctx.get_parameter_source(str(param.name)) == ParameterSource.COMMANDLINE


def _refuse_options_before(word: str, ctx: click.Context, but: str | None = None) -> None:
    """Raises UsageError for options that the subcommand `word` would not get; it gets the one named `but`."""
    for param in ctx.command.params:
        if isinstance(param, click.Option) and param.name != but and _is_given(ctx, param):
            option = max(param.opts, key=len)
            raise click.UsageError(f"{option} stands before {word!r}, which does not take it there", ctx)


def _in_order(made: C) -> C:
    """Its own options first, in --help and manual; then those that all commands have."""
    made.params.sort(key=lambda param: param.name in ("config", "version"))
    return made


def _context(name: str) -> dict[str, object]:
    return {
        "auto_envvar_prefix": name.replace("-", "_").upper(),
        "help_option_names": ["-h", "--help"],
    }


def _version(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.version_option(w3ctools.__version__, prog_name=name, message="%(prog)s %(version)s")


def listen(report: Callable[[], str]) -> Signals:
    """Handle signals; SIGUSR1 says what `report` gives."""
    signals = Signals()
    signals.answer(lambda: say(report()))
    return signals


def finish(signals: Signals) -> None:
    """The end of a command: a signal that asked for it ends the process, after the last output."""
    if signals.received is not None:
        die_by(signals.received)


def run(command: click.Command) -> NoReturn:
    """Run a command and leave the process, without what Python does at exit: there is nothing to do."""
    sys.argv[0] = command.name or sys.argv[0]  # the same name however it was started
    os._exit(_status_of(command))


def _status_of(command: click.Command) -> int:
    open_standard_streams()
    spare_page_faults()
    gc.freeze()  # what start-up made stays; later collections need not look at it
    gc.set_threshold(COLLECT_AT)  # rows of a block are no garbage: looking at them took a tenth of the time
    try:
        result = command.main(prog_name=program_name(), standalone_mode=False)
        if sys.stdout is not None:  # None where it was closed
            sys.stdout.flush()
        return result if isinstance(result, int) else ExitStatus.DONE
    except SystemExit as end:  # click's own: a shell got its completions, or help could not be printed
        if not end.code:
            return ExitStatus.DONE
        die_by(signal.SIGPIPE)
    except (ReaderGone, BrokenPipeError):
        die_by(signal.SIGPIPE)
    except Ended as end:
        return end.status
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else program_name()
        say(f"{error.format_message().removesuffix('.')} (see {path} --help)")
    except click.ClickException as error:
        say(error.format_message())
    except click.Abort:
        die_by(signal.SIGINT)
    except WriteFailed as error:
        say(str(error))
        return ExitStatus.FAILED
    except OSError as error:  # such as a help text for a full disk
        say(error.strerror or str(error))
        return ExitStatus.FAILED
    except W3CError as error:
        say(str(error))
    return ExitStatus.USAGE
