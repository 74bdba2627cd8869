"""Syncs: what a file becomes, and every name in it that does not exist."""

from __future__ import annotations

import pytest

from hub.core.errors import Place
from hub.core.expressions import Expression
from hub.core.model import Guards, Limit, MatchRule, Schedule
from hub.settings.sync_shapes import SPOKE, SYNC
from tests.unit.project_kit import FILES, load, problems, sync

PATH = "config/syncs/people.yaml"


def people(root, more="", **changes):
    return load(root, sync(more, **changes)).syncs["people"]


def found(root, more="", **changes):
    return [(p.code, str(p.place), p.text, p.hint) for p in problems(root, sync(more, **changes)) if p.level == "error"]


def test_a_plain_sync_has_sound_defaults(tmp_path):
    read = people(tmp_path)
    assert (read.name, read.entity, read.kind) == ("people", "customer", "person")
    assert (read.scope_exit, read.merges, read.first_run, read.slow_every) == ("keep", "hold", "plan", 3600.0)
    assert read.guards == Guards()
    assert read.schedule == Schedule()
    assert read.policy.conflicts == {"default": ("newest",)}
    assert (read.policy.deletes, read.policy.delete_against_edit, read.policy.clock_tolerance) == (
        "unlink",
        "hold",
        5.0,
    )
    assert read.place == Place(PATH, 1, 1)


def test_a_spoke_is_read_with_its_mapping_and_scope(tmp_path):
    sf, hs = people(tmp_path).spokes
    assert (sf.connection, sf.object, sf.key_field, sf.protocol) == ("sf", "Contact", "Hub_Id", "careful")
    assert sf.writes == {"create", "update"} and sf.direction == "both" and sf.drift == "report"
    assert isinstance(sf.where, Expression) and sf.where.evaluate(record={"Email": "x"}) is True
    assert str(sf.where_place) == f"{PATH}:5:53"
    assert (hs.where, hs.key_field) == (None, "")
    assert str(hs.place) == f"{PATH}:6:5"


def test_what_a_scope_looks_at_is_read_too(tmp_path):
    sf, hs = people(tmp_path, **{"record.Email != null": "record.Stage == 'x'"}).spokes
    assert "Stage" in sf.mapping.reads()
    assert "Stage" not in hs.mapping.reads()


def test_a_spoke_that_is_only_read_is_never_written(tmp_path):
    sf, _ = people(tmp_path, **{"key_field: Hub_Id": "direction: read"}).spokes
    assert sf.writes == frozenset()


def test_everything_may_be_said(tmp_path):
    read = people(
        tmp_path,
        """\
ownership: {email: sf, default: hs}
conflicts: {default: [newest, hs, sf], family_name: hold, email: "= coalesce(sf, hs, golden)"}
first_link: {default: [non_empty, sf]}
deletes: {policy: archive, against_edit: edit}
consent: {opt_in_from: sf}
scope_exit: unlink
merges: propagate
clock_tolerance: 30s
guards: {creates: 10, updates: none, deletes: 5%}
schedule: {every: 5 minutes, sweep: "02:30 Europe/Berlin", webhooks: true}
slow_every: 2 hours
first_run: link_only
""",
    )
    policy = read.policy
    assert policy.ownership == {"email": "sf", "default": "hs"}
    assert policy.conflicts["default"] == ("newest", "hs", "sf")
    assert policy.conflicts["family_name"] == ("hold",)
    assert policy.first_link == {"default": ("non_empty", "sf")}
    assert (policy.deletes, policy.delete_against_edit, policy.clock_tolerance) == ("archive", "edit", 30.0)
    assert policy.consent_opt_in_from == ("sf",)
    assert (read.scope_exit, read.merges, read.first_run, read.slow_every) == (
        "unlink",
        "propagate",
        "link_only",
        7200.0,
    )
    assert read.guards == Guards(Limit(count=10), Limit(), Limit(share=0.05))
    assert read.schedule == Schedule(300.0, "", "02:30", "Europe/Berlin", True)


