"""Forms of log-in and second factor: allauth's, in the desk's dress; a code that fails leaves an audit row.

The pages are accounts.py's; what allauth is told to do is panel/staff/adapters.py's.
"""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from panel import clock
from panel.staff import services

#: What stays of the widgets of allauth and Django.
KEPT = ("autocomplete", "inputmode", "maxlength")
LABELS = {
    "username": _("User name"),
    "password": _("Password"),
    "oldpassword": _("Password until now"),
    "password1": _("New password"),
    "password2": _("New password, again"),
    "new_password1": _("New password"),
    "new_password2": _("New password, again"),
    "code": _("Code"),
    "name": _("Name of the key"),
}


def dress(form: forms.Form) -> None:
    """Unfold's fields with our words; what a browser may fill in stays said."""
    shown = {name: one for name, one in form.fields.items() if not isinstance(one.widget, forms.HiddenInput)}
    for number, (name, field) in enumerate(shown.items()):
        attrs = {key: field.widget.attrs[key] for key in KEPT if key in field.widget.attrs}
        if number == 0:
            attrs["autofocus"] = True
        secret = isinstance(field.widget, forms.PasswordInput)
        field.widget = (UnfoldAdminPasswordWidget if secret else UnfoldAdminTextInputWidget)(attrs)
        field.label, field.help_text = LABELS[name], ""


class LogInForm(LoginForm):  # type: ignore[misc]
    """By user name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rest: dict[str, forms.Field] = dict(self.fields)
        self.fields: dict[str, forms.Field] = {"username": rest.pop("login"), **rest}

    def clean(self) -> Any:
        self.cleaned_data["login"] = self.cleaned_data.get("username", "").strip()
        return super().clean()


class Watched:
    """A second factor that isn't right is a log-in that failed."""

    method: str

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        if self.is_bound and self._errors:  # type: ignore[attr-defined]
            name = self.user.get_username()  # type: ignore[attr-defined]
            services.log_in_failed(username=name, method=self.method, now=clock.now())


class CodeForm(Watched, AuthenticateForm):  # type: ignore[misc]
    """The code of an app, or a recovery code."""

    method = "code"


class KeyForm(Watched, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """What a security key answered."""

    method = "security key"
