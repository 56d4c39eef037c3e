"""The few kinds of refusal. Each carries one sentence for the person who meets it and never personal data.

Which kind is which HTTP status stands here too, once for the desk and the API. No module defines kinds of
its own except `consent`, which stands below the panel.
"""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.functional import Promise

from consent.errors import ConsentError


class Refusal(Exception):
    """Something the service will not do; `str()` is the sentence to show."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


class NotAllowed(Refusal):
    """This person may not do this."""


class NotNow(Refusal):
    """Nobody may do this in the present state."""


class BadInput(Refusal):
    """What was given can't be used as it is."""


class NotFound(Refusal):
    """There is no such thing, or not for this person: both look the same."""


class Damaged(Refusal):
    """Stored data does not hold together: a wrong key, a moved row, a flipped bit. Names the row by code."""


class Unreachable(Refusal):
    """An outside part did not answer; `permanent` says whether trying again makes sense."""

    def __init__(self, sentence: str | Promise, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent


STATUS: dict[type[Exception], int] = {
    BadInput: 400,
    ConsentError: 400,
    NotAllowed: 403,
    PermissionDenied: 403,
    NotFound: 404,
    Http404: 404,
    NotNow: 409,
    Unreachable: 503,
}
"""The HTTP status of each kind. What is damaged is none of the person's doing, so it stays a 500."""


def status_of(error: Exception) -> int:
    """The HTTP status of a refusal; 500 for what is none."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