def test_an_expression_decides_by_the_names_of_the_connections(tmp_path):
    read = people(tmp_path, 'conflicts: {email: "= coalesce(sf, golden)"}\n')
    (entry,) = read.policy.conflicts["email"]
    assert entry.names == ("sf", "golden")
    assert entry.evaluate(names={"sf": None, "golden": "b@x.org"}) == "b@x.org"


def test_every_rule_has_its_place(tmp_path):
    read = people(tmp_path, "ownership:\n  email: sf\nconflicts:\n  default: newest\n  email: hold\n")
    places = read.policy.rule_places
    assert str(places["ownership.email"]) == f"{PATH}:10:3"
    assert str(places["conflicts.email"]) == f"{PATH}:13:3"
    assert read.match == (MatchRule(("email",), "link", Place(PATH, 8, 5)),)


@pytest.mark.parametrize(
    ("was", "now", "code", "place", "said"),
    [
        ("connection: sf", "connection: sff", "S014", "5:18", "no connection `sff`"),
        ("sales.contact", "sales.contcat", "S015", "5:31", "no mapping `sales.contcat`"),
        ("sales.contact", "mail.contact", "S016", "5:31", "is a mapping for mail, but `sf` is a sales"),
        ("entity: customer", "entity: custmer", "S012", "2:9", "no entity `custmer`"),
        ("entity: customer", "entity: user", "S013", "3:7", "not a kind of user"),
        ("kind: person\n", "", "S013", "1:1", "does not say which kind"),
        ("kind: person", "kind: persn", "S013", "3:7", "not a kind"),
        ("kind: person", "kind: organization", "S016", "5:31", "makes persons"),
        ("Hub_Id", "LastName", "S017", "5:88", "is written by"),
        ("record.Email != null", "record.Email !=", "X002", "5:69", "cannot be read"),
        ("record.Email != null", "email != null", "X006", "5:54", "no `email`"),
        ("record.Email != null", "lowr(record.Email)", "X007", "5:54", "no function `lowr`"),
        ("when: email", "when: emial", "S018", "8:12", "no field `emial`"),
        ("when: email", "when: [email, family_nam]", "S018", "8:20", "no field `family_nam`"),
        ("when: email", "when: job_title", "S019", "8:12", "no spoke of this sync reads `job_title`"),
        ("when: email", "when: []", "S003", "8:12", "empty list"),
        ("decide: link", "decide: lnk", "S004", "8:27", "`lnk` is not one of"),
        ("sync: people", "snyc: people", "S001", "1:1", "unknown key `snyc`"),
        ("sync: people", "sync: 'my people'", "S005", "1:7", "not a name"),
        ("spokes:", "spoks:", "S001", "4:1", "unknown key `spoks`"),
        ("mapping: mail.contact", "maping: mail.contact", "S001", "6:22", "unknown key `maping`"),
        ("{connection: hs, ", "{", "S002", "6:5", "lacks `connection`"),
    ],
)
def test_a_wrong_name_is_told_at_its_place(tmp_path, was, now, code, place, said):
    all_ = found(tmp_path, **{was: now})
    assert any(c == code and p.startswith(f"{PATH}:{place}") and said in t for c, p, t, _ in all_), all_


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("ownership: {email: erp}\n", "S021", "`erp` owns `email`"),
        ("ownership: {emial: sf}\n", "S018", "no field `emial`"),
        (
            "ownership: {phones[mobile]: hs}\n".replace("phones[mobile]", '"phones[mobile]"'),
            "S022",
            "it is not read from there",
        ),
        ("conflicts: {emial: hold}\n", "S018", "no field `emial`"),
        ("conflicts: {job_title: hold}\n", "S019", "no spoke of this sync reads"),
        ("conflicts: {default: [newst]}\n", "S020", "`newst` is no policy"),
        ("conflicts: {default: []}\n", "S003", "empty list"),
        ("conflicts: {default: '= nobody'}\n", "X006", "no `nobody`"),
        ("first_link: {default: [erp]}\n", "S020", "`erp` is no policy"),
        ("deletes: sometimes\n", "S004", "`sometimes` is not one of"),
        ("consent: {opt_in_from: erp}\n", "S021", "`erp` is no connection"),
        ("guards: {creates: -5}\n", "S005", "not a limit"),
        ("guards: {creates: 200%}\n", "S005", "not a limit"),
        ("guards: {craetes: 5}\n", "S001", "unknown key `craetes`"),
        ("schedule: {every: 0 s}\n", "S005", "a time between runs"),
        ("schedule: {every: often}\n", "S005", "a time between runs"),
        ("schedule: {cron: '0 0 31 2 *'}\n", "S005", "a cron line"),
        ("schedule: {every: 1 h, cron: '0 6 * * *'}\n", "S023", "not both"),
        ("schedule: {sweep: '25:00'}\n", "S005", "a time of day"),
        ("schedule: {sweep: '02:30 Europe/Berln'}\n", "S005", "a time of day"),
        ("schedule: {webhooks: yes}\n", "S003", "expected true or false"),
        ("clock_tolerance: soon\n", "S005", "a duration"),
    ],
)
def test_a_wrong_rule_is_told(tmp_path, more, code, said):
    all_ = found(tmp_path, more)
    assert any(c == code and said in t for c, _, t, _ in all_), all_


