"""The forms of the desk, in Unfold's dress. Fields and their words; what may be done is the services'."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from panel.members.models import Study


class DeskForm(forms.Form):
    """Nothing to fill in: a confirmation."""


class ReasonForm(DeskForm):
    """A reason, kept with what is done."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=UnfoldAdminTextareaWidget({"rows": 3, "autofocus": True}),
        help_text=_("Kept for good. Write no name and no address."),
    )


class Text(forms.CharField):
    """One line."""

    def __init__(self, **given: Any) -> None:
        given.setdefault("widget", UnfoldAdminTextInputWidget({"autocomplete": "off"}))
        super().__init__(**{"max_length": 150, **given})


class LongText(forms.CharField):
    """Several lines; with `first` the page begins there."""

    def __init__(self, *, first: bool = False, **given: Any) -> None:
        given.setdefault("widget", UnfoldAdminTextareaWidget({"rows": 4, "autofocus": first}))
        super().__init__(**{"max_length": 1000, **given})


class Choice(forms.ChoiceField):
    """One of a list."""

    widget = UnfoldAdminSelectWidget


class Day(forms.DateField):
    """A day, with the browser's own calendar."""

    def __init__(self, **given: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget({"type": "date"}), **given)


class Moment(forms.DateTimeField):
    """A time in Norway, with the browser's own picker."""

    def __init__(self, **given: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}), **given)


class Number(forms.IntegerField):
    """A whole number."""

    def __init__(self, **given: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget({"type": "number"}), **given)


class Tick(forms.BooleanField):
    """Something a person vouches for; required unless said otherwise."""

    widget = UnfoldBooleanWidget


class StudyField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the studies in which the person may do this; the only one is chosen already."""

    widget = UnfoldAdminSelectWidget

    def __init__(self, **given: Any) -> None:
        super().__init__(queryset=Study.objects.none(), label=_("Study"), empty_label=None, **given)


class StudyForm(DeskForm):
    """A form about one of a person's studies."""

    study = StudyField()

    def __init__(self, *args: Any, studies: QuerySet[Study], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["study"]
        field.queryset = studies  # type: ignore[attr-defined]
        if len(studies) == 1:
            field.initial, field.widget = studies[0].pk, forms.HiddenInput()


class MemberForm(StudyForm):
    """A member's code, as it stands in a letter or was told on the phone."""

    code = Text(label=_("Member code"), help_text=_("Nine letters and digits; case and dashes don't matter."))


class UploadForm(StudyForm):
    """A recruitment file."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(),
        help_text=_("CSV or XLSX. It is read in memory and kept sealed, for one hour at most."),
    )
