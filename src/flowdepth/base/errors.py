"""What ends a stage other than a defect."""


class UserError(Exception):
    """A mistake in configuration or data.

    The message names the key or file, what was found, what was expected and how to mend it; it is
    shown without a traceback.
    """


class StoppedError(Exception):
    """A signal has stopped a computation, whose state is saved."""
