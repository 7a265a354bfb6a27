"""What people call the fields of a search, and which one a slip means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

ALIASES: Final[Mapping[str, str]] = {
    "cuda_vers": "cuda_max_good",
    "display_active": "gpu_display_active",
    "dlperf_usd": "dlperf_per_dphtotal",
    "dph": "dph_total",
    "dphtotal": "dph_total",
    "flops_usd": "flops_per_dphtotal",
    "gpu_totalram": "gpu_total_ram",
}
"""Shorter names of fields that people type, and the API's names that they stand for."""

MEANT: Final = {
    word: name
    for name, words in {
        "cpu_cores": "cores cpus threads vcpu vcpus ncpu",
        "cpu_name": "cpu processor cpu_model",
        "cpu_ram": "ram memory mem cpu_memory system_ram host_ram",
        "cuda_max_good": "cuda cuda_version",
        "disk_bw": "disk_speed disk_bandwidth",
        "disk_space": "disk storage disk_size disk_gb hdd ssd",
        "direct_port_count": "ports port_count direct_ports",
        "dlperf": "dl_perf performance perf",
        "dlperf_per_dphtotal": "value dlperf_per_dollar perf_per_dollar dlperf_per_dph",
        "dph_total": "price cost hourly price_per_hour cost_per_hour dollars usd rate total_price",
        "driver_version": "driver nvidia_driver drivers",
        "duration": "days max_duration time available_days",
        "end_date": "end until ends ends_at expires",
        "geolocation": "country region location place geo city zone",
        "gpu_max_power": "power watts tdp",
        "gpu_name": "gpu model gpu_model gpu_type card gpuname accelerator accelerator_name",
        "gpu_ram": "vram gpu_memory gpu_mem gpu_vram video_memory vram_gb gpuram",
        "gpu_total_ram": "total_vram vram_total total_gpu_ram gpu_ram_total",
        "host_id": "host owner host_name",
        "id": "offer offer_id ask_id",
        "inet_down": "download down_mbps inet_down_mbps bandwidth internet_down down net_down",
        "inet_up": "upload up_mbps inet_up_mbps internet_up up net_up",
        "inet_down_cost": "download_cost download_price traffic_cost",
        "inet_up_cost": "upload_cost upload_price",
        "machine_id": "machine server node",
        "min_bid": "bid spot spot_price floor bid_price interruptible",
        "bw_nvlink": "nvlink nvlink_bw",
        "num_gpus": "gpus gpu_count count n_gpus ngpus number_of_gpus gpu_num accelerator_count",
        "pcie_bw": "pcie pcie_bandwidth",
        "reliability": "uptime availability reliable",
        "storage_cost": "disk_cost storage_price disk_price",
        "total_flops": "flops tflops",
        "verified": "is_verified verify secure",
    }.items()
    for word in words.split()
}
"""What people type for a field whose name is spelled otherwise, so that spelling cannot tell."""
_STAND_FOR: Final = {**ALIASES, **MEANT}


def nearest_field(name: str, fields: Collection[str]) -> str | None:
    """Return the field that is meant by a name that none has; slow, on the way to an error.

    A shorter name is told as the field that it stands for, the one that help and pages have.
    """
    word = name.casefold()
    if word in fields:
        return word
    if word in _STAND_FOR:
        return _STAND_FOR[word]
    from difflib import SequenceMatcher, get_close_matches  # what only a slip needs

    near = get_close_matches(word, [*fields, *ALIASES], 1, 0.65)
    near += get_close_matches(word, MEANT, 1, 0.8)  # surer: what it stands for looks like neither
    # The most alike, and of two that are equally so the name rather than what people call it.
    best = max(near, key=lambda each: SequenceMatcher(None, word, each).ratio(), default=None)
    return None if best is None else best if best in fields else _STAND_FOR[best]
