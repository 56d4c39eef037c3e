"""MAIL-01: words that disclose where a mailbox's owner comes from are found, in every inflection tried."""

import pytest

from panel.invitations.blocklist import blocked_words


@pytest.mark.parametrize(
    "text",
    [
        "A survey for refugees", "Are you going to return?", "Those who left Norway", "after the war",
        "UDI", "asylum", "under temporary Protection", "Ukrainians in Norway", "your residence\npermit",
        "RETURNING home", "Undersøkelse blant flyktninger", "krigsflyktninger", "fra Ukraina", "ukrainere",
        "midlertidig beskyttelse", "kollektivbeskyttelse", "vil du vende tilbake", "returplaner",
        "de som forlot Norge", "Norske asylmottak", "опитування біженців", "біженка", "з України",
        "українцям", "під час війни", "у воєнний час", "тимчасовий захист", "захисту", "повернутися додому",
        "повернення", "чи повертаєтеся ви", "тих, хто виїхав", "залишили Норвегію", "опрос беженцев",
        "беженкам", "из Украины", "украинцы", "во время войны", "временная защита", "защите",
        "вернуться домой", "возвращение", "вы вернётесь", "вернетесь ли вы", "тех, кто выехал",
        "покинули Норвегию", "استبيان للاجئين", "لاجئة", "من أوكرانيا", "أثناء الحَرْب", "طلب اللجوء", "الحماية المؤقتة",
        "العودة إلى الوطن", "مهاجرون", "غادروا النرويج", "پناهنده", "پناه‌جویان", "پناهندگي", "جنگ", "از اوکراین",
        "بازگشت", "مهاجران", "نروژ را ترک کردید", "کډوال", "پناہ گزین", "یوکرین سے", "פליטים", "מאוקראינה", "המלחמה",
        "לַחֲזוֹר הביתה",
    ],
)  # fmt: skip
def test_mail_01_a_listed_word_is_found_in_its_forms(text):
    assert blocked_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "warm words", "toward you", "award", "Studien ved instituttet", "personvern", "Kjære deltaker",
        "mottatt", "Вкажіть, будь ласка", "зворотний зв'язок", "наверное", "переверните страницу",
        "верный ответ", "родина", "вами", "судить", "студія", "nudist", "en studie", "tune",
        "We have received your request", "بعض الأسئلة الجديدة", "مشروع بحثي", "چند پرسش تازه", "نشانی شما", "کیف",
        "نئے سوالات", "نوې پوښتنې", "שאלות חדשות",
    ],
)  # fmt: skip
def test_mail_01_only_whole_words_count(text):
    assert blocked_words(text) == ()


@pytest.mark.parametrize(
    "text", ["refu\u00adgee", "re\u200bfugee", "біже\u0301нці", "Украї\u0308ни".replace("ї\u0308", "і\u0308")]
)
def test_mail_01_invisible_characters_and_stress_marks_hide_nothing(text):
    assert blocked_words(text)
