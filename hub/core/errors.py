"""Every error the hub raises, named by the caller's next move.

    HubError
    ├── Retry        nothing was changed; try again, after `after` seconds if given
    ├── Unknown      the remote may have done it; ask it by key or version, never repeat blindly
    ├── Reject       this one record cannot go on; the others can
    │   ├── Duplicate    the remote says that the record is there already (`ids`)
    │   ├── Changed      the record moved since the version we saw; settle it again
    │   └── Gone         the record is not there any more
    ├── Stop         pause this connection; a person must act (sign-in, permission, quota)
    │   └── SignIn       the credentials were refused
    ├── Refused      stopped for safety, before any damage
    └── ConfigError  files are wrong; `problems` carry file, line and column

The message says what happened; `where`, `why`, `unchanged` and `next` say the rest. `explain()` joins them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class HubError(Exception):
    """Something went wrong, told so that a person knows the next step.

    `code` is stable and can be searched for; `next` is advice in words or a command.
    """

    code = "E-HUB"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        unchanged: str = "",
        next: str = "",
        code: str = "",
        **facts: Any,
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.why = what, where, why
        self.unchanged, self.next = unchanged, next
        self.code = code or type(self).code
        self.facts = facts

    def explain(self) -> str:
        """The whole message on one line: what · where · why · what was not changed · what to do."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        parts = [head, self.why, self.unchanged, self.next and f"Next: {self.next}"]
        return " ".join(p if p.endswith((".", "?", "!")) else p + "." for p in parts if p) + f" [{self.code}]"


class Retry(HubError):
    """Nothing was changed. Try again after `after` seconds (None: the caller's own back-off)."""

    code = "E-RETRY"

    def __init__(self, what: str, *, after: float | None = None, **rest: Any) -> None:
        super().__init__(what, **rest)
        self.after = after


class Unknown(HubError):
    """The call may or may not have been carried out. Look before doing anything again."""

    code = "E-UNKNOWN"


class Reject(HubError):
    """The remote refuses this record. `fields` names the remote fields at fault, where it said so."""

    code = "E-VALUE"

    def __init__(self, what: str, *, fields: Sequence[str] = (), vendor_code: str = "", **rest: Any) -> None:
        super().__init__(what, **rest)
        self.fields = tuple(fields)
        self.vendor_code = vendor_code


class Duplicate(Reject):
    """The remote already has such a record. `ids` are the ones it named (may be empty)."""

    code = "E-DUPLICATE"

    def __init__(self, what: str, *, ids: Sequence[str] = (), **rest: Any) -> None:
        super().__init__(what, **rest)
        self.ids = tuple(ids)


class Changed(Reject):
    """The record is not at the version we saw. Nothing was written; settle it again."""

    code = "E-MOVED"


class Gone(Reject):
    """The record does not exist (any more). `into` names the survivor where it was merged."""

    code = "E-GONE"

    def __init__(self, what: str, *, into: str = "", **rest: Any) -> None:
        super().__init__(what, **rest)
        self.into = into


class Stop(HubError):
    """Pause the connection and tell the operator; trying again by itself does not help."""

    code = "E-STOP"


class SignIn(Stop):
    """The remote refused our credentials."""

    code = "E-AUTH"


class Refused(HubError):
    """Stopped for safety. Nothing of what was asked has been done."""

    code = "S-REFUSED"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file: 1-based line and column; path as the user would type it."""

    path: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a file. `level` is "error" or "warning"; `hint` says what to do."""

    place: Place
    code: str
    text: str
    hint: str = ""
    level: str = "error"

    def __str__(self) -> str:
        hint = f"  {self.hint}" if self.hint else ""
        return f"{self.place} {self.level}[{self.code}]: {self.text}{hint}"


class ConfigError(HubError):
    """Files that people wrote are wrong. Carries every problem found, not only the first."""

    code = "E-CONFIG"

    def __init__(self, problems: Sequence[Problem], **rest: Any) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems), **rest)
