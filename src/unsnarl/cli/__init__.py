"""The command line: parse, one request to the api, write, and a few lines of report."""

from unsnarl.cli.commands import main

__all__ = ["main"]
