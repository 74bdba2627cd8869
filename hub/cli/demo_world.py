"""The invented people and companies of the demo, and how two CRMs spell them.

Everything follows from a seed. Nobody here exists: names are drawn from lists, addresses end in example.org.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

GIVEN = (
    *("Ada", "Ayşe", "Bruno", "Chloé", "Dmitri", "Eléna", "Fatima", "Goran", "Hanna", "Ines", "Jörg", "Kenji", "Lucía"),
    *("Milan", "Noor", "Olaf", "Petra", "Quinn", "Rosa", "Søren", "Tomás", "Uma", "Viktor", "Wanda", "Xenia", "Yusuf"),
    *("Zoë", "Marek", "Linh", "Óscar"),
)
FAMILY = (
    *("Albrecht", "Berggren", "Castaño", "Dąbrowska", "Engström", "Fiorelli", "Grünwald", "Haddadi", "Ilmarinen"),
    *("Jankauskas", "Kovačić", "Lindqvist", "Müllner", "Nørgaard", "Okonjo", "Pérez-Vidal", "Quintero", "Rosenthal"),
    *("Şimşek", "Thorvald", "Ulanov", "Van der Heide", "Weißmann", "Yamashiro", "Zelenka", "Brådland", "Ferreira"),
)
# What a name may look like although it should not: each must arrive as it is.
HOSTILE = (
    ("Siobhán", "O’Dwyer-D'Arcy"),
    ("نور", "الفارسي"),
    ("נועה", "בן־גל"),
    ("Robin 🚀", "Ståhl 🌍"),
    ("Null", "Null"),
    ("=1+1", "O'\"Quote; DROP"),
    ("<b>Ana</b>", "&amp; Söhne"),
    ("山田", "花子"),
)
PLACES = (("Berlin", "10115"), ("Hamburg", "20095"), ("München", "80331"), ("Köln", "50667"), ("Leipzig", "04109"))
TRADES = ("Nordlicht", "Silberbach", "Kranich", "Blaufels", "Sonntal", "Eichhof", "Morgenau", "Windsberg", "Rotdorn")
CRAFTS = ("Logistik", "Feinmechanik", "Papier", "Optik", "Gewürze", "Solar", "Möbel", "Software", "Uhren", "Verlag")
INDUSTRIES = (
    ("Banking", "BANKING"),
    ("Construction", "CONSTRUCTION"),
    ("Manufacturing", "MACHINERY"),
    ("Retail", "RETAIL"),
    ("Technology", "INFORMATION_TECHNOLOGY_AND_SERVICES"),
)
SOURCES = (("Web", "web"), ("Internet", "web"), ("Phone Inquiry", "phone_inquiry"), ("Trade Show", "event"))
TITLES = ("Head of Purchasing", "Buyer", "Managing Director", "Service Desk", "Engineer", "Accountant")
TAGS = ("vip", "newsletter", "partner", "press")
OWNERS = (("Mara", "Holm"), ("Ilja", "Brandt"), ("Tess", "Okafor"))


@dataclass(frozen=True, slots=True)
class Company:
    """One company. `how`: by what the two CRMs' records can be told to be the same (domain, name, review, alone)."""

    number: int
    name: str
    slug: str
    place: tuple[str, str]
    industry: tuple[str, str]
    how: str
    systems: frozenset[str]

    @property
    def domain(self) -> str:
        return f"{self.slug}.example.org"


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `how`: email, phone (a question for a person), or alone."""

    number: int
    given: str
    family: str
    email: str
    mobile: str
    title: str
    company: Company
    how: str
    systems: frozenset[str]

    def known_by(self) -> tuple[str, str]:
        """What tells this person from everybody else, whichever system is looked at."""
        return ("email", self.email) if self.email else ("mobile", self.mobile)


@dataclass(slots=True)
class World:
    """The truth, and where it was put: {number: remote id} per system. `twins`: second Salesforce records of somebody."""

    companies: list[Company]
    people: list[Person]
    company_ids: dict[str, dict[int, str]] = field(default_factory=lambda: {"sf": {}, "hs": {}})
    person_ids: dict[str, dict[int, str]] = field(default_factory=lambda: {"sf": {}, "hs": {}})
    twins: list[str] = field(default_factory=list)
    owner_ids: dict[str, list[str]] = field(default_factory=lambda: {"sf": [], "hs": []})

    def common(self, how: str = "") -> list[Person]:
        return [p for p in self.people if len(p.systems) == 2 and how in ("", p.how)]

    def only(self, system: str) -> list[Person]:
        return [p for p in self.people if p.systems == {system}]


BOTH, SF, HS = frozenset({"sf", "hs"}), frozenset({"sf"}), frozenset({"hs"})
TWINS = 2


def invent(people: int, common: int, seed: int) -> World:
    """`people` in each CRM, `common` of them in both; two of Salesforce's are second records of somebody."""
    chance = random.Random(seed)
    companies = list(_companies(chance, max(6, people // 5), max(3, common // 5)))
    return World(companies, list(_people(chance, companies, people, common)))


def _systems(each: int, common: int, twins: int) -> Iterator[frozenset[str]]:
    yield from [BOTH] * common
    yield from [SF] * (each - common - twins)
    yield from [HS] * (each - common)


def _companies(chance: random.Random, each: int, common: int) -> Iterator[Company]:
    by_name, by_review = max(1, common // 6), max(1, common // 20)
    for number, systems in enumerate(_systems(each, common, 0)):
        trade, craft = TRADES[number % len(TRADES)], CRAFTS[number // len(TRADES) % len(CRAFTS)]
        again = number // (len(TRADES) * len(CRAFTS))
        name = f"{trade} {craft}" + (f" {again + 1}" if again else "")
        slug = "".join(c for c in name.lower().replace("ü", "ue").replace("ö", "oe") if c.isalnum())
        how = "alone" if len(systems) == 1 else "domain"
        if how == "domain" and number < by_name + by_review:
            how = "review" if number < by_review else "name"
        yield Company(number, name, slug, chance.choice(PLACES), chance.choice(INDUSTRIES), how, systems)


def _people(chance: random.Random, companies: list[Company], each: int, common: int) -> Iterator[Person]:
    by_phone = max(2, common // 25)
    homes = {s: [c for c in companies if c.systems >= s] for s in (BOTH, SF, HS)}
    for number, systems in enumerate(_systems(each, common, TWINS)):
        given, family = HOSTILE[number // 7] if number % 7 == 3 and number // 7 < len(HOSTILE) else _name(number)
        company = chance.choice(homes[systems])
        how = "alone" if len(systems) == 1 else "phone" if number < by_phone else "email"
        silent = (how == "phone" and number % 2 == 0) or (how == "alone" and number % 17 == 0)
        email = "" if silent else f"person{number:04}@{company.domain}"
        yield Person(number, given, family, email, f"0151{number:08}", chance.choice(TITLES), company, how, systems)


def _name(number: int) -> tuple[str, str]:
    return GIVEN[number % len(GIVEN)], FAMILY[number * 7 % len(FAMILY)]


# ---------------------------------------------------------------- as Salesforce spells it, and as HubSpot does


def _dialled(number: str, way: int) -> str:
    """A German number as people type it."""
    start, rest = number[:4], number[4:]
    forms = (
        f"+49 {start[1:]} {rest}",
        f"{start}/{rest}",
        f"({start}) {rest[:4]} {rest[4:]}",
        f"0049{start[1:]}{rest}",
        f"+49({start[1:]}){rest[:4]}-{rest[4:]}",
    )
    return forms[way % len(forms)]


def _work_phone(company: Company, way: int) -> str:
    number = f"23125{company.number % 1000:03}"
    return (f"+49 30 {number}", f"030/{number}", f"(030) {number[:5]} {number[5:]}")[way % 3]


def _sf_company(c: Company) -> dict[str, Any]:
    web = "" if c.how == "name" or (c.how == "alone" and c.number % 5 == 0) else f"https://www.{c.domain}"
    return {
        "Name": c.name,
        "Website": None if c.how == "review" else web or None,
        "Phone": _work_phone(c, c.number),
        "Industry": c.industry[0],
        "AnnualRevenue": 1000 * (c.number + 1) + 0.5 if c.number % 3 else None,
        "BillingCity": c.place[0],
        "BillingPostalCode": None if c.how == "review" else c.place[1],
        "BillingCountry": "Germany",
    }


def _hs_company(c: Company) -> dict[str, Any]:
    found = {
        "name": c.name.upper() if c.number % 4 == 1 else f" {c.name} ",
        "domain": "" if c.how == "review" or (c.how == "alone" and c.number % 6 == 0) else c.domain,
        "phone": _work_phone(c, c.number + 1),
        "industry": c.industry[1],
        "numberofemployees": str(10 + c.number) if c.number % 2 else "",
        "city": c.place[0],
        "zip": c.place[1],
        "country": ("Germany", "Deutschland", "DE")[c.number % 3],
    }
    return {name: value for name, value in found.items() if value}


def _sf_person(p: Person) -> dict[str, Any]:
    spelled = (p.email, p.email.upper(), p.email.title())[p.number % 3]
    return {
        "FirstName": p.given,
        "LastName": p.family,
        "Email": spelled or None,
        "MobilePhone": _dialled(p.mobile, p.number) if p.how == "phone" or not p.email or p.number % 4 else None,
        "Phone": _work_phone(p.company, p.number) if p.number % 3 else None,
        "Title": p.title if p.number % 5 else None,
        "LeadSource": SOURCES[p.number % len(SOURCES)][0],
        "Tags__c": ";".join(TAGS[: p.number % 3]) or None,
        "MailingCity": p.company.place[0],
        "MailingCountry": "Germany",
    }


def _hs_person(p: Person) -> dict[str, Any]:
    # One in nine lacks the family name, where something else still tells who it is.
    nameless = p.number % 9 == 5 and p.how != "phone" and p.email
    found = {
        "firstname": p.given.upper() if p.number % 6 == 2 else p.given,
        "lastname": "" if nameless else p.family,
        "email": "" if p.how == "phone" else p.email,
        "mobilephone": _dialled(p.mobile, p.number + 2) if p.how == "phone" or not p.email or p.number % 3 else "",
        "jobtitle": (p.title, p.title.lower(), "", TITLES[p.number % len(TITLES)])[p.number % 4],
        "lead_source": SOURCES[p.number % len(SOURCES)][1],
        "tags": ";".join(TAGS[p.number % 2 : 2]),
        "city": p.company.place[0],
        "zip": p.company.place[1] if p.number % 2 else "",
        "country": "Deutschland" if p.number % 2 else "",
    }
    return {name: value for name, value in found.items() if value}


# ---------------------------------------------------------------- putting it there


def populate(world: World, sf: Any, hs: Any, *, told: Callable[[int], None] = lambda n: None) -> None:
    """Let people type all of it into the two CRMs. `told` hears of every record."""
    for given, family in OWNERS:
        mail = f"{given}.{family}@example.com".lower()
        user = {"FirstName": given, "LastName": family, "Username": mail, "Email": mail}
        world.owner_ids["sf"].append(sf.seed("User", user))
        world.owner_ids["hs"].append(hs.seed("owners", {"email": mail, "firstName": given, "lastName": family}))
    for c in world.companies:
        if "sf" in c.systems:
            owner = world.owner_ids["sf"][c.number % len(OWNERS)]
            world.company_ids["sf"][c.number] = sf.seed("Account", {**_sf_company(c), "OwnerId": owner})
        if "hs" in c.systems:
            owner = world.owner_ids["hs"][c.number % len(OWNERS)]
            world.company_ids["hs"][c.number] = hs.seed("companies", {**_hs_company(c), "hubspot_owner_id": owner})
        told(len(c.systems))
    for p in world.people:
        _put_person(world, p, sf, hs)
        told(len(p.systems))
    for p in world.common("email")[-TWINS:]:
        again = {**_sf_person(p), "FirstName": p.given[0] + ".", "OwnerId": world.owner_ids["sf"][0]}
        world.twins.append(sf.seed("Contact", again))


def _put_person(world: World, p: Person, sf: Any, hs: Any) -> None:
    """Every ninth common person has no company in one of the two."""
    if "sf" in p.systems:
        owner = world.owner_ids["sf"][p.number % len(OWNERS)]
        company = None if p.how == "email" and p.number % 9 == 4 else world.company_ids["sf"][p.company.number]
        world.person_ids["sf"][p.number] = sf.seed("Contact", {**_sf_person(p), "AccountId": company, "OwnerId": owner})
    if "hs" in p.systems:
        owner = world.owner_ids["hs"][p.number % len(OWNERS)]
        home = None if p.how == "email" and p.number % 9 == 7 else world.company_ids["hs"][p.company.number]
        world.person_ids["hs"][p.number] = hs.seed("contacts", {**_hs_person(p), "hubspot_owner_id": owner}, home)
