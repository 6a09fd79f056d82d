"""What the name of a field suggests: whether its values may be about a person. A guess by a list of words, nothing more.

A name is taken apart as programmers put names together (``dateOfBirth``, ``date_of_birth``, ``date-of-birth``), and its words
are looked up, in English and German. Compounds that are written as one word (``geburtsdatum``) are listed as such, or found by
their beginning.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

NAME, BIRTH, EMAIL, PHONE, ADDRESS = "a name", "a date of birth", "an e-mail address", "a phone number", "an address"
INSURANCE, ACCOUNT, NETWORK, HEALTH = "an insurance or tax number", "a bank account or card", "a network address", "health"
PERSON, TEXT, SECRET, PLACE = "something about a person", "free text", "a secret", "a place"

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        NAME: """firstname forename givenname lastname surname familyname middlename maidenname birthname fullname nickname
        salutation username initials vorname nachname familienname geburtsname rufname anrede namenszusatz titelname
        ansprechpartner contactperson nextofkin""",
        BIRTH: "birth birthday birthdate dob born birthplace geburt geburtstag geboren gebdat age alter",
        EMAIL: "email mail emailaddress mailaddress",
        PHONE: "phone telephone tel mobile cell cellphone fax msisdn telefon handy mobil rufnummer mobilnummer durchwahl",
        ADDRESS: """address addr street housenumber postcode postalcode zip zipcode city town adresse anschrift strasse
        hausnummer hausnr plz postleitzahl ort wohnort stadt""",
        INSURANCE: """ssn nino nhs nhsnumber nin bsn insurance insurancenumber insuranceid policynumber healthcardnumber
        passport passportnumber idcard driverslicence driverslicense taxid tin svnr svnummer sozialversicherung kvnr
        versicherung versichertennummer versnr ahv krankenkasse steuernummer steuerid personalausweis reisepass ausweis
        elga bpk""",
        ACCOUNT: """iban bic swift bankaccount accountnumber accountholder creditcard cardnumber cvv cvc pan konto kontonummer
        kontoinhaber kreditkarte bankverbindung bankleitzahl blz""",
        NETWORK: "ip ipaddress ipaddr remoteaddr clientip useragent mac macaddress deviceid imei fingerprint ipadresse",
        HEALTH: """diagnosis diagnoses icd icd10 symptom symptoms finding findings medication medicine drug allergy allergies
        anamnesis therapy treatment lab laboratory bloodtype blood pregnancy disability weight height pulse diagnose
        diagnosen befund befunde medikament medikation allergie anamnese therapie behandlung blutgruppe blut krankheit
        schwangerschaft behinderung gewicht groesse puls laborwert""",
        PERSON: """gender sex religion ethnicity nationality citizenship race maritalstatus signature photo portrait picture
        avatar biometric geschlecht religionszugehoerigkeit staatsangehoerigkeit nationalitaet herkunft familienstand
        konfession unterschrift foto lichtbild bild beruf occupation salary income gehalt einkommen employer arbeitgeber""",
        TEXT: """note notes comment comments remark remarks message text body freetext description reason subject title
        summary notiz notizen bemerkung bemerkungen kommentar nachricht beschreibung grund betreff titel anmerkung inhalt""",
        SECRET: "password passwd pwd secret token apikey pin otp passwort kennwort geheimnis session cookie",
        PLACE: "latitude longitude lat lon lng geo gps location coordinates standort koordinaten breitengrad laengengrad",
    }
)
_MEANING = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_BEGINNINGS: Mapping[str, str] = MappingProxyType(
    {"geburts": BIRTH, "versicher": INSURANCE, "kranken": INSURANCE, "telefon": PHONE, "diagnos": HEALTH, "medikament": HEALTH}
)
_THINGS = """file event type host topic class table field column product schema service queue bucket domain event group role
    template form column path method module package job project branch tag key parameter property datei typ klasse tabelle
    feld spalte dienst produkt gruppe rolle vorlage"""
_NAMES_OF_THINGS = frozenset(_THINGS.split())
"""What stands before ``name`` where it is no person's: ``fileName``, ``event_name``."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_TOGETHER = 3
"""Words that are looked up as one: ``post code``, ``driver's licence``, ``next of kin``."""


def suggested_by(name: str) -> str:
    """What values under this name may be: ``a date of birth`` for ``dateOfBirth``. Empty if the name suggests nothing."""
    words = words_of(name)
    for length in range(min(_TOGETHER, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            if meaning := _MEANING.get("".join(words[start : start + length])):
                return meaning
    for word in words:
        if meaning := next((meaning for begin, meaning in _BEGINNINGS.items() if word.startswith(begin)), ""):
            return meaning
    return NAME if _is_a_persons_name(words) else ""


def words_of(name: str) -> Sequence[str]:
    """The words of a name in small letters, without accents and with German umlauts spelled out."""
    words = [word for piece in re.split(r"[^\w]+|_", name) for word in _HUMP.split(piece) if word]
    return [_plain(word) for word in words]


def _plain(word: str) -> str:
    spelled = word.lower().translate(_FOLDED)
    return "".join(sign for sign in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(sign))


def _is_a_persons_name(words: Sequence[str]) -> bool:
    """``name``, ``patientName``, ``patientname``; but not ``fileName`` or ``filename``."""
    for number, word in enumerate(words):
        if word in ("name", "names", "namen"):
            return not (number and words[number - 1] in _NAMES_OF_THINGS)
        if word.endswith("name"):
            return word.removesuffix("name") not in _NAMES_OF_THINGS
    return False
