"""The invented names that sample events consist of. None of these people, practices or insurers exists."""

GIVEN = ("Alma", "Bero", "Cosima", "Dario", "Elvi", "Fenno", "Grete", "Halvar", "Ilvy", "Jonte", "Käthe", "Lorin", "Mieke",
         "Neno", "Ottilie", "Pelle", "Quirin", "Runa", "Sóley", "Tjark")  # fmt: skip
FAMILY = ("Ahrenfels", "Birkenstieg", "Cronemeyer", "Dünnwald", "Eschenlohr", "Fahlbusch-Krön", "Grünhagel", "Hollerbach",
          "Immergut", "Jarchow", "Kastanienberg", "Lindquell", "Morgenrain", "Nebelthau", "O'Tanner", "Quellmann")  # fmt: skip
INSURERS = ("Nordlicht Mutual", "Federweiss Health", "Kranich Sickness Fund", "Guild of Bakers' Fund")
PRACTICES = (
    "Practice at Mill Pond",
    "Lindenhof Surgery",
    "Dr Eschenlohr and Partners",
    "Harbour Street Clinic",
    "Kinderpraxis Süd",
)
DOCUMENTS = (
    "Laboratory report",
    "Discharge letter",
    "Vaccination record",
    "X-ray, left hand",
    "Referral",
    "Sick note",
    "Blood count",
)
UPLOADERS = ("the patient", "the practice", "the laboratory", "the hospital", "the insurer")
DEVICES = ("Lumen 7", "Lumen 8 Plus", "Pocketslate", "Fjord Tab 10")
REASONS = ("check-up", "vaccination", "follow-up", "blood sample", "new patient")

PREFIXES = {"patient": "", "document": "doc-", "appointment": "apt-", "consent": "consent-"}
"""What the id of each kind of thing begins with."""

ACTIVITIES = ("Confirmation of receipt", "T02 Check confirmation of receipt", "T03 Adjust confirmation of receipt",
              "T04 Determine confirmation of receipt", "T05 Print and send confirmation of receipt",
              "T06 Determine necessity of stop advice", "T10 Determine necessity to stop indication",
              "T16 Report reasons to hold request", "T20 Print report Y to stop indication")  # fmt: skip
"""Steps of a building permit, in the style of the titles in municipal process logs."""
DEPARTMENTS = ("General", "Customer contact", "Experts", "")
CHANNELS = ("Internet", "Desk", "Post", "e-mail")
