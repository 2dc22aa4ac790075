"""How a command ends: the exit codes, and the error of words that are wrong."""

from __future__ import annotations

from lobule.errors import InputError

DONE, BAD_INPUT, SOME_FAILED, INTERRUPTED = 0, 2, 3, 130


class UsageError(InputError):
    """Something is wrong with the words of a command line."""

    def __init__(self, program: str, message: str) -> None:
        super().__init__(message)
        self.program = program
