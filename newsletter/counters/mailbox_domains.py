"""The address domains of the large mailbox providers: facts, gathered from what each offers its own users.

No list of others was copied. A provider is named as its mail servers (MX) are run: Hotmail's addresses are at
Microsoft's servers, AOL's at Yahoo's, WEB.DE's at those of GMX (1&1 Mail & Media). Which companies have their own
domain's mail at Google or Microsoft only a question to the DNS would tell; they are counted by their own domain.
"""

from __future__ import annotations

from collections.abc import Mapping

_COUNTRIES = {
    "hotmail": "com co.uk fr it de es be nl se no dk gr ch com.ar com.tr co.jp co.th ca",
    "outlook": "com fr it de es be ie at dk pt jp cz sk hu kr sg ph in cl co.th com.au com.br com.ar com.gr com.tr "
    "com.vn",
    "live": "com co.uk fr it de nl be se no dk at ca ie pt com.au com.mx com.ar com.pt co.za cn in jp ru",
    "yahoo": "com co.uk fr it de es ca in co.in com.br com.ar com.mx com.au com.sg com.ph com.hk com.tw com.vn com.tr "
    "co.id co.nz co.za co.th com.my com.pe com.co com.ve cl gr ie ro se no dk pl nl be at fi",
    "aol": "com co.uk de fr it es",
}


def _each(name: str) -> str:
    return " ".join(f"{name}.{country}" for country in _COUNTRIES[name].split())


