"""The border of the API: a refusal becomes a status and {"detail": sentence}. Only this file knows which."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from panel.errors import BadInput, NotAllowed, NotFound, NotNow, Refusal

STATUS: dict[type[Refusal], int] = {BadInput: 400, NotAllowed: 403, NotFound: 404, NotNow: 409}


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's own for its own; None, a 500, for what is no refusal."""
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return Response({"detail": str(error)}, status=status)
    return exception_handler(error, context)
