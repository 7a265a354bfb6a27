"""What machines are made of, beyond what the rules need to know: the service's own table.

A machine that is not in the table has none of it: its rows have null there, and no search that asks
for such a field finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numgenius_core.ids import MachineId
from numgenius_core.offer import Offer

Facts = Mapping[str, Any]
Hardware = Mapping[MachineId, Facts]

# Of the whole machine, or of one GPU.
COMMON: Final = (
    *("gpu_ram", "gpu_mem_bw", "gpu_max_power", "gpu_lanes", "compute_cap", "gpu_arch"),
    *("cpu_name", "cpu_arch", "cpu_cores", "cpu_ram", "cpu_ghz", "has_avx", "mobo_name"),
    *("disk_name", "disk_bw", "inet_up", "inet_down", "direct_port_count", "static_ip"),
    *("geolocation", "hosting_type", "external", "resource_type", "public_ipaddr"),
    *("cuda_max_good", "driver_version", "os_version", "pci_gen", "pcie_bw", "reliability2"),
)
OF_A_GPU: Final = {"total_flops": "gpu_flops", "dlperf": "gpu_dlperf", "gpu_total_ram": "gpu_ram"}

DEMO: Final[Hardware] = {
    MachineId(1001): {
        "gpu_ram": 24_576,
        "gpu_flops": 35.6,
        "gpu_dlperf": 41.5,
        "gpu_mem_bw": 805.0,
        "gpu_max_power": 350.0,
        "compute_cap": 860,
        "gpu_arch": "nvidia",
        "cpu_name": "EPYC 7542",
        "cpu_arch": "amd64",
        "cpu_cores": 64,
        "cpu_ram": 257_618,
        "cpu_ghz": 2.9,
        "disk_bw": 3_200.0,
        "inet_up": 680.0,
        "inet_down": 755.0,
        "direct_port_count": 498,
        "static_ip": True,
        "geolocation": "Quebec, CA",
        "hosting_type": 0,
        "cuda_max_good": 12.4,
        "driver_version": "550.90.07",
        "pci_gen": 4.0,
        "pcie_bw": 12.3,
        "reliability2": 0.98,
        "external": False,
        "resource_type": "gpu",
    },
    MachineId(1002): {
        "gpu_ram": 40_960,
        "gpu_flops": 19.5,
        "gpu_dlperf": 62.0,
        "gpu_mem_bw": 1_555.0,
        "gpu_max_power": 250.0,
        "compute_cap": 800,
        "gpu_arch": "nvidia",
        "cpu_name": "EPYC 7742",
        "cpu_arch": "amd64",
        "cpu_cores": 128,
        "cpu_ram": 515_000,
        "cpu_ghz": 2.3,
        "disk_bw": 5_100.0,
        "inet_up": 4_200.0,
        "inet_down": 5_300.0,
        "direct_port_count": 996,
        "static_ip": True,
        "geolocation": "Oslo, NO",
        "hosting_type": 1,
        "cuda_max_good": 12.4,
        "driver_version": "550.90.07",
        "pci_gen": 4.0,
        "pcie_bw": 24.6,
        "reliability2": 0.995,
        "external": False,
        "resource_type": "gpu",
    },
}


def facts(hardware: Hardware, machine: MachineId) -> dict[str, Any]:
    """Return what is the same in every row about a machine."""
    known = hardware.get(machine, {})
    found = {name: known.get(name) for name in COMMON}
    reliability, hosting = found["reliability2"], found["hosting_type"]
    return found | {
        "reliability": reliability,
        "datacenter": None if hosting is None else hosting == 1,
    }


def described(offer: Offer, hardware: Hardware) -> dict[str, Any]:
    """Return what an offer's part of its machine is made of.

    Memory and the cores that work go with the GPUs, as the disk does; the cores that are told with
    them are the machine's.
    """
    known, whole = hardware.get(offer.machine, {}), offer.gpus_in_machine or offer.gpus
    found = facts(hardware, offer.machine)
    if known:
        found["cpu_cores_effective"] = known["cpu_cores"] * offer.gpus / whole
        found["cpu_ram"] = known["cpu_ram"] * offer.gpus // whole
        found |= {name: known[each] * offer.gpus for name, each in OF_A_GPU.items()}
    else:
        found |= dict.fromkeys(("cpu_cores_effective", *OF_A_GPU))
    first = 0 if offer.block is None else offer.block.start
    found["gpu_ids"] = [offer.machine * 100 + first + slot for slot in range(offer.gpus)]
    # No row of an offer search says true here: what is rented is not rentable.
    return found | {"rented": False, "is_bid": False, "ask_contract_id": offer.id}


def flops_of_a_gpu(hardware: Hardware, machine: MachineId) -> float | None:
    """Return the TFLOPS of one GPU of a machine, if they are known."""
    found: float | None = hardware.get(machine, {}).get("gpu_flops")
    return found
