"""Mappings against what the systems say about themselves."""

from __future__ import annotations

import pytest

from hub.connect.connector import FieldInfo, ObjectInfo
from hub.settings.lint import lint_syncs
from tests.unit.project_kit import FILES, load, sync

CONTACT = ObjectInfo(
    "Contact",
    "Contact",
    (
        FieldInfo("Email", "E-mail", "email"),
        FieldInfo("LastName", "Surname", "text", required=True, length=80),
        FieldInfo("Mobile", "Mobile", "phone"),
        FieldInfo("Created", "Created", "datetime", writable=False),
        FieldInfo("Source", "Source", "choice", choices=("Web", "Fair")),
        FieldInfo("Account", "Account", "reference", refers_to=("Account",)),
        FieldInfo("Hub_Id", "Key", "text", unique=True),
        FieldInfo("Loose", "Loose", "text"),
    ),
)
PEOPLE = ObjectInfo(
    "contacts", "People", (FieldInfo("email", "E-mail", "email"), FieldInfo("lastname", "S", "text", length=40))
)


def lint(root, more="", changes=None, contact=CONTACT, people=PEOPLE):
    mapping = {"mappings/sales.contact.yaml": FILES["mappings/sales.contact.yaml"] + more}
    project = load(root, {**mapping, **(changes or {})})
    known = {"sf": contact, "hs": people}
    return [p for p in lint_syncs(project.syncs.values(), lambda c, o: known[c]) if p.code != "M057"]


def test_a_mapping_that_fits_has_no_problems(tmp_path):
    assert lint(tmp_path) == []


def test_where_nothing_is_known_nothing_is_said(tmp_path):
    assert lint(tmp_path, "  job_title: Nowhere\n", contact=None, people=None) == []


@pytest.mark.parametrize(
    ("more", "code", "said", "hint"),
    [
        ("  job_title: Emial\n", "M050", "Contact has no field `Emial`", "`Email`"),
        ("  job_title: Qqqqqqq\n", "M050", "no field", "discover"),
        ("  created_at: Created\n", "M051", "cannot be written", "direction: read"),
        (
            "  lead_source: {field: Source, values: {Web: web, Fiar: event, Fair: x}}\n",
            "M052",
            "no option `Fiar`",
            "`Fair`",
        ),
        (
            "  lead_source: {field: Source, values: {Web: web}}\n",
            "M053",
            "lacks 1 of 2 options of `Source`: Fair",
            "keep",
        ),
        (
            "  organization: {field: Account, ref: customer, object: Contact}\n",
            "M056",
            "refers to Account, not to Contact",
            "object: Account",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, more, code, said, hint):
    (problem,) = lint(tmp_path, more)
    assert problem.code == code
    assert said in problem.text
    assert hint in problem.hint
    assert problem.place.path == "mappings/sales.contact.yaml" and problem.place.line == 9


def test_a_table_that_ignores_or_keeps_needs_no_every_option(tmp_path):
    assert lint(tmp_path, "  lead_source: {field: Source, values: {Web: web}, unknown: keep}\n") == []


def test_what_a_record_needs_must_be_written(tmp_path):
    without = FILES["mappings/sales.contact.yaml"].replace("  family_name: LastName\n", "")
    changes = {"mappings/sales.contact.yaml": without}
    (problem,) = lint(tmp_path / "a", changes=changes)
    assert (problem.code, problem.level) == ("M054", "error")
    assert "LastName" in problem.text
    assert lint(tmp_path / "b", changes={**changes, **sync("", **{"key_field: Hub_Id": "writes: update"})}) == []


def test_the_scope_and_the_key_field_are_held_against_the_object(tmp_path):
    (where,) = lint(tmp_path / "a", changes=sync("", **{"record.Email": "record.Emial"}))
    assert (where.code, where.place.path) == ("S030", "config/syncs/people.yaml")
    (missing,) = lint(tmp_path / "b", changes=sync("", Hub_Id="Hub_Key"))
    assert missing.code == "S031" and "no field `Hub_Key`" in missing.text
    (loose,) = lint(tmp_path / "c", changes=sync("", Hub_Id="Loose"))
    assert loose.code == "S031" and "not unique" in loose.text


def test_a_constant_must_stand_on_a_field(tmp_path):
    (problem,) = lint(
        tmp_path, changes={"mappings/sales.contact.yaml": FILES["mappings/sales.contact.yaml"] + "only: {Kind: x}\n"}
    )
    assert problem.code == "M050" and "`only`" in problem.text


def test_associations_are_only_checked_where_the_system_lists_them(tmp_path):
    more = "  organization: {association: Account, label: primary, ref: customer, object: Contact}\n"
    assert lint(tmp_path / "a", more) == []
    listing = ObjectInfo("Contact", "", (*CONTACT.fields, FieldInfo("@Account", "Account", "association")))
    (problem,) = lint(tmp_path / "b", more, contact=listing)
    assert problem.code == "M050" and "@Account" in problem.hint


def test_a_narrower_field_is_a_warning_until_it_is_said(tmp_path):
    def widths(root, changes):
        known = {"sf": CONTACT, "hs": PEOPLE}
        return [
            p
            for p in lint_syncs(load(root, changes).syncs.values(), lambda c, o: known[c])
            if p.code in ("M055", "M057")
        ]

    (problem,) = widths(tmp_path / "a", {})
    assert (problem.code, problem.level, problem.place.path) == ("M057", "warning", "mappings/mail.contact.yaml")
    assert "80" in problem.text and "40" in problem.text
    cut = FILES["mappings/mail.contact.yaml"].replace("lastname", "{field: lastname, length: 40}")
    assert widths(tmp_path / "b", {"mappings/mail.contact.yaml": cut}) == []
    (too_long,) = widths(tmp_path / "c", {"mappings/mail.contact.yaml": cut.replace("40", "50")})
    assert too_long.code == "M055"


def test_a_side_without_bounds_makes_no_noise(tmp_path):
    wide = ObjectInfo(
        "Contact",
        "",
        tuple(f if f.name != "LastName" else FieldInfo("LastName", "S", "text", length=65_536) for f in CONTACT.fields),
    )
    known = {"sf": wide, "hs": PEOPLE}
    assert lint_syncs(load(tmp_path).syncs.values(), lambda c, o: known[c]) == []
