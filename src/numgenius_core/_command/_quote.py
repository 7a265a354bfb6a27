"""``numgenius quote``: what can be rented for a stay, by its true cost, all in."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from numgenius_core._command._options import MODES, add_json, add_market, whole

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from numgenius_core._command._options import Subparsers

ABOUT = """\
What can be rented for a stay, the cheapest first, all in: GPUs, disk and traffic.

An offer fits if it is rentable (a bid on what is rented would wait), lasts for the stay, has the
disk, and (as the market's own client asks) its machine is verified and not of another market. With
--target, its host claims as much uptime, and the fee for that is part of the price. One line says
what was left out, and why.
"""
FIELDS = """\
ask_contract_id avail_vol_ask_id avail_vol_dph avail_vol_size bundle_id bw_nvlink chunked
cluster_id compute_cap cpu_arch cpu_cores cpu_cores_effective cpu_ghz cpu_name cpu_ram
credit_discount_max cuda_max_good datacenter direct_port_count discount_rate
discounted_dph_total disk_bw disk_name disk_space dlperf dlperf_per_dphtotal dph_base
dph_total driver_version duration end_date expected_reliability external flops_per_dphtotal
geolocation geolocode georegion gpu_arch gpu_display_active gpu_frac gpu_lanes gpu_max_power
gpu_max_temp gpu_mem_bw gpu_name gpu_ram gpu_total_ram has_avx has_sla host_id hosting_type id
inet_down inet_down_cost inet_up inet_up_cost is_bid is_vm_deverified machine_id min_bid
mobo_name num_gpus nw_disk_avg_bw nw_disk_max_bw nw_disk_min_bw os_version pci_gen pcie_bw
reliability reliability2 reliability_mult rentable rented resource_type rn score start_date
static_ip storage_cost storage_total_cost target_reliability total_flops ubuntu_version
vericode verification verified vms_enabled vram_costperhour"""
"""The fields of the search, written out: a test holds them to the table of the search."""
COLUMNS = """\
id gpus per_hour headline more total disk reliability place days verified machine value
deposit payout ends claim sla why_not"""
MORE = f"""\
fields of --where, --sort and --columns (memory in GB, duration in days;
--columns writes end_date and start_date as dates):
  {FIELDS.replace(chr(10), chr(10) + "  ")}

columns of --columns and --sort beside them:
  {COLUMNS.replace(chr(10), chr(10) + "  ")}

examples:
  numgenius quote market.csv.gz --hours 720 --disk 500
  numgenius quote --sample --gpu 4090 --gpus 2 --hours 24 --sort value
  numgenius quote --sample --where 'num_gpus>=4 reliability>0.95 geolocation in [US,CA]'
  numgenius quote --sample --mode reserved --months 3 --disk 500 --columns id,gpus,total,deposit
  numgenius quote market.json --hours 720 --target 0.95 --columns id,gpus,total,claim,sla
  numgenius quote --sample --hours 72 --platform-fee 0.25 --columns id,gpus,total,payout
  numgenius quote --sample --hours 72 --why 9000000
"""


def add(subparsers: Subparsers) -> None:
    """Add the parser."""
    quote = subparsers.add_parser(
        "quote",
        help="what can be rented, by its true cost, all in",
        description=ABOUT,
        epilog=MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    stay = add_market(quote, ", or the months reserved")
    stay.add_argument("--mode", choices=MODES, default=MODES[0])
    stay.add_argument("--months", help="reserved: months of 720 hours to prepay")
    stay.add_argument("--bid", metavar="$/HOUR", help="interruptible: for the whole instance")
    answer = quote.add_argument_group("the answer")
    answer.add_argument("--top", metavar="N", type=whole, help="rows (default 10; all with --all)")
    answer.add_argument(
        "--all", action="store_true", help="also what does not fit, with the reason"
    )
    answer.add_argument(
        "--sort",
        metavar="FIELDS",
        default="total",
        help="such as reliability-, value, num_gpus,total",
    )
    answer.add_argument("--columns", metavar="NAMES", help="such as id,gpus,total,inet_down")
    answer.add_argument(
        "--platform-fee",
        metavar="SHARE",
        help="the platform's share of what a client pays: the payout is the rest",
    )
    answer.add_argument("--why", metavar="ID", type=whole, help="all about the price of one offer")
    answer.add_argument("--plot", metavar="FILE", help="draw the prices all in, as .svg or .png")
    add_json(answer)


def run(options: Namespace) -> dict[str, Any]:
    """Return the stay, the rows of the table, and what was left out."""
    from numgenius_core._command import _quoting, _why

    return _quoting.run(options) if options.why is None else _why.run(options)


def show(result: dict[str, Any], options: Namespace) -> None:
    """Print it for a person."""
    from numgenius_core._command import _quoting, _why

    if options.why is None:
        _quoting.show(result, options)
    else:
        _why.show(result)


def status(result: dict[str, Any]) -> int:
    """Return 1 if nothing fits."""
    return 0 if result.get("fitting", 1) else 1
