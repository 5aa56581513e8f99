"""The command line: parse, one request to the api, write, and a few lines of report."""

from unsnarl.cli.early import answer_signals_early

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    answer_signals_early()
    from unsnarl.cli.commands import main as run_commands

    run_commands()
