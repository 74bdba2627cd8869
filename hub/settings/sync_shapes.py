"""What may stand in config/syncs/NAME.yaml: every key with its meaning, declared once."""

from __future__ import annotations

from hub.core.shapes import Anything, Bool, Key, ListOf, MapOf, Parsed, Shape, Text
from hub.settings.forms import cron, daily, duration, interval, limit

_NAMED = Text(pattern="[A-Za-z0-9][A-Za-z0-9_-]*", form="a name of letters, digits, - and _")

SPOKE = Shape(
    "a spoke",
    (
        Key("connection", Text(), "the connection", required=True, example="sf"),
        Key(
            "mapping",
            Text(),
            "the mapping, by its file name without .yaml",
            required=True,
            example="salesforce.contact",
        ),
        Key("where", Text(), "which records take part; false means out of scope", example='"record.Email != null"'),
        Key("direction", Text(("both", "read", "write")), "which way data flows", default="both"),
        Key("writes", ListOf(Text(("create", "update", "delete")), lone=True), "what the hub may do there"),
        Key("key_field", Text(), "a unique remote field for our create key", example="Accordant_Id__c"),
        Key("protocol", Text(("careful", "fast")), "how writes are protected", default="careful"),
        Key(
            "drift", Text(("report", "overwrite")), "a person's edit of a field that is only written", default="report"
        ),
        Key("note", Anything(), "a remark for people"),
    ),
)
MATCH = Shape(
    "a match rule",
    (
        Key("when", ListOf(Text(), lone=True, least=1), "fields that must all be equal and not empty", required=True),
        Key("decide", Text(("link", "review")), "link at once, or ask a person", required=True),
        Key("note", Anything(), "a remark for people"),
    ),
)
DELETES = Shape(
    "`deletes`",
    (
        Key(
            "policy", Text(("ignore", "unlink", "archive", "delete")), "what a delete there does here", default="unlink"
        ),
        Key("against_edit", Text(("hold", "edit", "delete")), "a delete here, an edit there", default="hold"),
    ),
    short="policy",
)
GUARDS = Shape(
    "`guards`",
    tuple(
        Key(
            name,
            Parsed(limit, "a limit"),
            f"most {name} per spoke in 24 hours: a number, a share, or none",
            example="20%",
        )
        for name in ("creates", "updates", "deletes")
    ),
)
SCHEDULE = Shape(
    "`schedule`",
    (
        Key("every", Parsed(interval, "a time between runs"), "time between two runs", example="5 minutes"),
        Key("cron", Parsed(cron, "a cron line"), "runs by the calendar", example='"0 6 * * mon-fri"'),
        Key("sweep", Parsed(daily, "a time of day"), "when everything is compared", example='"02:30 Europe/Berlin"'),
        Key("webhooks", Bool(), "run when a spoke calls", default=False),
    ),
)
CONSENT = Shape("`consent`", (Key("opt_in_from", ListOf(Text(), lone=True), "connections that may opt in again"),))
_CHAIN = ListOf(Text(), lone=True, least=1)
SYNC = Shape(
    "a sync",
    (
        Key("sync", _NAMED, "its name", required=True, example="customers"),
        Key("entity", Text(), "the canonical entity", required=True, example="customer"),
        Key("kind", Text(), "the kind of entity, where it has kinds", example="person"),
        Key("after", ListOf(Text(), lone=True), "syncs that run before it"),
        Key("spokes", ListOf(SPOKE, least=1), "the systems that take part", required=True),
        Key("match", ListOf(MATCH), "when two records are the same thing"),
        Key("ownership", MapOf(Text()), "the connection that alone may change a field", example="{credit_limit: erp}"),
        Key("conflicts", MapOf(_CHAIN), "who wins where two sides changed a field", example="{default: [newest, sf]}"),
        Key("first_link", MapOf(_CHAIN), "who wins when two records are linked for the first time"),
        Key("deletes", DELETES, "what deletes do"),
        Key("consent", CONSENT, "who may opt in"),
        Key("scope_exit", Text(("keep", "unlink", "archive")), "what leaving `where` does", default="keep"),
        Key("merges", Text(("hold", "propagate")), "whether merges are done in the other systems too", default="hold"),
        Key("clock_tolerance", Parsed(duration, "a duration"), "how far clocks may differ", default=5.0, example="5s"),
        Key("guards", GUARDS, "limits that stop mass damage"),
        Key("schedule", SCHEDULE, "when it runs by itself"),
        Key("slow_every", Parsed(interval, "a time"), "how often feeds without a clock are read", default=3600.0),
        Key("first_run", Text(("plan", "link_only", "apply")), "what the first run does", default="plan"),
        Key("note", Anything(), "a remark for people"),
    ),
)
