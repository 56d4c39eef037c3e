"""What is sent or read out with a link that is passed on by telephone: no name, and no word of the topic (MAIL-01)."""

from django.utils import translation
from django.utils.translation import gettext as _

from panel.invitations.blocklist import blocked_words
from panel.members.models import PanelMember


def text_for(member: PanelMember, url: str) -> str:
    """Who asks, that it is voluntary, where to ask: in the member's language."""
    study = member.study
    with translation.override(member.language):
        text = _(
            "Hello! You said yes to questions from %(study)s, %(institution)s. Here is your own link; please don’t "
            "share it: %(link)s Answering is voluntary. Questions? Write to %(contact)s"
        )
    return text % {
        "study": study.public_name, "institution": study.institution, "contact": study.contact_email, "link": url,
    }  # fmt: skip


def telling_words(member: PanelMember) -> list[str]:
    """Words of the block list that would stand in it, by what the study calls itself."""
    return sorted(set(blocked_words(text_for(member, ""))))
