"""The rules of FOCUS as the FinOps Foundation's validator reads them: its own file, and 1.3's.

The validator's package has the rules of 1.2. Those of 1.3 are written here from the words of the
specification: it keeps the rules of 1.2 for charges, adds columns and the data set of commitments.
Who has the Foundation's own file of 1.3 gives it to ``scripts/check_focus.py``.
"""

from __future__ import annotations

import copy
from typing import Any

Rules = dict[str, Any]

_NEW_TEXTS = ("HostProviderName", "ServiceProviderName")
_PROPERTIES = (
    *("ContractId", "ContractCommitmentId", "ContractCommitmentAppliedCost"),
    *("ContractCommitmentAppliedQuantity", "ContractCommitmentAppliedUnit"),
)
_COMMITMENTS = {
    "BillingCurrency": ("text", True),
    "ContractCommitmentCategory": ("text", True),
    "ContractCommitmentCost": ("number", False),
    "ContractCommitmentDescription": ("text", False),
    "ContractCommitmentId": ("text", True),
    "ContractCommitmentPeriodEnd": ("instant", True),
    "ContractCommitmentPeriodStart": ("instant", True),
    "ContractCommitmentQuantity": (None, False),
    "ContractCommitmentType": ("text", True),
    "ContractCommitmentUnit": (None, False),
    "ContractId": ("text", True),
    "ContractPeriodEnd": ("instant", True),
    "ContractPeriodStart": ("instant", True),
}
_TYPES = {
    "text": ("TypeString", "FormatString"),
    "number": ("TypeDecimal", "FormatNumeric"),
    "instant": ("TypeDateTime", "FormatDateTime"),
}


def corrected(model: Rules) -> Rules:
    """Return the file with one condition as its own words say it.

    "CommitmentDiscountStatus MUST NOT be null when CommitmentDiscountId is not null and Charge
    Category is "Usage"" is asked of rows *without* an id there, of which another rule asks the
    contrary.
    """
    mended = copy.deepcopy(model)
    rule = mended["ModelRules"]["CommitmentDiscountStatus-C-004-C"]["ValidationCriteria"]
    if rule["Condition"] != _is("CommitmentDiscountId", None):
        raise SystemExit("CommitmentDiscountStatus-C-004-C has changed: look at its condition anew")
    rule["Condition"] = _all(_is_not("CommitmentDiscountId", None), _is("ChargeCategory", "Usage"))
    return mended


def rules_of_1_3(model: Rules) -> Rules:
    """Return the rules of FOCUS 1.3, from the file of those of 1.2."""
    found = corrected(model)
    found["Details"] = {"ModelVersion": "1.3", "FOCUSVersion": "1.3"}
    added: Rules = {}
    present, columns = [], []
    for name in _NEW_TEXTS:
        present.append(_presence(added, name))
        columns.append(_column(added, name, "text", filled=True))
    present.append(_presence(added, "ContractApplied"))
    columns.append(_contract_applied(added))
    columns.append(_bought(added))
    found["ModelRules"] |= added
    _also(found, "CostAndUsage-D-001-M", present)
    _also(found, "CostAndUsage-D-002-M", columns)
    found["ModelRules"] |= (commitments := _commitments())
    root = next(reversed(commitments))
    found["ModelDatasets"]["ContractCommitment"] = {"ModelRules": [root]}
    return found


def alternatives(model: Rules) -> dict[str, str]:
    """Return of each rule that is one side of an "or" the rule that has the "or".

    "InvoiceId MUST be null when the charge is not associated with an invoice" and "MUST NOT be null
    when" it is are two sides: no row passes both, and each row must pass one.
    """
    found = {}
    for name, rule in model["ModelRules"].items():
        requirement = rule["ValidationCriteria"].get("Requirement", {})
        if requirement.get("CheckFunction") == "OR":
            for item in requirement["Items"]:
                if "ModelRuleId" in item:
                    found[item["ModelRuleId"]] = name
    return found


def _commitments() -> Rules:
    """Return the rules of the data set of commitments; the last one has all the others."""
    found: Rules = {}
    parts = []
    for name, (kind, filled) in _COMMITMENTS.items():
        parts.append(_presence(found, name))
        if kind is not None:
            parts.append(_column(found, name, kind, filled=filled))
    allowed = [_is("ContractCommitmentCategory", value) for value in ("Spend", "Usage")]
    parts.append(
        _rule(
            found,
            "ContractCommitmentCategory-C-009-M",
            "ContractCommitmentCategory MUST be one of the allowed values.",
            {"CheckFunction": "OR", "Items": allowed},
        )
    )
    parts.append(
        _rule(
            found,
            "ContractCommitmentCost-C-009-C",
            "ContractCommitmentCost MUST NOT be null when ContractCommitmentQuantity is null.",
            _is_not("ContractCommitmentCost", None),
            _is("ContractCommitmentQuantity", None),
        )
    )
    _together(found, "ContractCommitment-D-000-M", parts)
    return found


