"""Words that no letter holds (MAIL-01): they would tell whoever looks into a mailbox where its owner comes
from.

Data per language and the one function that looks for them. A `*` stands for any letters, so that inflected
forms and Norwegian compounds are found; without it the whole word is meant. All lists hold for every letter,
since a Norwegian name can stand in a Ukrainian one.
"""

import re
import unicodedata
from functools import lru_cache

WORDS: dict[str, tuple[str, ...]] = {
    "nb": (
        "*flyktning*", "*ukrain*", "*krig*", "*asyl*", "*beskytt*", "*retur*", "*vende tilbake*",
        "*vendt* tilbake*", "hjemvend*", "hjemreis*", "tilbakevend*", "forlat* norge", "forlot norge",
        "flyttet fra norge", "reist fra norge", "utvandr*", "*innvandr*", "*migrant*", "*migrasjon*",
        "*oppholdstillat*", "*utlendings*", "*fordrev*", "*fordriv*", "udi", "une", "imdi", "*mottak*",
        "russland*", "russisk*", "kyiv*", "kiev*", "bosett*", "bosatt*",
    ),
    "en": (
        "refugee*", "ukrain*", "war", "wars", "wartime", "asylum*", "protection*", "protected", "return*",
        "left norway", "leave norway", "leaving norway", "leaver*", "emigra*", "immigra*", "migra*",
        "displace*", "residence permit*", "permit*", "udi", "homeland*", "russia*", "kyiv*", "kiev*",
        "settlement*", "resettle*", "exit*",
    ),
    "uk": (
        "біжен*", "украї*", "війн*", "воєн*", "притул*", "захист*", "захищ*", "поверн*", "поверт*",
        "вернут*", "вернул*", "виїзд*", "виїзн*", "виїха*", "виїжд*", "покину* норвег*", "залиш* норвег*",
        "мігра*", "мігру*", "еміг*", "іміг*", "переселен*", "переміщ*", "дозвіл на проживання",
        "дозвол* на проживання", "посвідк*", "евакуа*", "росі*", "києв*", "київ*", "батьківщин*", "юді",
        "уді",
    ),
    "ru": (
        "бежен*", "украин*", "войн*", "воен*", "убежищ*", "защит*", "защищ*", "возвра*", "вернут*",
        "вернул*", "вернет*", "вернеш*", "вернем*", "выезд*", "выезж*", "выеха*", "покину* норвег*",
        "уеха* из норвег*", "мигра*", "мигри*", "эмигр*", "иммигр*", "переселен*", "перемещ*",
        "вид на жительство", "вида на жительство", "разрешени* на проживание", "эвакуа*", "росси*", "киев*",
        "юди", "уди",
    ),
    "ar": (
        "*لاجئ*", "*لجوء*", "*أوكراني*", "حرب", "حروب", "*الحرب", "للحرب", "*حماية*", "*عودة*", "*رجوع*", "*هجرة*",
        "*مهاجر*", "*هاجر*", "*نازح*", "*نزوح*", "*مشرد*", "*ترحيل*", "*إقامة*", "*غادر* النرويج", "*مغادرة النرويج",
        "*وطن*", "*روسي*", "*كييف*",
    ),
    "fa": (
        "پناهنده*", "پناهندگ*", "پناهجو*", "پناه جو*", "اوکراین*", "جنگ*", "حفاظت*", "بازگشت*", "برگشت*", "*برگرد*",
        "مهاجر*", "آواره*", "آوارگ*", "اقامت*", "*اخراج*", "ترک نروژ", "نروژ را ترک*", "وطن*", "میهن*",
        "روسیه*", "روسی",
    ),
    "ps": (
        "کډوال*", "پناه*", "اوکراین*", "جګړ*", "خوندیتوب*", "ستنېد*", "راستنېد*", "بېرته*", "مهاجر*", "هجرت*", "وطن*",
        "ناروې پرېښ*", "روسیه*",
    ),
    "ur": (
        "پناہ*", "یوکرین*", "یوکرائن*", "جنگ*", "تحفظ*", "واپس*", "مہاجر*", "ہجرت*", "وطن*",
        "رہائشی اجازت*", "ناروے چھوڑ*", "روس*",
    ),
    "he": (
        "*פליט*", "*אוקראינ*", "*מלחמ*", "*מקלט*", "*הגנה*", "*הגנת*", "*לחזור*", "*שיבה*", "*הגירה*", "*מהגר*",
        "*עקור*", "*מולדת*", "*אישור שהייה*", "עזב* את נורווגיה", "רוסי*",
    ),
}  # fmt: skip


#: Letters that look alike and stand for each other, as keyboards write them.
_ALIKE = str.maketrans("ёىیکةہۀھە", "еييكههههه", "\u0640")


def plain(text: str) -> str:
    """The text as it is searched: composed, without case, invisible characters, stress marks and vowel points."""
    kept = (c for c in unicodedata.normalize("NFKD", text) if not _unseen(c))
    return unicodedata.normalize("NFC", "".join(kept)).casefold().translate(_ALIKE)


def _unseen(character: str) -> bool:
    if character == "\u0301" or unicodedata.category(character) == "Cf":
        return True
    return "\u0591" <= character <= "\u08ff" and unicodedata.category(character) == "Mn"


def _pattern(word: str) -> str:
    """A listed word as an expression; blanks match any run of white space."""
    return r"\s+".join(re.escape(plain(part)).replace(r"\*", r"\w*") for part in word.split())


#: Whole words only. That stands around the choice, not in each part of it: else every character is asked 200 times.
_ANY = re.compile(
    rf"(?<!\w)(?:{'|'.join(_pattern(word) for words in WORDS.values() for word in words)})(?!\w)"
)


@lru_cache(maxsize=500)  # the same words are looked at when they are written, shown and approved
def blocked_words(text: str) -> tuple[str, ...]:
    """The listed words that the text holds, as they stand in it."""
    return tuple(match.group() for match in _ANY.finditer(plain(text)))
