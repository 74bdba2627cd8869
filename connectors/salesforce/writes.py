"""Write batches: creates and fast updates in collections of 200, careful updates one by one inside composite calls.

Each call is followed by a read-back, so that a receipt says what the record holds now. What a call did is never
guessed: an answer that cannot be trusted makes every write in it `unknown`, and what was not sent yet `retry`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any
from urllib.parse import quote as percent
from urllib.parse import urlencode

from connectors.salesforce import errors, soql
from connectors.salesforce.objects import COLLECTION, COMPOSITE
from connectors.salesforce.transport import Transport
from hub.connect.connector import Receipt, Write
from hub.core.errors import Gone, HubError, Reject, Retry, Stop, Unknown

Items = Sequence[tuple[int, Write]]
Send = Callable[[str, Items], dict[int, Receipt]]


class Writer:
    """Carries out the writes of one connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        """One receipt per write, in the order of the batch."""
        absent = [i for i in enumerate(batch) if i[1].action in ("update", "delete") and not soql.is_id(i[1].id)]
        receipts = _all(absent, "gone", Gone("the id is not one of Salesforce", where=self._where(object)))
        work = deque(self._plan([i for i in enumerate(batch) if i[0] not in receipts]))
        while work:
            send, items = work.popleft()
            try:
                receipts |= send(object, items)
            except Reject as error:
                receipts |= self._isolate(send, items, error, work)
            except Unknown as error:
                receipts |= _all(items, "unknown", error)
                _withhold(work, receipts, "an earlier part of the batch got no answer")
            except (Retry, Stop) as error:
                if not receipts:
                    raise
                receipts |= _all(items, "retry", error)
                _withhold(work, receipts, error.what)
        return [receipts[n] for n in range(len(batch))]

    def _plan(self, items: Items) -> Iterable[tuple[Send, Items]]:
        """Cut a batch into calls. Writes of one kind travel together, in the order in which they came."""
        ranked = sorted(items, key=lambda item: _kind(item[1]))
        for kind, group in groupby(ranked, key=lambda item: _kind(item[1])):
            send, most = self._sender(kind)
            alike = list(group)
            yield from ((send, alike[n : n + most]) for n in range(0, len(alike), most))

    def _sender(self, kind: tuple[str, ...]) -> tuple[Send, int]:
        return {
            "create": (self._create, COLLECTION),
            "careful": (self._update_careful, COMPOSITE),
            "fast": (self._update_fast, COLLECTION),
            "delete": (self._delete, COLLECTION),
            "associate": (_refuse_association, COLLECTION),
        }[kind[0]]

    def _isolate(self, send: Send, items: Items, error: Reject, work: deque[tuple[Send, Items]]) -> dict[int, Receipt]:
        """A call refused as a whole did nothing: refuse the writes that it names, send the others again."""
        error = errors.named(error, (w for _, w in items))
        if len(items) == 1:
            return _all(items, "rejected", error)
        guilty = [i for i in items if any(name in i[1].fields for name in error.fields)]
        others = [i for i in items if i not in guilty]
        if guilty:
            if others:
                work.appendleft((send, others))
            return _all(guilty, "rejected", error)
        middle = len(items) // 2
        work.extendleft([(send, items[middle:]), (send, items[:middle])])
        return {}

    # -- the calls

    def _create(self, object: str, items: Items) -> dict[int, Receipt]:
        key_field = items[0][1].key_field if items[0][1].key else ""
        path = f"/composite/sobjects/{object}/{soql.name(key_field)}" if key_field else "/composite/sobjects"
        records = [_row(object, w.fields, **({key_field: w.key} if key_field else {})) for _, w in items]
        receipts = self._collection("PATCH" if key_field else "POST", path, object, items, records)
        unnamed = [i for i in items if _is_unnamed_duplicate(receipts[i[0]])]
        for n in range(0, len(unnamed), COMPOSITE):
            receipts |= self._create_again(object, unnamed[n : n + COMPOSITE])
        return self._read_back(object, items, receipts)

    def _create_again(self, object: str, items: Items) -> dict[int, Receipt]:
        """Ask for refused creates one by one: only then do duplicate rules name the records that they found."""
        subs = [self._create_one(object, n, write) for n, write in items]
        try:
            answers = self._composite(subs, f"{object} create", expect=len(items))
        except Retry as error:
            return _all(items, "retry", error)
        except Unknown as error:
            return _all(items, "unknown", error)
        return {n: self._receipt(object, w, answers[f"r{n}"]) for n, w in items}

    def _update_fast(self, object: str, items: Items) -> dict[int, Receipt]:
        records = [_row(object, w.fields, id=w.id) for _, w in items]
        receipts = self._collection("PATCH", "/composite/sobjects", object, items, records)
        return self._read_back(object, items, receipts)

    def _update_careful(self, object: str, items: Items) -> dict[int, Receipt]:
        subs = [self._update_one(object, n, write) for n, write in items]
        answers = self._composite([*subs, self._query_back(object, items)], f"{object} update", expect=len(items))
        receipts = {n: self._receipt(object, w, answers[f"r{n}"]) for n, w in items}
        back = answers.get("back") or {}
        rows = (back.get("body") or {}).get("records") or [] if back.get("httpStatusCode") == 200 else []
        return self._complete(items, receipts, rows)

    def _delete(self, object: str, items: Items) -> dict[int, Receipt]:
        params = {"ids": ",".join(w.id for _, w in items), "allOrNone": "false"}
        answer = self._transport.write("DELETE", "/composite/sobjects", params=params, what=f"{object} delete")
        return self._results(object, items, answer.body)

    def _collection(self, method: str, path: str, object: str, items: Items, records: list[Any]) -> dict[int, Receipt]:
        body = {"allOrNone": False, "records": records}
        answer = self._transport.write(method, path, body=body, what=f"{object} {items[0][1].action}")
        return self._results(object, items, answer.body)

    def _results(self, object: str, items: Items, results: Any) -> dict[int, Receipt]:
        if not isinstance(results, list) or len(results) != len(items):
            raise errors.broken("results are missing", where=self._where(object), write=True)
        return {n: self._result(object, w, r) for (n, w), r in zip(items, results, strict=True)}

    def _result(self, object: str, write: Write, result: Mapping[str, Any]) -> Receipt:
        if result.get("success"):
            return Receipt(write.op, "done", soql.id18(str(result.get("id") or write.id)))
        found = errors.faults(result.get("errors") or [])
        return errors.item(found, write, where=self._where(object, write.id))

    # -- single requests inside a composite call

    def _composite(self, subs: list[dict[str, Any]], what: str, *, expect: int) -> dict[str, Any]:
        # Not collated: the read-back must run after the writes.
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": subs}
        answer = self._transport.write("POST", "/composite", body=body, what=what)
        found = answer.body.get("compositeResponse") if isinstance(answer.body, dict) else None
        by_ref = {str(r.get("referenceId")): r for r in found or ()}
        if sum(ref.startswith("r") for ref in by_ref) != expect:
            raise errors.broken("results are missing", where=self._where(what), write=True)
        return by_ref

    def _create_one(self, object: str, n: int, write: Write) -> dict[str, Any]:
        url = f"{self._transport.root}/sobjects/{object}"
        if not write.key:
            return {"method": "POST", "url": url, "referenceId": f"r{n}", "body": dict(write.fields)}
        url += f"/{soql.name(write.key_field)}/{percent(write.key, safe='')}"
        body = {k: v for k, v in write.fields.items() if k != write.key_field}
        return {"method": "PATCH", "url": url, "referenceId": f"r{n}", "body": body}

    def _update_one(self, object: str, n: int, write: Write) -> dict[str, Any]:
        url = f"{self._transport.root}/sobjects/{object}/{percent(write.id, safe='')}"
        sub: dict[str, Any] = {"method": "PATCH", "url": url, "referenceId": f"r{n}", "body": dict(write.fields)}
        if write.stamp:
            sub["httpHeaders"] = {"If-Unmodified-Since": soql.http_date(write.stamp)}
        return sub

    def _receipt(self, object: str, write: Write, answer: Mapping[str, Any]) -> Receipt:
        status, body = int(answer.get("httpStatusCode") or 0), answer.get("body")
        if 200 <= status < 300:
            made = body.get("id") if isinstance(body, dict) else None
            return Receipt(write.op, "done", soql.id18(made or write.id))
        return errors.item(errors.faults(body or []), write, where=self._where(object, write.id), status=status)

    # -- what the records hold now

    def _query_back(self, object: str, items: Items) -> dict[str, Any]:
        query = soql.select(object, _back_columns(items), soql.among("Id", [w.id for _, w in items]))
        url = f"{self._transport.root}/query?{urlencode({'q': query})}"
        return {"method": "GET", "url": url, "referenceId": "back"}

    def _read_back(self, object: str, items: Items, receipts: dict[int, Receipt]) -> dict[int, Receipt]:
        done = [i for i in items if receipts[i[0]].status == "done"]
        if not done:
            return receipts
        body = {"ids": [receipts[n].id for n, _ in done], "fields": _back_columns(done)}
        path = f"/composite/sobjects/{object}"
        try:
            answer = self._transport.read("POST", path, body=body, what=f"{object} read-back")
        except HubError:
            return receipts  # the writes stand; the next pull shows what became of them
        return self._complete(items, receipts, answer.body if isinstance(answer.body, list) else ())

    def _complete(self, items: Items, receipts: dict[int, Receipt], rows: Iterable[Any]) -> dict[int, Receipt]:
        """Put what was read back into the receipts, save where somebody else has written in the meantime."""
        us = self._transport.auth.user
        ours = {soql.id18(r["Id"]): r for r in rows if _is_row(r) and us in ("", r["LastModifiedById"])}
        for n, write in items:
            row = ours.get(receipts[n].id)
            if row and receipts[n].status == "done":
                stamp = soql.stamp(row["SystemModstamp"])
                fields = {k: row[k] for k in write.fields if k in row}
                receipts[n] = replace(receipts[n], version=stamp, stamp=stamp, fields=fields)
        return receipts

    def _where(self, what: str, id: str = "") -> str:
        return f"{self._transport.connection} {what} {id}".rstrip()


