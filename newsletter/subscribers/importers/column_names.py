"""Name our columns as other programs and languages do.

Names are in lower case with underscores, as `subscribers/csv.py` returns them.
"""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.subscribers.importers.platform import FULL_NAME

ADDRESS = (
    *("email_address", "e_mail", "e_mail_address", "emailaddress", "e_mail_adresse", "email_adresse", "emailadresse"),
    *("adresse_e_mail", "adresse_email", "correo_electrónico", "correo_electronico", "indirizzo_email", "e_mailadres"),
)
"""Names of the column of addresses where none is named `email`."""
ALIASES = {
    "firstname": "first_name",
    "fname": "first_name",
    "given_name": "first_name",
    "forename": "first_name",
    "vorname": "first_name",
    "prénom": "first_name",
    "prenom": "first_name",
    "voornaam": "first_name",
    "lastname": "last_name",
    "lname": "last_name",
    "family_name": "last_name",
    "surname": "last_name",
    "nachname": "last_name",
    "familienname": "last_name",
    "achternaam": "last_name",
    "apellido": "last_name",
    "apellidos": "last_name",
    "cognome": "last_name",
    "fullname": FULL_NAME,
    "vor_und_nachname": FULL_NAME,
    "vollständiger_name": FULL_NAME,
    "nom_complet": FULL_NAME,
    "nombre_completo": FULL_NAME,
    "nombre_y_apellidos": FULL_NAME,
    "nome_completo": FULL_NAME,
    "nome_e_cognome": FULL_NAME,
    "volledige_naam": FULL_NAME,
    "time_zone": "timezone",
    "tz": "timezone",
    "timezone_name": "timezone",
    "time_zone_name": "timezone",
    "iana_timezone": "timezone",
    "iana_time_zone": "timezone",
    "zeitzone": "timezone",
    "fuseau_horaire": "timezone",
    "zona_horaria": "timezone",
    "fuso_orario": "timezone",
    "tijdzone": "timezone",
    "lang": "language",
    "locale": "language",
    "sprache": "language",
    "langue": "language",
    "idioma": "language",
    "lingua": "language",
    "taal": "language",
    "list": "lists",
    "mailing_list": "lists",
    "mailing_lists": "lists",
    "tag": "tags",
}
"""Other names of our columns; `name`, `nom`, `nome` and `nombre` may be either name, or both, and stay fields."""


def has_address(header: Sequence[str]) -> bool:
    """Return whether a file with these names of columns has addresses."""
    return "email" in header or any(name in ADDRESS or name == "user_email_address" for name in header)
