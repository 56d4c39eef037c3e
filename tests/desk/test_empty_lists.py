"""A list that shows nothing says why, once and in our own words: nothing is there, or nothing fits what was asked."""

import pytest
from django.urls import reverse

from tests.factories import cast

pytestmark = pytest.mark.django_db
FITS = {
    "en": "Nothing here fits this search or these filters.",
    "nb": "Ingenting her passer med dette søket eller disse filtrene.",
}


@pytest.mark.parametrize("language", FITS)
@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("members_panelmember", {"q": "ZZZZZZZZZ"}),
        ("rights_request", {"state__exact": "closed"}),
        ("invitations_outgoing", {"q": "ZZZZZZZZZ"}),
        ("consent_consententry", {"q": "ZZZZZZZZZ"}),
    ],
)
def test_a_search_or_filter_that_nothing_fits_says_so(field, at_desk, table, asked, language):
    liv = at_desk(cast.LIV)
    page = liv.get(reverse(f"desk:{table}_changelist"), asked, headers={"accept-language": language}).text
    assert page.count(FITS[language]) == 1
    assert '<a href="?">' in page
    assert "yielded" not in page


def test_a_list_with_rows_and_one_that_is_empty_do_not_say_it(field, at_desk):
    liv = at_desk(cast.LIV)
    assert FITS["en"] not in liv.get(reverse("desk:members_panelmember_changelist")).text
    field.study.requests.all().delete()
    page = liv.get(reverse("desk:rights_request_changelist")).text
    assert FITS["en"] not in page
    assert "No request here." in page
    assert "yielded" not in page
