"""Write the sample market that ships with the library: invented hosts, believable prices.

Run from the project's root; the same file comes out every time.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from numgenius_core.gpus import offer_sizes

SEED: Final = 720
ANSWERED: Final = int(datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp())
TARGET: Final = Path("src/numgenius_core/sample_market.json")

# Model, GPU memory in MB, $/GPU-hour, TFLOPS, compute capability, watts, usual machine sizes.
MODELS: Final = (
    ("RTX 3060", 12_288, 0.06, 12.7, 860, 170, (1, 2, 6)),
    ("RTX 3090", 24_576, 0.14, 35.2, 860, 350, (1, 2, 4, 8)),
    ("RTX 4090", 24_564, 0.34, 81.4, 890, 450, (1, 2, 4, 8)),
    ("RTX 5090", 32_607, 0.48, 105.9, 1_200, 575, (1, 2, 4, 8)),
    ("A100 SXM4", 81_920, 0.92, 19.5, 800, 400, (4, 8)),
    ("H100 SXM", 81_559, 1.98, 62.4, 900, 700, (4, 8)),
    ("L40S", 46_068, 0.58, 91.6, 890, 350, (2, 4, 7)),
)
PLACES: Final = (
    "Bavaria, DE", "California, US", "Hungary, HU", "Norway, NO", "Ontario, CA", "Poland, PL",
    "Taiwan, TW", "Texas, US", "Vietnam, VN",
)  # fmt: skip
CPUS: Final = ("AMD EPYC 7543 32-Core Processor", "Xeon® Gold 6338", "AMD Ryzen 9 7950X")
# Ascending: hosts differ most beside the GPU price, and so the order of true costs is another.
STORAGE: Final = (0.02, 0.08, 0.1, 0.15, 0.2, 0.4, 1.2)
TRAFFIC: Final = (0.0, 0.001, 0.003, 0.005, 0.02, 0.05)


def main() -> None:
    """Write the file."""
    draw = random.Random(SEED)
    offers: list[dict[str, Any]] = []
    for number in range(25):
        offers += machine_offers(draw, number, first_id=9_000_000 + 10 * number)
    TARGET.write_text(json.dumps({"offers": offers}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(offers)} offers of 25 machines in {TARGET}")


def machine_offers(draw: random.Random, number: int, first_id: int) -> list[dict[str, Any]]:
    """Return one offer for each size of a machine, as a search shows them."""
    machine = machine_facts(draw, number)
    sizes = sorted(set(offer_sizes(machine["gpus"], machine["min_gpu"])))
    return [offer(draw, machine, first_id + i, size) for i, size in enumerate(sizes)]


def machine_facts(draw: random.Random, number: int) -> dict[str, Any]:
    """Return what all offers of a machine share."""
    model = MODELS[number % len(MODELS)]
    gpus = draw.choice(model[6])
    level = draw.uniform(0.8, 1.35)
    price = round(model[2] * level, 4)
    beside = slice(3, None) if level < 1 else slice(0, 4)  # who is cheap here earns it there
    return {
        "id": 70_001 + 37 * number,
        "host": 40_001 + 53 * (number * 7 % 19),
        "model": model,
        "gpus": gpus,
        "min_gpu": draw.choice([m for m in (1, 1, 1, 2, 4) if m <= gpus]),
        "price": price,
        "floor": round(price * (1.2 if number % 9 == 4 else draw.uniform(0.35, 0.8)), 4),
        "storage": draw.choice(STORAGE[beside]),
        "up": draw.choice(TRAFFIC[beside]),
        "down": draw.choice(TRAFFIC[beside]),
        "discount": draw.choice((0.0, 0.05, 0.2, 0.4, 0.4)),
        "verification": draw.choice(("verified",) * 4 + ("unverified", "unverified", "deverified")),
        "days": draw.choice((12, 30, 61, 95, 190, 365)),
        "disk": draw.choice((480.0, 960.0, 1_920.0, 3_840.0, 7_680.0)),
        "ram": draw.choice((64, 128, 256, 512)) * 1_024,
        "cores": draw.choice((16, 32, 64, 128)),
        "cpu": draw.choice(CPUS),
        "place": draw.choice(PLACES),
        "reliability": round(draw.uniform(0.93, 0.9999), 6),
        "net": (round(draw.uniform(150, 6_000), 1), round(draw.uniform(150, 9_000), 1)),
        "static_ip": draw.random() < 0.4,
        "driver": draw.choice(("550.90.07", "565.57.01", "580.95.05")),
    }


def offer(draw: random.Random, machine: dict[str, Any], number: int, gpus: int) -> dict[str, Any]:
    """Return the record of one slice, under the names of the search API."""
    name, memory, _, tflops, capability, watts, _ = machine["model"]
    share = gpus / machine["gpus"]
    base = round(machine["price"] * gpus, 6)
    disk_hour = machine["storage"] * 8 / 720
    total = base + disk_hour
    speed = round(tflops * gpus * draw.uniform(0.9, 1.1), 3)
    first_gpu = machine["id"] * 16
    return {
        "id": number,
        "ask_contract_id": number,
        "machine_id": machine["id"],
        "host_id": machine["host"],
        "resource_type": "gpu",
        "is_bid": False,
        "gpu_name": name,
        "num_gpus": gpus,
        "gpu_frac": share,
        "gpu_ids": [first_gpu + i for i in range(gpus)],
        "gpu_ram": memory,
        "gpu_total_ram": memory * gpus,
        "gpu_max_power": float(watts),
        "compute_cap": capability,
        "total_flops": round(tflops * gpus, 3),
        "dlperf": speed,
        "dlperf_per_dphtotal": round(speed / total, 3),
        "score": round(speed / total * machine["reliability"], 3),
        "cpu_name": machine["cpu"],
        "cpu_cores": machine["cores"],
        "cpu_cores_effective": machine["cores"] * share,
        "cpu_ram": int(machine["ram"] * share),
        "disk_space": round(machine["disk"] * share, 3),
        "disk_bw": 3_200.0,
        "dph_base": base,
        "dph_total": total,
        "storage_cost": machine["storage"],
        "storage_total_cost": disk_hour,
        "inet_up_cost": machine["up"],
        "inet_down_cost": machine["down"],
        "min_bid": round(machine["floor"] * gpus, 6),
        "credit_discount_max": machine["discount"],
        "discount_rate": 0.0,
        "discounted_dph_total": total,
        "inet_up": machine["net"][0],
        "inet_down": machine["net"][1],
        "direct_port_count": 100,
        "static_ip": machine["static_ip"],
        "start_date": None,
        "end_date": float(ANSWERED + machine["days"] * 86_400),
        "duration": float(machine["days"] * 86_400),
        "reliability": machine["reliability"],
        "reliability2": machine["reliability"],
        "verification": machine["verification"],
        "rentable": draw.random() < 0.9,
        "rented": False,
        "external": None,
        "hosting_type": 0,
        "geolocation": machine["place"],
        "cuda_max_good": 12.8,
        "driver_version": machine["driver"],
        "pci_gen": 4.0,
        "pcie_bw": 24.6,
    }


if __name__ == "__main__":
    main()
