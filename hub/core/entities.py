"""The canonical model: which entities there are, and which fields they have.

A path is `given_name`, a part `address.country`, or a keyed item `phones[mobile]`; `phones[]` in a declaration allows any
key. `custom.*` always works. Projects add fields and entities in config/model.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hub.core.shapes import did_you_mean

_PATH = re.compile(r"[a-z][a-z0-9_]*(\[[A-Za-z0-9_-]+\])?(\.[A-Za-z][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Entity:
    """`fields`: {declared path: kind}. `kinds`: the values of `kind`, () if there is only one."""

    name: str
    kinds: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def kind_of(self, path: str) -> str | None:
        """The canonical type at a path, None if there is no such field; custom fields are text unless declared."""
        declared = self.fields.get(re.sub(r"\[[^\]]*\]", "[]", path)) or self.fields.get(path)
        return declared or ("text" if path.startswith("custom.") else None)

    def hint(self, path: str) -> str:
        """What was probably meant by an unknown path."""
        _head, key, tail = path.partition("[")
        known = {f.replace("[]", f"[{tail.partition(']')[0]}]") if key else f for f in self.fields}
        return f"{did_you_mean(path, known)} Fields of your own go under `custom.` or into config/model.yaml."


def well_formed(path: str) -> bool:
    return bool(_PATH.fullmatch(path))


def _fields(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


_ADDRESS = {
    **_fields("text", "street street2 city region postal_code po_box"),
    "country": "country",
}
_CUSTOMER = {
    **_fields("name", "given_name middle_name family_name display_name name legal_name"),
    **_fields("text", "salutation name_suffix job_title department description lead_source lifecycle_stage status"),
    **_fields("text", "industry type rating tax_id registration_number number time_zone gender account_source"),
    **_fields("email", "email emails[]"),
    **_fields("phone", "phone phones[]"),
    **_fields("url", "website social[]"),
    **_fields("text", "external_ids[]"),
    **{f"address.{part}": kind for part, kind in _ADDRESS.items()},
    **{f"addresses[].{part}": kind for part, kind in _ADDRESS.items()},
    **_fields("money", "annual_revenue credit_limit"),
    **_fields("integer", "employees founded_year"),
    **_fields("consent", "email_opt_out phone_opt_out sms_opt_out do_not_contact"),
    **_fields("date", "birth_date customer_since"),
    **_fields("datetime", "created_at updated_at last_contacted_at"),
    **_fields("ref", "organization parent owner"),
    **_fields("bool", "active"),
    "domain": "domain",
    "tags": "set",
    "language": "language",
    "kind": "text",
}
_USER = {
    **_fields("name", "given_name family_name display_name"),
    **_fields("text", "username job_title department role time_zone external_ids[]"),
    **_fields("email", "email"),
    **_fields("phone", "phone phones[]"),
    **_fields("bool", "active"),
    **_fields("ref", "manager"),
    **_fields("datetime", "created_at updated_at"),
    "language": "language",
}


@dataclass(frozen=True, slots=True)
class Model:
    """All entities of a project, by name."""

    entities: Mapping[str, Entity]

    def extend(self, name: str, *, kinds: tuple[str, ...] = (), fields: Mapping[str, str] | None = None) -> Model:
        """This model with an entity added, or with fields added to one."""
        known = self.entities.get(name, Entity(name))
        made = replace(known, kinds=kinds or known.kinds, fields={**known.fields, **(fields or {})})
        return Model({**self.entities, name: made})


STANDARD = Model(
    {
        "customer": Entity("customer", ("person", "organization"), _CUSTOMER),
        "user": Entity("user", (), _USER),
    }
)