_MAILBOXES: Mapping[str, tuple[str, str]] = {
    "gmail": ("Gmail", "gmail.com googlemail.com google.com"),
    "microsoft": (
        "Outlook, Hotmail (Microsoft)",
        f"{_each('outlook')} {_each('hotmail')} {_each('live')} msn.com windowslive.com passport.com",
    ),
    "yahoo": (
        "Yahoo, AOL",
        f"{_each('yahoo')} {_each('aol')} ymail.com rocketmail.com myyahoo.com aim.com verizon.net netscape.net "
        "att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net prodigy.net snet.net nvbell.net "
        "flash.net",
    ),
    "apple": ("iCloud (Apple)", "icloud.com me.com mac.com privaterelay.appleid.com"),
    "proton": ("Proton Mail", "proton.me protonmail.com protonmail.ch pm.me"),
    "gmx": (
        "GMX, WEB.DE, mail.com",
        "gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.us gmx.co.uk gmx.fr gmx.es gmx.org gmx.info gmx.eu web.de mail.com "
        "email.com caramail.com",
    ),
    "t-online": ("T-Online", "t-online.de magenta.de"),
    "ionos": ("IONOS, 1&1", "online.de onlinehome.de 1und1.de"),
    "freenet": ("freenet", "freenet.de"),
    "vodafone-de": ("Vodafone, Arcor (Germany)", "arcor.de vodafone.de vodafonemail.de"),
    "posteo": ("Posteo", "posteo.de posteo.net posteo.org"),
    "mailbox-org": ("mailbox.org", "mailbox.org"),
    "tuta": ("Tuta", "tuta.com tutanota.com tutanota.de tutamail.com tuta.io keemail.me"),
    "fastmail": ("Fastmail", "fastmail.com fastmail.fm fastmail.net fastmail.org sent.com messagingengine.com"),
    "zoho": ("Zoho Mail", "zoho.com zohomail.com zoho.eu zohomail.eu zoho.in zohomail.in"),
    "hey": ("HEY", "hey.com"),
    "yandex": ("Yandex", "yandex.ru yandex.com yandex.by yandex.kz yandex.ua ya.ru narod.ru"),
    "mail-ru": ("Mail.ru", "mail.ru bk.ru list.ru inbox.ru internet.ru vk.com xmail.ru"),
    "rambler": ("Rambler", "rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru"),
    "ukr-net": ("ukr.net", "ukr.net"),
    "qq": ("QQ Mail (Tencent)", "qq.com foxmail.com vip.qq.com"),
    "netease": ("NetEase", "163.com 126.com yeah.net vip.163.com 188.com"),
    "sina": ("Sina", "sina.com sina.cn"),
    "naver": ("Naver", "naver.com"),
    "daum": ("Daum, Kakao", "daum.net hanmail.net kakao.com"),
    "rediff": ("Rediffmail", "rediffmail.com"),
    "orange-fr": ("Orange (France)", "orange.fr wanadoo.fr"),
    "free-fr": ("Free (France)", "free.fr aliceadsl.fr"),
    "sfr": ("SFR", "sfr.fr neuf.fr cegetel.net club-internet.fr numericable.fr"),
    "laposte": ("La Poste", "laposte.net"),
    "bouygues": ("Bouygues Telecom", "bbox.fr"),
    "libero": ("Libero, Virgilio", "libero.it virgilio.it inwind.it iol.it blu.it giallo.it"),
    "tim": ("TIM, Alice (Italy)", "tim.it alice.it tin.it"),
    "tiscali": ("Tiscali", "tiscali.it tiscalinet.it"),
    "aruba": ("Aruba", "aruba.it technet.it"),
    "seznam": ("Seznam", "seznam.cz email.cz post.cz spoluzaci.cz"),
    "centrum": ("Centrum, Atlas", "centrum.cz centrum.sk atlas.cz atlas.sk volny.cz"),
    "wp-pl": ("Wirtualna Polska, o2", "wp.pl o2.pl tlen.pl go2.pl"),
    "onet": ("Onet", "onet.pl onet.eu op.pl poczta.onet.pl vp.pl"),
    "interia": ("Interia", "interia.pl interia.eu poczta.fm"),
    "freemail-hu": ("Freemail (Hungary)", "freemail.hu citromail.hu"),
    "abv": ("ABV", "abv.bg"),
    "ziggo": ("Ziggo", "ziggo.nl home.nl casema.nl chello.nl upcmail.nl"),
    "kpn": ("KPN", "kpnmail.nl planet.nl hetnet.nl xs4all.nl"),
    "telenet": ("Telenet", "telenet.be"),
    "proximus": ("Proximus, Skynet", "proximus.be skynet.be"),
    "bluewin": ("Bluewin (Swisscom)", "bluewin.ch"),
    "a1": ("A1", "a1.net aon.at"),
    "telia": ("Telia", "telia.com"),
    "bt": ("BT", "btinternet.com btopenworld.com bt.com talk21.com"),
    "sky": ("Sky", "sky.com"),
    "virgin-media": ("Virgin Media", "virginmedia.com ntlworld.com blueyonder.co.uk virgin.net"),
    "talktalk": ("TalkTalk", "talktalk.net tiscali.co.uk lineone.net"),
    "comcast": ("Comcast Xfinity", "comcast.net"),
    "charter": ("Spectrum", "charter.net spectrum.net rr.com twc.com roadrunner.com"),
    "cox": ("Cox", "cox.net"),
    "optimum": ("Optimum", "optonline.net optimum.net"),
    "earthlink": ("EarthLink", "earthlink.net mindspring.com"),
    "centurylink": ("CenturyLink", "centurylink.net embarqmail.com q.com"),
    "rogers": ("Rogers", "rogers.com"),
    "bell": ("Bell", "bell.net sympatico.ca"),
    "shaw": ("Shaw", "shaw.ca"),
    "telus": ("Telus", "telus.net"),
    "videotron": ("Videotron", "videotron.ca"),
    "bigpond": ("Telstra BigPond", "bigpond.com bigpond.net.au telstra.com"),
    "optus": ("Optus", "optusnet.com.au"),
    "xtra": ("Spark Xtra", "xtra.co.nz"),
    "uol": ("UOL", "uol.com.br bol.com.br"),
    "terra": ("Terra", "terra.com.br terra.com"),
    "globo": ("Globo", "globo.com globomail.com"),
}
"""The domains of each provider, with its short name and the one that people know."""

NAMES: Mapping[str, str] = {mailbox: name for mailbox, (name, _domains) in _MAILBOXES.items()}
"""The providers' names by their short ones."""
MAILBOX_OF: Mapping[str, str] = {
    domain: mailbox for mailbox, (_name, domains) in _MAILBOXES.items() for domain in domains.split()
}
"""The short name of the provider that has a domain."""
