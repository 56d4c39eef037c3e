"""A letter in Persian, written from right to left with Latin names, links and numbers in it."""

from typing import Any

DOCUMENT: dict[str, Any] = {
    "language": "fa",
    "letters": {
        "invitation": {
            "subject": "چند پرسش تازه از {study}",
            "shared_line": "چند نفر از این نشانی استفاده می‌کنند. این نامه برای «{mark}» است.",
            "body": [
                "سلام،",
                "{for_whom}",
                "شما پیش‌تر در پروژهٔ پژوهشی «{study}» ({institution}) شرکت کرده‌اید. اکنون چند پرسش تازه دربارهٔ زندگی "
                "شما داریم. پاسخ دادن حدود ۱۰ دقیقه طول می‌کشد و با تلفن هم می‌شود.",
                "این پیوند شخصی شماست. لطفاً آن را به دیگران ندهید:\n{link}",
                "تا {closes} می‌توانید پاسخ دهید. شرکت کردن اختیاری است و لازم نیست دلیلی بیاورید.",
                "این نشانی را در {joined} در پرسش‌نامهٔ اینترنتی ما نوشتید و پذیرفتید که باز به شما نامه بنویسیم.",
                "{how_to_check}",
                "برای وقفه، نگرفتن نامه یا بیرون رفتن از پژوهش:\n{stop_link}",
                "آنچه را دربارهٔ شما نگه می‌داریم، در صفحهٔ شخصی خود ببینید و تغییر دهید:\n{own_link}",
                "با احترام\n{study}، {institution}\n{contact}",
            ],
        }
    },
}
