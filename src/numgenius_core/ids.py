"""Ids of the marketplace: numbers of machines, offers, contracts, volumes; names of accounts.

They are the plain ``int`` and ``str`` that they look like, and a type checker takes them as such:
``Machine(id=7, host="hanna", …)`` is fine. The names say in a signature, and in code that is to be
read, what a number is the number of.

>>> from numgenius_core import AccountId, MachineId
>>> MachineId(7), AccountId("hanna")
(7, 'hanna')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType, TypeAlias

__all__ = ["AccountId", "ContractId", "MachineId", "OfferId", "VolumeId"]


def __dir__() -> list[str]:
    """Return what there is to use."""
    return sorted(__all__)


if TYPE_CHECKING:  # as what people have; at run time the checks of fields tell a name from a text
    MachineId: TypeAlias = int
    OfferId: TypeAlias = int
    ContractId: TypeAlias = int
    VolumeId: TypeAlias = int
    AccountId: TypeAlias = str
else:
    MachineId = NewType("MachineId", int)
    """The marketplace's number of a machine: 0 to 2⁶³ − 1, one for each computer of a host."""
    OfferId = NewType("OfferId", int)
    """The marketplace's number of an offer: 0 to 2⁶³ − 1, one for each rentable slice."""
    ContractId = NewType("ContractId", int)
    """The marketplace's number of a contract and of the instance it rents: 0 to 2⁶³ − 1."""
    VolumeId = NewType("VolumeId", int)
    """The marketplace's number of a rented volume: 0 to 2⁶³ − 1; no contract has the same."""
    AccountId = NewType("AccountId", str)
    """The name of an account, a host's or a client's: 1 to 200 printable characters."""
    # What help() shows: it knows no text that stands under a name.
    MachineId.__doc__ = "The marketplace's number of a machine: a plain int."
    OfferId.__doc__ = "The marketplace's number of an offer: a plain int."
    ContractId.__doc__ = "The marketplace's number of a contract and its instance: a plain int."
    VolumeId.__doc__ = "The marketplace's number of a rented volume: a plain int."
    AccountId.__doc__ = "The name of an account, a host's or a client's: a plain str."
