"""What the options of several subcommands have in common; it loads nothing of the rules."""

from __future__ import annotations

from argparse import Action, ArgumentParser, ArgumentTypeError

TYPE_CHECKING = False  # as in the package's own `__init__`
if TYPE_CHECKING:
    from argparse import _ActionsContainer, _SubParsersAction
    from collections.abc import Sequence

    Subparsers = _SubParsersAction[ArgumentParser]

MODES = ("on-demand", "reserved", "interruptible")
"""The values of ``Mode``, written out: ``--help`` does without the rules."""


_DIGITS = 4_000
FIELDS = """\
ask_contract_id avail_vol_ask_id avail_vol_dph avail_vol_size bundle_id bw_nvlink chunked
cluster_id compute_cap cpu_arch cpu_cores cpu_cores_effective cpu_ghz cpu_name cpu_ram
credit_discount_max cuda_max_good datacenter direct_port_count discount_rate
discounted_dph_total disk_bw disk_name disk_space dlperf dlperf_per_dphtotal dph_base
dph_total dph_total_adj driver_version duration end_date expected_reliability external
flops_per_dphtotal geolocation geolocode georegion gpu_arch gpu_display_active gpu_frac
gpu_lanes gpu_max_power gpu_max_temp gpu_mem_bw gpu_name gpu_ram gpu_total_ram has_avx has_sla
host_id hosting_type id inet_down inet_down_cost inet_up inet_up_cost is_bid is_vm_deverified
machine_id min_bid mobo_name num_gpus nw_disk_avg_bw nw_disk_max_bw nw_disk_min_bw os_version
pci_gen pcie_bw reliability reliability2 reliability_mult rentable rented resource_type rn
score start_date static_ip storage_cost storage_total_cost target_reliability total_flops
ubuntu_version vericode verification verified vms_enabled vram_costperhour"""
"""The fields of the search, written out: a test holds them to the table of the search."""


def whole(text: str) -> int:
    """Read a whole number; argparse says which argument it was."""
    digits = text.strip()
    # Not all that `int` takes: 1_0, digits of other scripts, more of them than it can read.
    if digits.isascii() and digits.removeprefix("-").isdecimal() and len(digits) <= _DIGITS:
        return int(digits)
    from numgenius_core.errors import shown

    raise ArgumentTypeError(f"need a whole number, got {shown(text)}")


def complete(option: Action, words: Sequence[str], *, between: str = "") -> None:
    """Let shells complete the words that an option takes, which are more than help should list.

    Args:
        option: Of a parser.
        words: What it takes; another word gets the refusal of who reads it.
        between: What stands between several of them.
    """

    def completed(prefix: str, **_: object) -> list[str]:
        before, gap, begun = prefix.rpartition(between) if between else ("", "", prefix)
        return [before + gap + word for word in dict.fromkeys(words) if word.startswith(begun)]

    option.completer = completed  # type: ignore[attr-defined]  # where argcomplete looks for it


def add_json(parser: _ActionsContainer) -> None:
    """Add ``--json``, which every subcommand has."""
    parser.add_argument("--json", action="store_true", help="for programs")


def add_skip_bad(parser: _ActionsContainer) -> None:
    """Add ``--skip-bad``, of the subcommands whose records are read each by itself."""
    parser.add_argument("--skip-bad", action="store_true", help="leave bad records out")


def add_utc(parser: _ActionsContainer) -> None:
    """Add ``--utc``, of the subcommands that read files with times in them."""
    parser.add_argument(
        "--utc", action="store_true", help="take times of the file without an offset as UTC"
    )


def add_market(parser: ArgumentParser, or_else: str = "") -> _ActionsContainer:
    """Add the options of a market and of a stay on it; return the group of the stay's.

    Args:
        parser: Of a subcommand.
        or_else: How long a stay is by other options of the subcommand.
    """
    market = parser.add_argument_group("the market")
    market.add_argument(
        "file", nargs="?", metavar="FILE", help="a market file, - for standard input"
    )
    market.add_argument("--sample", action="store_true", help="the market that ships with this")
    add_skip_bad(market)
    add_utc(market)
    market.add_argument(
        "--now",
        metavar="TIME",
        help="when the stay begins, such as 2026-06-16T12:00Z (default: the file's own time, "
        "else the clock)",
    )
    stay = parser.add_argument_group("the stay")
    stay.add_argument("--hours", help=f"its length: 72, 3d, '2 weeks' (default 1{or_else})")
    stay.add_argument("--disk", metavar="GB", default="0", help="disk; an offer must have as much")
    stay.add_argument("--upload", metavar="GB", default="0", help="sent")
    stay.add_argument("--download", metavar="GB", default="0", help="received")
    stay.add_argument(
        "--target", metavar="UPTIME", help="a promise of uptime, such as 0.95: on demand only"
    )
    which = parser.add_argument_group("which offers")
    which.add_argument("--gpus", metavar="N", type=whole, help="only offers of so many GPUs")
    which.add_argument(
        "--gpu", metavar="NAME", help="only GPUs with this in their name: h100, 4090"
    )
    where = which.add_argument(
        "--where", metavar="QUERY", default="", help="an offer query (examples below)"
    )
    complete(where, FIELDS.split(), between=" ")
    which.add_argument(
        "--any",
        action="store_true",
        help="also machines that are not verified, and offers of other markets",
    )
    return stay