def _contract_applied(into: Rules) -> str:
    name = "ContractApplied"
    path = {"ColumnName": name, "Path": "$.Elements[*]"}
    present = [
        {
            "CheckFunction": "JSONCheckPathKeyExists",
            "ColumnName": name,
            "Path": f"{path['Path']}.{key}",
        }
        for key in _PROPERTIES
    ]
    prefixed = {"CheckFunction": "JSONCheckPathKeyStartsWith", "Prefix": "x_"}
    parts = [
        _rule(
            into,
            f"{name}-C-001-M",
            f"{name} MUST be a JSON object.",
            {"CheckFunction": "FormatJSON", "ColumnName": name},
        ),
        _rule(
            into,
            f"{name}-C-002-C",
            f"{name} MUST NOT be null when one or more contract commitments are applied.",
            _is_not(name, None),
            _is_not("CommitmentDiscountId", None),
        ),
        _rule(
            into,
            f"{name}-C-004-C",
            f"{name} MUST have five properties in each element.",
            {"CheckFunction": "AND", "Items": present},
            _is_not(name, None),
        ),
        _rule(
            into,
            f"{name}-C-005-C",
            f"{name} MUST NOT have other properties in an element without the prefix x_.",
            prefixed | path | {"IgnoreKeys": list(_PROPERTIES)},
            _is_not(name, None),
        ),
    ]
    return _together(into, f"{name}-C-000-C", parts)


def _bought(into: Rules) -> str:
    same = {
        "CheckFunction": "CheckSameValue",
        "ColumnAName": "ResourceId",
        "ColumnBName": "CommitmentDiscountId",
    }
    return _rule(
        into,
        "ContractApplied-C-003-C",
        'ContractCommitmentId MUST match ResourceId when ChargeCategory is "Purchase".',
        same,
        _is("ChargeCategory", "Purchase"),
    )


def _presence(into: Rules, name: str) -> str:
    words = f"{name} MUST be present in a FOCUS dataset."
    return _rule(
        into, f"{name}-D-001-M", words, {"CheckFunction": "ColumnPresent", "ColumnName": name}
    )


def _column(into: Rules, name: str, kind: str, *, filled: bool) -> str:
    parts = [
        _rule(
            into,
            f"{name}-C-00{number}-M",
            f"{name} MUST conform to {function}.",
            {"CheckFunction": function, "ColumnName": name},
        )
        for number, function in enumerate(_TYPES[kind], 1)
    ]
    if filled:
        parts.append(
            _rule(into, f"{name}-C-003-M", f"{name} MUST NOT be null.", _is_not(name, None))
        )
    return _together(into, f"{name}-C-000-M", parts)


def _together(into: Rules, name: str, parts: list[str]) -> str:
    items = [{"CheckFunction": "CheckModelRule", "ModelRuleId": part} for part in parts]
    words = f"{name.split('-', maxsplit=1)[0]} adheres to the following requirements:"
    _rule(into, name, words, {"CheckFunction": "AND", "Items": items})
    into[name]["ValidationCriteria"]["Dependencies"] = list(parts)
    return name


def _rule(
    into: Rules, name: str, words: str, requirement: Rules, condition: Rules | None = None
) -> str:
    """Write a rule and return its name."""
    entity = name.split("-", maxsplit=1)[0]
    composite = requirement["CheckFunction"] == "AND"
    into[name] = {
        "Function": "Composite" if composite else "Validation",
        "Reference": entity,
        "EntityType": "Dataset" if "-D-" in name else "Column",
        "Notes": "",
        "ModelVersionIntroduced": "1.3",
        "Status": "Active",
        "ApplicabilityCriteria": [],
        "Type": "Static",
        "ValidationCriteria": {
            "MustSatisfy": words,
            "Keyword": "MUST",
            "Requirement": requirement,
            "Condition": condition or {},
            "Dependencies": [],
        },
    }
    return name


def _also(model: Rules, name: str, parts: list[str]) -> None:
    criteria = model["ModelRules"][name]["ValidationCriteria"]
    criteria["Requirement"]["Items"] += [
        {"CheckFunction": "CheckModelRule", "ModelRuleId": part} for part in parts
    ]
    criteria["Dependencies"] += parts


def _is(column: str, value: str | None) -> Rules:
    return {"CheckFunction": "CheckValue", "ColumnName": column, "Value": value}


def _is_not(column: str, value: str | None) -> Rules:
    return {"CheckFunction": "CheckNotValue", "ColumnName": column, "Value": value}


def _all(*checks: Rules) -> Rules:
    return {"CheckFunction": "AND", "Items": list(checks)}
