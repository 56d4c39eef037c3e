"""Why there is no answer, as files say it (RES-06): one code and one label each, for every wave, wave 0 too.

When a question is given which of them is decided where answers are coded (enrolment, instruments).
"""

from enum import IntEnum


class Missing(IntEnum):
    """Why there is no answer. No answer of a respondent is negative, so they can't be mistaken."""

    NOT_ASKED = -1  # the questionnaire didn't lead there
    NOT_OFFERED = -2  # asked, but this option was not among the shown ones
    REFUSED = -3  # "prefer not to say"
    BROKE_OFF = -4  # stopped before this page
    SKIPPED = -5  # saw the question and went on without answering; in wave 0 a blank cell


MISSING_LABELS = {
    Missing.NOT_ASKED: "not asked",
    Missing.NOT_OFFERED: "not offered",
    Missing.REFUSED: "prefer not to say",
    Missing.BROKE_OFF: "broke off",
    Missing.SKIPPED: "no answer",
}
