"""The one exception that stands for a mistake its user can mend."""


class UserError(Exception):
    """A mistake in configuration or data.

    The message names the key or file, what was found, what was expected and how to mend it; it is
    shown without a traceback.
    """
