"""The one exception for wrong input from outside: files, settings, commands, checkpoints."""


class InputError(ValueError):
    """Something a user handed in cannot be used; the message is one line that says what and why.

    The command line turns it into exit status 2 and that line, never a traceback.
    """


class TrainingError(RuntimeError):
    """Training cannot go on (a quantity is not finite or exploded); the message names the quantity."""
