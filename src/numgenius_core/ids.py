"""Ids of the marketplace: numbers of machines, offers and contracts, and names of accounts.

Each is a type of its own, so that a type checker finds a contract's number where a machine's is
wanted. At run time they are the plain ``int`` and ``str`` that they look like.

>>> from numgenius_core import AccountId, MachineId
>>> MachineId(7), AccountId("hanna")
(7, 'hanna')
"""

from __future__ import annotations

from typing import NewType

__all__ = ["AccountId", "ContractId", "MachineId", "OfferId"]

MachineId = NewType("MachineId", int)
"""The marketplace's number of a machine: 0 to 2⁶³ − 1, one for each computer of a host."""
OfferId = NewType("OfferId", int)
"""The marketplace's number of an offer: 0 to 2⁶³ − 1, one for each rentable slice."""
ContractId = NewType("ContractId", int)
"""The marketplace's number of a contract and of the instance it rents: 0 to 2⁶³ − 1."""
AccountId = NewType("AccountId", str)
"""The name of an account, a host's or a client's: 1 to 200 printable characters."""
