"""Invented people, the same for the same number, as Salesforce and as HubSpot hold them. 70 % of the phones repeat."""

from __future__ import annotations

from random import Random
from typing import Any

FIRST = ("Ana", "Bo", "Cy", "Di", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo", "Kai", "Lea", "Mio", "Nora", "Ole", "Pia")
STREETS = ("Calle Mayor", "High Street", "Hauptstraße", "Rue de la Paix", "Via Roma")
PLACES = (("Madrid", "28013", "Spain"), ("Leeds", "LS1 4AP", "United Kingdom"), ("Köln", "50667", "Germany"))
TITLES = ("Buyer", "Clerk", "Director", "Engineer", "Owner")
SOURCES = (("Web", "web"), ("Phone Inquiry", "phone_inquiry"), ("Other", "other"))
TAGS = ("vip", "newsletter", "partner", "press")
REPEATED = 0.7


def person(n: int) -> dict[str, Any]:
    """Everything that is known of person `n`."""
    rng = Random(n)
    city, zip, country = rng.choice(PLACES)
    sf_source, hs_source = rng.choice(SOURCES)
    return {
        "first": rng.choice(FIRST),
        "last": f"{rng.choice(FIRST)}son-{n}",
        "email": f"person.{n}@customers.example",
        "mobile": phone(rng, n),
        "work": phone(rng, n + 500_000_000),
        "title": rng.choice(TITLES),
        "street": f"{rng.choice(STREETS)} {rng.randrange(1, 200)}",
        "city": city,
        "zip": zip,
        "country": country,
        "sf_source": sf_source,
        "hs_source": hs_source,
        "tags": ";".join(t for t in TAGS if rng.random() < 0.3),
        "birth": f"{rng.randrange(1950, 2005)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
    }


def phone(rng: Random, n: int) -> str:
    """A number as people type it; seven of ten are one of a thousand switchboards."""
    number = rng.randrange(1000) if rng.random() < REPEATED else n
    return f"+49 30 {10_000_000 + number % 90_000_000}"


def salesforce(n: int) -> dict[str, Any]:
    p = person(n)
    return {
        "FirstName": p["first"],
        "LastName": p["last"],
        "Email": p["email"],
        "MobilePhone": p["mobile"],
        "Phone": p["work"],
        "Title": p["title"],
        "Department": "Sales",
        "Birthdate": p["birth"],
        "MailingStreet": p["street"],
        "MailingCity": p["city"],
        "MailingPostalCode": p["zip"],
        "MailingCountry": p["country"],
        "LeadSource": p["sf_source"],
        "Tags__c": p["tags"] or None,
    }


def hubspot(n: int, *, newer_title: bool = False) -> dict[str, Any]:
    """`newer_title`: HubSpot's people know another job title, so that the first sync has updates to write."""
    p = person(n)
    return {
        "firstname": p["first"],
        "lastname": p["last"],
        "email": p["email"],
        "mobilephone": p["mobile"],
        "phone": p["work"],
        "jobtitle": f"Head {p['title']}" if newer_title else p["title"],
        "address": p["street"],
        "city": p["city"],
        "zip": p["zip"],
        "country": p["country"],
        "lead_source": p["hs_source"],
        "tags": p["tags"],
    }
