"""Writing batches: create, update, delete and associate, with one receipt per write whatever happens on the way.

HubSpot refuses a whole batch for one bad row in some cases and answers per row in others. A batch that was refused
whole was not carried out, so it is halved until the bad row stands alone. A batch that got no answer is never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.hubspot import associations
from connectors.hubspot.api import Answer, Api, Call
from connectors.hubspot.errors import translate
from connectors.hubspot.records import Association, association, modified, stamp
from hub.connect.connector import Receipt, Write
from hub.core.errors import Duplicate, Gone, HubError, Reject, Retry, Stop, Unknown

BATCH = 100
# Refusals that say something about a property as such: every row that carries it would get the same one.
ABOUT_PROPERTY = {"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"}
LOST = "HubSpot's answer does not mention this record"


class Writer:
    """Carries out one batch. Made for one call of `write` and thrown away."""

    def __init__(self, api: Api, object: str) -> None:
        self.api, self.object = api, object
        self.receipts: dict[str, Receipt] = {}
        self.halted: HubError | None = None

    def carry_out(self, batch: Sequence[Write]) -> list[Receipt]:
        """Receipts in the order of the batch. Raises only if the same thing stopped all of it."""
        for action, kinds in (("create", ("create",)), ("update", ("update", "associate")), ("archive", ("delete",))):
            group = [w for w in batch if w.action in kinds]
            if action == "update":
                self._update(group)
            else:
                self._chunked(group, f"batch/{action}")
        receipts = [self.receipts[w.op] for w in batch]
        if self.halted and all(r.error is self.halted for r in receipts):
            raise self.halted
        return receipts

    # -- records

    def _update(self, writes: Sequence[Write]) -> None:
        self._chunked([w for w in writes if self._plain(w)], "batch/update")
        fine = [w for w in writes if w.op not in self.receipts or self.receipts[w.op].status == "done"]
        for w in fine:
            self.receipts.setdefault(w.op, Receipt(w.op, "done", w.id, fields={}))
        for name in sorted({name for w in fine for name in self._named(w)}):
            self._associate(name, [w for w in fine if name in w.fields and self.receipts[w.op].status == "done"])

    def _chunked(self, writes: Sequence[Write], verb: str) -> None:
        for start in range(0, len(writes), BATCH):
            self._send(writes[start : start + BATCH], verb)

    def _send(self, writes: Sequence[Write], verb: str) -> None:
        """Send some writes; on a refusal of the whole, halve until the culprit stands alone."""
        if self.halted:
            return self._halt(writes, self.halted)
        try:
            inputs = [self._input(w) for w in writes]
            path = self.api.paths.objects(self.object, f"/{verb}")
            call = Call(f"{self.object} {verb}", "POST", path, body={"inputs": inputs}, writing=True)
            self._note(call, self.api.once(call), writes)
        except Reject as error:
            if len(writes) == 1 or _concerns_all(error, writes):
                self._refuse(writes, error)
            else:
                middle = len(writes) // 2
                self._send(writes[:middle], verb)
                self._send(writes[middle:], verb)
        except HubError as error:
            self._halt(writes, error)

    def _input(self, w: Write) -> dict[str, Any]:
        if w.action == "delete":
            return {"id": w.id}
        properties = {name: text(value) for name, value in self._plain(w).items()}
        if w.action != "create":
            return {"id": w.id, "properties": properties, "objectWriteTraceId": w.op}
        if w.key_field and w.key:
            properties[w.key_field] = w.key
        made = {"properties": {n: v for n, v in properties.items() if v != ""}, "objectWriteTraceId": w.op}
        links = [associations.create_body(a, str(w.fields[a.field])) for a in self._linked(w) if w.fields[a.field]]
        return {**made, "associations": links} if links else made

    def _note(self, call: Call, answer: Answer, writes: Sequence[Write]) -> None:
        """Match results and errors of an answer with the writes: results come in any order."""
        if call.path.endswith("archive"):
            self.receipts.update((w.op, Receipt(w.op, "done", w.id)) for w in writes)
            return
        for raw in answer.body.get("results") or ():
            if w := _owner(writes, raw, [raw.get("objectWriteTraceId")], [raw.get("id")]):
                self.receipts[w.op] = self._receipt(w, raw)
        for item in answer.body.get("errors") or ():
            context = item.get("context") or {}
            if w := _owner(writes, item, context.get("objectWriteTraceId") or (), context.get("ids") or ()):
                self._refuse([w], translate(self.api.refusal(call, item)))
        for w in writes:
            if w.op not in self.receipts:
                self.receipts[w.op] = Receipt(w.op, "unknown", w.id, error=Unknown(LOST, where=self.api.where(call)))

    def _receipt(self, w: Write, raw: Mapping[str, Any]) -> Receipt:
        properties = raw.get("properties") or {}
        fields = {name: properties[name] or None for name in self._plain(w) if name in properties}
        if w.action == "create":
            fields |= {name: w.fields[name] for name in self._named(w)}
        updated = stamp(raw.get("updatedAt"))
        when = stamp(properties.get(modified(self.object))) or updated
        return Receipt(w.op, "done", str(raw["id"]), version=updated, stamp=when, fields=fields)

    def _refuse(self, writes: Sequence[Write], error: HubError) -> None:
        for w in writes:
            self.receipts[w.op] = Receipt(w.op, _status(error, w), w.id, error=error)

    def _halt(self, writes: Sequence[Write], error: HubError) -> None:
        """Stop sending. What has an answer keeps it; what was not sent can simply be sent later."""
        if self.halted is None:
            self.halted = error
            self._refuse(writes, error)
            return
        waiting = (
            error if isinstance(error, Retry | Stop) else Retry("not sent, because the batch before got no answer")
        )
        self.receipts.update((w.op, Receipt(w.op, "retry", w.id, error=waiting)) for w in writes)

    # -- associations

    def _associate(self, name: str, writes: Sequence[Write]) -> None:
        a = association(self.object, name)
        assert a, "only association fields come here"
        sets, clears = [w for w in writes if w.fields[name]], [w for w in writes if not w.fields[name]]
        self._link(sets, name, lambda: associations.set_calls(self.api, a, [(w.id, str(w.fields[name])) for w in sets]))
        self._link(clears, name, lambda: associations.clear_calls(self.api, a, self._present(a, clears)))

    def _present(self, a: Association, writes: Sequence[Write]) -> list[tuple[str, str]]:
        """The pairs that carry the label now; a cleared field takes it from each of them."""
        found = associations.linked(self.api, a, [w.id for w in writes])
        return [(id, to) for id, others in found.items() for to in others]

    def _link(self, writes: Sequence[Write], name: str, calls: Callable[[], Iterator[tuple[Call, list[str]]]]) -> None:
        """Make the calls, and add to the receipts what became of this field."""
        failed: dict[str, HubError] = {}
        try:
            for call, part in calls() if writes else ():
                failed |= self._linked_badly(call, part)
        except HubError as error:
            # Fields written before are written again then, which changes nothing.
            failed = {w.id: error for w in writes}
            self.halted = error if isinstance(error, Stop) else self.halted
        for w in writes:
            was, bad = self.receipts[w.op], failed.get(w.id)
            if bad is None:
                self.receipts[w.op] = replace(was, fields={**(was.fields or {}), name: w.fields[name]})
            else:
                bad = _naming(bad, name)
                self.receipts[w.op] = Receipt(w.op, _status(bad, w), w.id, error=bad)

    def _linked_badly(self, call: Call, ids: list[str]) -> dict[str, HubError]:
        """{id: error} of one association call. A call refused whole is made again row by row."""
        inputs = call.body["inputs"]
        try:
            answer = self.api.once(call)
        except Reject as error:
            if len(inputs) == 1:
                return {ids[0]: error}
            singles = [replace(call, body={"inputs": [row]}) for row in inputs]
            return {id: e for one, id in zip(singles, ids, strict=True) for e in self._linked_badly(one, [id]).values()}
        failed: dict[str, HubError] = {}
        for item in answer.body.get("errors") or ():
            context = item.get("context") or {}
            for id in context.get("fromObjectId") or context.get("ids") or ids:
                failed[str(id)] = translate(self.api.refusal(call, item))
        return failed

    # -- fields of a write

    def _plain(self, w: Write) -> dict[str, Any]:
        return {name: value for name, value in w.fields.items() if not name.startswith("@")}

    def _named(self, w: Write) -> list[str]:
        return [name for name in w.fields if name.startswith("@")]

    def _linked(self, w: Write) -> list[Association]:
        return [a for name in self._named(w) if (a := association(self.object, name))]


def text(value: Any) -> str:
    """A value as HubSpot takes it: everything is text, and the empty text clears."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return ";".join(map(text, value)) if isinstance(value, list | tuple) else str(value)


