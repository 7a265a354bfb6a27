"""Ids of the marketplace: numbers of machines, offers and contracts, and names of accounts.

Each is a type of its own, so that a type checker finds a contract's number where a machine's is
wanted. At run time they are the plain ``int`` and ``str`` that they look like.
"""

from __future__ import annotations

from typing import NewType

__all__ = ["AccountId", "ContractId", "MachineId", "OfferId"]

MachineId = NewType("MachineId", int)
"""The marketplace's number of a machine."""
OfferId = NewType("OfferId", int)
"""The marketplace's number of an offer."""
ContractId = NewType("ContractId", int)
"""The marketplace's number of a contract and its instance."""
AccountId = NewType("AccountId", str)
"""The name of an account, a host's or a client's."""
