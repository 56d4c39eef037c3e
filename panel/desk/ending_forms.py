"""The forms of a project's end, extension and retention, and of words to all; what may be done is the services'."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from panel.desk.forms import Choice, Day, DeskForm, LongText, Text
from panel.releases.models import Release
from panel.rights.messages import LONGEST


class TypedForm(DeskForm):
    """The study's name, so that nothing happens by mistake."""

    typed = Text(label=_("The study’s name"), help_text=_("Type it exactly as it stands above."))


class WordsForm(DeskForm):
    """The same words in each language."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, name in settings.LANGUAGES:
            self.fields[f"words_{code}"] = LongText(
                label=_("Words in %(name)s") % {"name": name}, required=False, max_length=LONGEST
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        given["words"] = {code: given.pop(f"words_{code}", "") for code, _name in settings.LANGUAGES}
        return given


class NoticeForm(WordsForm):
    """The same words in each language of the study."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, _name in settings.LANGUAGES:
            if code not in self.initial["languages"]:
                del self.fields[f"words_{code}"]


class ResultForm(WordsForm):
    """The results, or why there are none."""

    reason = Text(
        label=_("Why nothing is told"), required=False, max_length=1000, help_text=_("Only if it is so.")
    )


class ExtensionForm(WordsForm):
    """A later end, and what members are told of it."""

    ends_on = Day(label=_("The project ends on"))
    retention_until = Day(label=_("Contact data are kept until"), required=False)


class ReleaseForm(DeskForm):
    """An approved release of the study, or why there is none."""

    release = forms.ModelChoiceField(
        label=_("Release"), queryset=Release.objects.none(), required=False, widget=Choice.widget,
        empty_label=_("none"),
    )  # fmt: skip
    reason = Text(label=_("Why there is none"), required=False, max_length=1000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = Release.objects.filter(study=self.initial["study"], state=Release.State.APPROVED)
        cast(Any, self.fields["release"]).queryset = chosen.order_by("-asked_at")


class ArchiveForm(DeskForm):
    """To whom the file goes."""

    where = Text(label=_("Which archive it is handed to"))
    certificate = forms.FileField(
        label=_("The archive’s certificate"), widget=UnfoldAdminFileFieldWidget(),
        help_text=_("RSA, in PEM form. Only who has its private key can read the file."),
    )  # fmt: skip