def _owner(writes: Sequence[Write], raw: Mapping[str, Any], ops: Sequence[Any], ids: Sequence[Any]) -> Write | None:
    """The write that a result or error belongs to: by trace id, else by record id, else by create key."""
    named, numbered = {str(op) for op in ops if op}, {str(id) for id in ids if id}
    if named:
        return next((w for w in writes if w.op in named), None)
    properties = raw.get("properties") or {}
    for w in writes:
        if (w.id and w.id in numbered) or (w.key and properties.get(w.key_field) == w.key):
            return w
    return writes[0] if len(writes) == 1 else None


def _concerns_all(error: Reject, writes: Sequence[Write]) -> bool:
    codes = set(error.facts.get("codes") or ())
    everywhere = all(set(error.fields) <= {*w.fields, w.key_field} for w in writes)
    return bool(error.fields) and bool(codes) and codes <= ABOUT_PROPERTY and everywhere


def _status(error: HubError, w: Write) -> Any:
    if isinstance(error, Gone):
        return "rejected" if w.action == "create" else "gone"
    kinds = ((Duplicate, "duplicate"), (Reject, "rejected"), (Unknown, "unknown"), (HubError, "retry"))
    return next(status for kind, status in kinds if isinstance(error, kind))


def _naming(error: HubError, name: str) -> HubError:
    if type(error) not in (Reject, Gone):
        return error
    return Reject(
        "HubSpot refuses the association",
        fields=(name,),
        vendor_code=getattr(error, "vendor_code", ""),
        where=error.where,
        why=error.why or error.what,
        unchanged="Other fields of the record were written",
    )
