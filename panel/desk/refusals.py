"""Which refusal is which HTTP status at the desk. The one place that knows."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from consent.errors import ConsentError
from panel.errors import BadInput, NotAllowed, NotFound, NotNow, Unreachable

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


def status_of(error: Exception) -> int:
    """The HTTP status of a refusal; 500 for what is none."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