def test_hints_name_what_was_probably_meant(tmp_path):
    said = " ".join(
        h for *_, h in found(tmp_path, "conflicts: {default: [newst], emial: hold}\nguards: {craetes: 5}\n")
    )
    for name in ("newest", "email", "creates"):
        assert f"Did you mean `{name}`?" in said


def test_an_owner_that_is_only_written_cannot_own(tmp_path):
    all_ = found(
        tmp_path, "ownership: {email: hs, default: hs}\n", **{"mail.contact}": "mail.contact, direction: write}"}
    )
    assert [c for c, *_ in all_] == ["S022", "S022"]


def test_a_mapping_of_another_entity_is_told(tmp_path):
    mapping = (
        FILES["mappings/mail.contact.yaml"]
        .replace("entity: customer", "entity: user")
        .replace("set: {kind: person}\n", "")
    )
    all_ = [p for p in problems(tmp_path, {"mappings/mail.contact.yaml": mapping}) if p.code == "S016"]
    assert any("maps user, the sync is for customer" in p.text for p in all_)


def test_without_match_rules_there_is_a_warning(tmp_path):
    (problem,) = problems(tmp_path, sync("", **{"match:\n  - {when: email, decide: link}\n": ""}))
    assert (problem.code, problem.level) == ("S040", "warning")


def test_the_fingerprint_follows_the_sync_and_its_mappings(tmp_path):
    base = people(tmp_path / "a").fingerprint
    assert people(tmp_path / "b", "# remark\nnote: for people\n").fingerprint == base
    assert people(tmp_path / "c", "guards: {creates: 5}\n").fingerprint != base
    changed = {"mappings/mail.contact.yaml": FILES["mappings/mail.contact.yaml"] + "  job_title: jt\n"}
    assert load(tmp_path / "d", changed).syncs["people"].fingerprint != base


def test_every_key_has_help():
    assert all(key.help for shape in (SYNC, SPOKE) for key in shape.keys)


@pytest.mark.parametrize(
    "words, said",
    [
        ("merges: propagate\n", "Write `merges: hold`"),
        ("scope_exit: archive\n", "Write `scope_exit: keep`"),
        ("schedule: {every: 5 minutes, webhooks: true}\n", "pulls find the same changes"),
    ],
)
def test_a_word_without_effect_is_told_and_what_to_write_instead(tmp_path, words, said):
    told = [p for p in load(tmp_path, sync(words)).warnings if p.code == "S044"]
    assert len(told) == 1 and told[0].level == "warning" and said in told[0].hint and told[0].place.line