def _kind(write: Write) -> tuple[str, ...]:
    if write.action == "update":
        return ("careful" if write.careful else "fast",)
    return (write.action, write.key_field if write.action == "create" and write.key else "")


def _row(object: str, fields: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    return {"attributes": {"type": object}, **fields, **own}


def _back_columns(items: Items) -> list[str]:
    """The written fields that can be read back: a parent named by its own key is not one of them."""
    names = (n for _, w in items for n, v in w.fields.items() if not isinstance(v, dict))
    return list(dict.fromkeys(["Id", "SystemModstamp", "LastModifiedById", *names]))


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and {"Id", "SystemModstamp", "LastModifiedById"} <= row.keys()


def _is_unnamed_duplicate(receipt: Receipt) -> bool:
    return receipt.status == "duplicate" and not getattr(receipt.error, "ids", ())


def _all(items: Items, status: Any, error: HubError) -> dict[int, Receipt]:
    return {n: Receipt(w.op, status, w.id, error=error) for n, w in items}


def _withhold(work: deque[tuple[Send, Items]], receipts: dict[int, Receipt], why: str) -> None:
    """Leave the rest of a batch unsent."""
    for _, items in work:
        receipts |= _all(items, "retry", Retry("not sent", why=why, unchanged="Nothing was written."))
    work.clear()


def _refuse_association(object: str, items: Items) -> dict[int, Receipt]:
    raise Reject(
        "Salesforce has no associations of its own",
        unchanged="Nothing was written.",
        next="Map the lookup field of the record, for example `organization: {field: AccountId, ref: customer}`.",
    )
