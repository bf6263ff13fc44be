"""The one way in which a run fails."""


class RunFailed(Exception):
    """A run gave no figure; the message says why, with the end of the log that tells more."""
