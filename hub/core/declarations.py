"""What may stand in a mapping file: every key with its meaning, declared once for checks, docs and editors."""

from __future__ import annotations

from hub.core.shapes import Anything, Bool, Integer, Key, MapOf, Scalar, Shape, Text
from hub.core.transforms import WORDS

ON_EMPTY = Shape(
    "`on_empty`",
    (
        Key("read", Text(("clear", "ignore")), "what an empty field there does here", default="clear"),
        Key("write", Text(("clear", "ignore")), "what an empty value here does there", default="clear"),
    ),
)
CURRENCY = Shape(
    "`currency`",
    (
        Key(
            "code",
            Text(pattern="[A-Z]{3}", form="a currency of three capital letters, such as EUR"),
            "one fixed currency",
        ),
        Key("field", Text(), "the remote field that holds the currency"),
        Key(
            "default",
            Text(pattern="[A-Z]{3}", form="a currency of three capital letters, such as EUR"),
            "if that field is empty",
        ),
    ),
    short="code",
)
FIELD = Shape(
    "a field",
    (
        Key("field", Text(), "the remote field", example="FirstName"),
        Key("as", Text(tuple(WORDS)), "how the remote writes the value down", example="email"),
        Key("direction", Text(("both", "read", "write")), "which way values flow", default="both"),
        Key("required", Bool(), "the remote does not take a record without it", default=False),
        Key("default", Scalar(), "written where the value is empty; never flows back", example='"(unknown)"'),
        Key("values", MapOf(Scalar()), "value table: remote → canonical", example="{Web: web}"),
        Key("back", MapOf(Scalar()), "the way back where several remote values meet one: canonical → remote"),
        Key("unknown", Text(("hold", "ignore", "keep")), "what a value does that the table does not list"),
        Key("separator", Text(), "between the values of a set in one text", example='";"'),
        Key("on_empty", ON_EMPTY, "what empty means, each way"),
        Key("ref", Text(), "the entity that the field refers to", example="customer"),
        Key("object", Text(), "the remote object that the reference points to", example="Account"),
        Key(
            "association", Text(), "the associated object type, where references are associations", example="companies"
        ),
        Key("label", Text(), "the kind of association", example="primary"),
        Key("currency", CURRENCY, "in what an amount of money is", example="EUR"),
        Key("value", Text(), "an expression, for direction read or write", example="record.Monthly__c * 12"),
        Key("written", Text(), "the form in which it is written", example="name"),
        Key(
            "region",
            Text(pattern="[A-Z]{2}", form="a country code of two capital letters"),
            "for national phone numbers",
        ),
        Key("length", Integer(1, 1_000_000), "the remote holds at most so many letters; longer text is cut"),
        Key("kind", Text(), "the canonical type of a custom field", example="number"),
        Key("note", Anything(), "a remark for people"),
    ),
    short="field",
)
MAPPING = Shape(
    "a mapping",
    (
        Key("connector", Text(), "the connector whose object it is", required=True, example="salesforce"),
        Key("object", Text(), "the remote object", required=True, example="Contact"),
        Key("entity", Text(), "the canonical entity", required=True, example="customer"),
        Key("set", MapOf(Scalar()), "constants on the canonical side", example="{kind: person}"),
        Key(
            "only", MapOf(Scalar()), "constants on the remote side that split one object", example="{is_company: false}"
        ),
        Key(
            "fields", MapOf(FIELD), "canonical field → how the object holds it", required=True, example="{email: Email}"
        ),
        Key("note", Anything(), "a remark for people"),
    ),
)
