"""From a call of a service to what it needs, by the tables of service_rows.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, Protocol

import jmespath

from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.service_rows import (
    ANY,
    BATCH,
    PASSED_ROLES,
    SERVICES,
    Row,
    Service,
)
from snakemake_executor_plugin_batchx.local.identity import Identity

PLACE = re.compile(r"\{([^}]*)\}")


class ResourceNames(Protocol):
    """What of a name's resource only the account itself knows."""

    def complete(self, service: str, arn: str) -> str:
        """The resource's own ARN, where a request may name it by a part of it."""

    def find_profile_role(self, name_or_arn: str) -> str | None:
        """The name of the role in an instance profile; None without profile or role."""


def list_needs(
    service_name: str,
    operation: str,
    parameters: Mapping[str, Any],
    identity: Identity,
    names: ResourceNames,
) -> list[Need] | None:
    """What a call needs; None for a service of which the embedded AWS does not know it.

    Args:
        service_name: as the credential scope has it.
        operation: ``SubmitJob``.
        parameters: the request's.
        identity: account and region of the resources.
        names: completes what requests shorten.
    """
    service = SERVICES.get(service_name)
    if service is None:
        return None
    row = service.rows.get(operation) or _make_row(service, parameters)
    if row.is_free:
        return []
    tags = _read_tags(parameters)
    keys = {**_read_keys(service, parameters), **_make_tag_keys(tags)}
    wishes = [(row.action or operation, row.resources)]
    if tags and service.tagging is not None and operation != service.tagging:
        wishes.append((service.tagging, row.resources if row.tagged is None else row.tagged))
    needs = [
        Need(f"{service.prefix}:{action}", names.complete(service_name, arn), keys)
        for action, templates in wishes
        for template in templates
        for arn in _fill(template, service, operation, parameters, identity)
    ]
    return needs + list(_iter_passed(service_name, operation, parameters, identity, names))


def _make_row(service: Service, parameters: Mapping[str, Any]) -> Row:
    for template in service.fallback:
        if all(_find(place, parameters) for place in PLACE.findall(template)):
            return Row((template,))
    return Row()


def _fill(
    template: str,
    service: Service,
    operation: str,
    parameters: Mapping[str, Any],
    identity: Identity,
) -> Iterator[str]:
    if template == ANY:
        # Batch alone names the path of a call that knows no resource:
        # https://github.com/City-Bureau/city-scrapers/issues/316
        path = f"/v1/{operation.lower()}"
        yield _make_arn(service, path, identity) if service is BATCH else ANY
        return
    texts, places = PLACE.split(template)[::2], PLACE.findall(template)
    for values in product(*(_list_values(place, parameters) for place in places)):
        name = texts[0]
        for value, text in zip(values, texts[1:], strict=True):
            if value.startswith("arn:"):
                name = value + text
            else:
                name += (value.lstrip("/") if name.endswith("/") else value) + text
        yield name if name.startswith("arn:") else _make_arn(service, name, identity)


def _make_arn(service: Service, name: str, identity: Identity) -> str:
    region = "" if service.is_global else identity.region
    # Roles, users and the sessions of roles are IAM's, whoever is asked about them.
    prefix = "iam" if service.prefix == "sts" and name.startswith("role/") else service.prefix
    return f"arn:{identity.partition}:{prefix}:{region}:{identity.account_id}:{name}"


@lru_cache(maxsize=256)
def _compile(place: str) -> Any:
    return jmespath.compile(place)


def _find(place: str, parameters: Mapping[str, Any]) -> Any:
    return parameters.get(place) if place.isalnum() else _compile(place).search(dict(parameters))


def _list_values(place: str, parameters: Mapping[str, Any]) -> list[str]:
    """What a request names there; a name that is missing is empty, as AWS has it."""
    found = _find(place, parameters)
    if isinstance(found, list):
        return [str(each) for each in found]
    return ["" if found is None else str(found)]


def _read_keys(service: Service, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found = {key: _find(place, parameters) for key, place in service.keys.items()}
    return {key: (_write(value),) for key, value in found.items() if value is not None}


def _write(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    """A request's tags, in whichever of the forms that services have."""
    given = parameters.get("tags") or parameters.get("Tags") or {}
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()}
    return {
        str(each.get("Key", each.get("key"))): str(each.get("Value", each.get("value", "")))
        for each in given
    }


def _make_tag_keys(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    if not tags:
        return {}
    own = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
    return {**own, "aws:tagkeys": tuple(tags)}


def _iter_passed(
    service_name: str,
    operation: str,
    parameters: Mapping[str, Any],
    identity: Identity,
    names: ResourceNames,
) -> Iterator[Need]:
    for passed in PASSED_ROLES.get((service_name, operation), ()):
        found = _find(passed.place, parameters) or []
        for role in found if isinstance(found, list) else [found]:
            name = names.find_profile_role(role) if role and passed.is_profile else role
            if not name:
                continue
            arn = name
            if not name.startswith("arn:"):
                arn = f"arn:{identity.partition}:iam::{identity.account_id}:role/{name}"
            keys = {"iam:passedtoservice": (passed.service,)}
            yield Need("iam:PassRole", names.complete("iam", arn), keys)
