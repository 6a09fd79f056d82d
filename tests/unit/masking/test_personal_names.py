"""What names of fields suggest."""

import pytest

from dashboard.masking import personal_names as may_be
from dashboard.masking.personal_names import suggested_by, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dateOfBirth", ["date", "of", "birth"]),
        ("date_of_birth", ["date", "of", "birth"]),
        ("date-of-birth", ["date", "of", "birth"]),
        ("DATE_OF_BIRTH", ["date", "of", "birth"]),
        ("IPAddress", ["ip", "address"]),
        ("größe", ["groesse"]),
        ("prénom", ["prenom"]),
        ("", []),
        ("__", []),
    ],
)
def test_a_name_is_taken_apart_into_its_words(name: str, words: list[str]) -> None:
    assert list(words_of(name)) == words


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        (may_be.NAME, "name Name patientName patient_name patientname first-name firstName lastname Vorname nach_name names"),
        (may_be.NAME, "username fullName maiden_name geburtsname contactPerson next_of_kin"),
        (may_be.BIRTH, "birthDate birth_date dob dateOfBirth geburtsdatum Geburtstag geburts_datum born age"),
        (may_be.EMAIL, "email e-mail eMail emailAddress email_address mail mailaddress"),
        (may_be.PHONE, "phone phoneNumber tel mobile_number telefonnummer Telefon-Nr handy fax"),
        (may_be.ADDRESS, "address street postcode postCode zip city Straße strasse plz Hausnummer wohnort"),
        (may_be.INSURANCE, "ssn svnr SVNR kvnr insuranceNumber versichertenNummer versicherungsnummer ahv taxId krankenkasse"),
        (may_be.ACCOUNT, "iban IBAN bic accountNumber account_number kontonummer card_number creditCard"),
        (may_be.NETWORK, "ip ipAddress ip_address remoteAddr user_agent deviceId"),
        (may_be.HEALTH, "diagnosis diagnose diagnosen icd10 icd_10 medication befund blutgruppe bloodType"),
        (may_be.PERSON, "gender sex religion nationality geschlecht photo salary"),
        (may_be.TEXT, "note comment remarks description reason bemerkung freeText"),
        (may_be.SECRET, "password token apiKey secret pin"),
        (may_be.PLACE, "latitude lat lon gps"),
    ],
)
def test_names_that_look_personal(meaning: str, names: str) -> None:
    assert {name: suggested_by(name) for name in names.split()} == dict.fromkeys(names.split(), meaning)


ORDINARY = (
    "id type version status fileName filename eventName host_name topicName typename count amount currency state document "
    "sequence created_at updatedAt enabled kind tenant practice"
)


@pytest.mark.parametrize("name", ORDINARY.split())
def test_names_that_do_not(name: str) -> None:
    assert suggested_by(name) == ""
