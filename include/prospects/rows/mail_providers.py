"""Domains whose mailboxes anyone can have: no customer can verify one of them."""

from __future__ import annotations

MAIL_PROVIDERS = frozenset(
    {
        "126.com", "163.com", "aol.com", "fastmail.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch",
        "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de",
        "hotmail.es", "hotmail.fr", "hotmail.it", "icloud.com", "laposte.net", "libero.it", "live.com", "mac.com",
        "mail.com", "mail.ru", "me.com", "msn.com", "naver.com", "orange.fr", "outlook.com", "outlook.de",
        "outlook.fr", "pm.me", "posteo.de", "proton.me", "protonmail.com", "qq.com", "seznam.cz", "t-online.de",
        "tuta.com", "tutanota.com", "uol.com.br", "wanadoo.fr", "web.de", "wp.pl", "yahoo.co.in", "yahoo.co.jp",
        "yahoo.co.uk", "yahoo.com", "yahoo.com.br", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.it", "yandex.ru",
        "ymail.com", "zoho.com",
    }
)  # fmt: skip
