"""The few kinds of refusal. Each carries one sentence for the person who meets it and never personal data.

The border (views, commands, tasks) turns a kind into a status; no module defines kinds of its own except
`consent`, which stands below the panel and is mapped at the border.
"""

from django.utils.functional import Promise


class Refusal(Exception):
    """Something the service will not do; `str()` is the sentence to show."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


class NotAllowed(Refusal):
    """This person may not do this (HTTP 403)."""


class NotNow(Refusal):
    """Nobody may do this in the present state (HTTP 409)."""


class BadInput(Refusal):
    """What was given can't be used as it is (HTTP 400)."""


class NotFound(Refusal):
    """There is no such thing, or not for this person: both look the same (HTTP 404)."""


class Damaged(Refusal):
    """Stored data does not hold together: a wrong key, a moved row, a flipped bit. Names the row by code."""


class Unreachable(Refusal):
    """An outside part did not answer; `permanent` says whether trying again makes sense."""

    def __init__(self, sentence: str | Promise, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent
