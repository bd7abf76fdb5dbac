"""`POST /batch`: up to thirty operations, each answered for itself inside one HTTP 200."""

from collections.abc import Callable

import msgspec

from adapters.simulated.quickbooks import books, query
from adapters.simulated.quickbooks.company import Company
from adapters.simulated.quickbooks.documents import Options
from adapters.simulated.quickbooks.mischief import Fault
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.replays import Replays, batch_key
from adapters.simulated.quickbooks.wire import Body, encode

LIMIT = 30


def run(
    company: Company,
    replays: Replays,
    body: Body,
    requestid: str | None,
    fault: Fault | None,
    spoken: Callable[[Refused], Refused],
) -> list[Body | msgspec.Raw]:
    """The BatchItemResponse list. `spoken` may put a refusal into another language."""
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refused.missing("BatchItemRequest")
    if set(body) != {"BatchItemRequest"}:
        extra = next(iter(set(body) - {"BatchItemRequest"}))
        raise Refused.unknown_member(extra, "IntuitBatchRequest", frozenset({"BatchItemRequest"}))
    if len(items) > LIMIT:
        raise Refused.batch_too_big()
    for item in items:
        if not item.get("bId"):
            raise Refused.missing("BatchItemRequest.bId")
        batch_key(requestid, str(item["bId"]))  # a bId that is too long spoils the whole batch, before any item runs
    throttled = _afflicted(items, fault, "item_3001")
    unsaid = _afflicted(items, fault, "commit_then_item_10000")
    answers = [_answer(company, replays, item, requestid, throttled, spoken) for item in items]
    return [
        {"Fault": Refused.failed_item().fault(), "bId": str(item["bId"])} if str(item["bId"]) in unsaid else answer
        for item, answer in zip(items, answers, strict=True)
    ]


def _answer(
    company: Company,
    replays: Replays,
    item: Body,
    requestid: str | None,
    throttled: set[str],
    spoken: Callable[[Refused], Refused],
) -> Body | msgspec.Raw:
    b_id = str(item["bId"])
    if b_id in throttled:
        return {"Fault": Refused.throttled_item().fault(), "bId": b_id}
    key = batch_key(requestid, b_id)
    if key is not None and "Query" not in item:
        known = replays.recall(key, item)
        if known is not None:
            return msgspec.Raw(known)
    failed = False
    try:
        answer = {**_perform(company, item), "bId": b_id}
    except Refused as refusal:
        failed = True
        answer = {"Fault": spoken(refusal).fault(), "bId": b_id}
    if key is not None and "Query" not in item and (not failed or company.dials.remember_faults):
        replays.remember(key, item, encode(answer))
    return answer


def _perform(company: Company, item: Body) -> Body:
    if "Query" in item:
        return {"QueryResponse": query.run(company, str(item["Query"]))}
    names = [name for name in item if name not in ("bId", "operation", "optionsData")]
    if len(names) != 1 or books.entity_called(names[0]) != names[0]:
        raise Refused.malformed(f"BatchItemRequest with {', '.join(names) or 'no entity'}")
    entity, operation = names[0], item.get("operation")
    if operation is None:
        raise Refused.missing("BatchItemRequest.operation")
    if not isinstance(item[entity], dict):
        raise Refused.malformed(f"{entity} is not an object")
    if str(operation).lower() == "update" and item[entity].get("Id") is None:
        raise Refused.missing("Id")
    options = Options.of(item.get("optionsData"))
    return {entity: books.write(company, entity, str(operation).lower(), item[entity], options)}


def _afflicted(items: list[Body], fault: Fault | None, kind: str) -> set[str]:
    if fault is None or fault.kind != kind:
        return set()
    return set(fault.items) or {str(item["bId"]) for item in items[::2]}
