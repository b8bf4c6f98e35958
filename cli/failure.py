"""How a command fails. The one rule: the message is the one line its person reads, and says what to do where it can."""


class FailureError(Exception):
    """The command cannot do what it was asked; nothing will change that by itself."""

    exit_code = 1


class TroubleError(FailureError):
    """Something is away for now. A follower of a stream tries again, at the earliest after `after_seconds`."""

    def __init__(self, message: str, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds
