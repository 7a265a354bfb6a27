"""Which request is what: every method and path that the service answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from examples.marketplace import (
    accounts as own,
    commands as do,
    promises as sla,
    questions as ask,
    volumes as disk,
)
from examples.marketplace.commands import Means
from examples.marketplace.questions import Answers
from examples.marketplace.wording import unknown_field
from numgenius_core.market.commands import AcceptPriceIncrease, RejectPriceIncrease

WHO_ASKS: Final = ("api_key", "client_id", "owner")  # as clients say it beside the key


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def plain(name: str) -> str:
    """Return a name without the sign that it is needed."""
    return name.removesuffix("!")


@frozen
class Door:
    """A request that is answered.

    Attributes:
        method: GET, PUT, POST or DELETE.
        path: After ``/api``; ``{number}`` is the machine's, the offer's or the instance's.
        command: What the market's command line calls it.
        means: The commands that it is; ``None`` of a question.
        answers: What answers it, of a question.
        fields: Of its JSON body; one with ``!`` is needed.
        parameters: Of its query.
        beside: What clients send beside, in either, which changes nothing here.
        open: Whether it is answered without a key.
        has_others: Whether its body may have other fields, as a search has conditions: what
            answers it refuses those that there are not.
    """

    method: str
    path: str
    command: str
    means: Means | None = None
    answers: Answers | None = None
    fields: tuple[str, ...] = field(default="", converter=words)
    parameters: tuple[str, ...] = field(default="", converter=words)
    beside: tuple[str, ...] = field(default="", converter=words)
    open: bool = False
    has_others: bool = False

    @property
    def names(self) -> frozenset[str]:
        """What it looks at: its fields and its parameters."""
        return frozenset(plain(name) for name in (*self.fields, *self.parameters))

    def check_names(self, body: Mapping[str, Any], query: Mapping[str, Any]) -> None:
        """Refuse what neither this request nor any client has: nobody would see that it is lost.

        Raises:
            UnknownField: The first of them; the message says which known name is nearest.
        """
        parts = [(query, self.parameters)]
        parts += [] if self.has_others else [(body, self.fields)]
        for sent, own_names in parts:
            known = [*map(plain, own_names), *self.beside, *WHO_ASKS]
            for name, value in sent.items():
                if name not in known:
                    raise unknown_field(name, known, value)


LISTING: Final = """machine machines price_gpu price_disk price_inetu price_inetd price_min_bid
    credit_discount_max min_chunk end_date duration vol_size vol_price hidden_listing
    sla_r_claim sla_sigma_x sla_max_beta"""
OF_CLIENTS: Final = "sla_r_target sla_reliability"  # of a listing nobody looks at them
RENTAL: Final = """disk! price type label image cancel_unavail env volume_info
    target_reliability"""
# How what runs in an instance is started: nothing runs here.
STARTED: Final = """args args_str extra force image_login jupyter_dir lang_utf8 onstart
    python_utf8 runtype template_hash_id use_jupyter_lab user vm"""
SEARCH: Final = "order type limit allocated_storage q"
ANSWERED: Final = "pending_price_increase_id instance_ids"
accept, reject = do.answered(AcceptPriceIncrease), do.answered(RejectPriceIncrease)

COMMANDS: Final = (
    Door(
        "PUT",
        "/v0/machines/create_asks",
        "list machine",
        do.list_machines,
        fields=LISTING,
        beside=OF_CLIENTS,
    ),
    Door(
        "PUT",
        "/v0/machines/create_bids",
        "set defjob",
        do.set_default_job,
        fields="machine! image",
        beside="args price_gpu price_inetu price_inetd",
    ),
    Door(
        "PUT",
        "/v0/machines/defrag_offers",
        "defrag machines",
        do.defragment,
        fields="machine_ids!",
    ),
    Door("DELETE", "/v0/machines/{number}/asks", "unlist machine", do.unlist),
    Door("PUT", "/v0/machines/{number}/minbid", "set min-bid", do.set_min_bid, fields="price!"),
    Door(
        "PUT",
        "/v0/machines/{number}/dnotify",
        "schedule maint",
        do.schedule_maintenance,
        fields="sdate! duration maintenance_category",
        beside="maintenance_reason",  # kept empty, as the market does
    ),
    Door(
        "PUT",
        "/v0/machines/{number}/cancel_maint",
        "cancel maint",
        do.cancel_maintenance,
        fields="machine_id",
    ),
    Door(
        "DELETE",
        "/v0/machines/maintenances",
        "cancel maint, one window",
        do.cancel_a_window,
        fields="maintenance_id!",
    ),
    Door(
        "POST",
        "/v0/machines/maintenances/batch",
        "schedule maint, many machines",
        do.schedule_several,
        fields="machine_ids! sdate! duration maintenance_category",
        beside="maintenance_reason",
    ),
    Door(
        "DELETE",
        "/v0/machines/maintenances/batch",
        "cancel maint, many windows",
        do.cancel_windows,
        fields="maintenance_ids!",
    ),
    Door("PUT", "/v0/machines/{number}/cleanup", "cleanup machine", do.clean_up),
    Door("DELETE", "/v0/machines/{number}/defjob", "remove defjob", do.remove_default_job),
    Door("POST", "/v0/machines/{number}/force_delete", "delete machine", do.remove_machine),
    Door(
        "POST",
        "/v0/volumes",
        "list volume, list volumes",
        disk.list_volumes,
        fields="machine machines size price_disk end_date hidden_listing",
    ),
    Door("POST", "/v0/volumes/unlist", "unlist volume", disk.unlist_volume, fields="id!"),
    Door("PUT", "/v0/volumes", "create volume", disk.rent_volume, fields="id! size name"),
    Door(
        "POST",
        "/v0/volumes/copy",
        "clone volume",
        disk.clone_volume,
        fields="src_id dst_id source dest size name",
        beside="disable_compression",
    ),
    Door(
        "DELETE", "/v0/volumes", "delete volume", disk.delete_volume, fields="id", parameters="id"
    ),
    Door(
        "POST",
        "/v0/asks/bulk",
        "create instances",
        do.rent_several,
        fields=f"ids! {RENTAL}",
        beside=STARTED,
    ),
    Door(
        "PUT",
        "/v0/asks/{number}",
        "create instance",
        do.rent,
        fields=RENTAL,
        beside=STARTED,
    ),
    Door(
        "PUT",
        "/v0/instances",
        "start instances, stop instances",
        do.change_several,
        fields="state! ids!",
    ),
    Door(
        "DELETE",
        "/v0/instances",
        "destroy instances",
        do.destroy_several,
        fields="instance_ids!",
    ),
    Door(
        "PUT",
        "/v0/instances/accept-price-increase",
        "accept price-increase",
        accept,
        fields=ANSWERED,
    ),
    Door(
        "PUT",
        "/v0/instances/reject-price-increase",
        "reject price-increase",
        reject,
        fields=ANSWERED,
    ),
    Door(
        "PUT",
        "/v0/instances/{number}/accept-price-increase",
        "accept price-increase, before 1.5",
        accept,
    ),
    Door(
        "PUT",
        "/v0/instances/{number}/reject-price-increase",
        "reject price-increase, before 1.5",
        reject,
    ),
    Door("PUT", "/v0/instances/bid_price/{number}", "change bid", do.change_bid, fields="price"),
    Door("PUT", "/v0/instances/prepay/{number}", "prepay instance", do.prepay, fields="amount!"),
    Door(
        "PUT",
        "/v0/instances/{number}",
        "start instance, stop instance, label instance",
        do.change,
        fields="state label",
    ),
    Door("DELETE", "/v0/instances/{number}", "destroy instance", do.destroy),
    Door(
        "PUT",
        "/v0/users",
        "set user, its thresholds",
        own.set_user,
        fields="autobill_threshold balance_threshold balance_threshold_enabled",
        has_others=True,
    ),
    Door(
        "PUT",
        "/v0/commands/transfer_credit",
        "transfer credit",
        own.transfer,
        fields="recipient! amount! sender",
        beside="apikey_id",
    ),
)

PAGE: Final = "select_filters limit after_token"
QUESTIONS: Final = (
    Door(
        "GET",
        "/v0/gpu_names/unique",
        "launch instance, its choices",
        answers=ask.gpu_names,
        open=True,
    ),
    Door("GET", "/v0/users/current", "show user", answers=ask.user),
    Door("GET", "/v0/users/spend-rate", "what leaves the balance now", answers=own.spend_rate),
    Door(
        "GET",
        "/v0/notifications",
        "what an account must be told: the outbox",
        answers=own.notices,
        parameters="after limit",
    ),
    Door(
        "GET",
        "/v0/users/me/machine-earnings",
        "show earnings",
        answers=ask.earnings,
        parameters="sday eday machid last_days",
    ),
    Door(
        "GET",
        "/v0/users/me/invoices",
        "show invoices",
        answers=ask.old_invoices,
        parameters="sdate edate inc_charges",
    ),
    Door(
        "GET",
        "/v0/users/{number}/machine-earnings",
        "show earnings, by the number of a user",
        answers=ask.earnings,
        parameters="sday eday machid last_days",
    ),
    Door(
        "GET",
        "/v0/machines",
        "show machines",
        answers=ask.machines,
        parameters="include_offline",
        beside="user_id",
    ),
    Door(
        "GET",
        "/v1/machines",
        "show machines, by pages",
        answers=ask.paged_machines,
        parameters="include_offline limit after_token",
    ),
    Door(
        "GET",
        "/v0/machines/maintenances",
        "show maints",
        answers=ask.maintenances,
        parameters="machine_ids!",
    ),
    Door(
        "GET",
        "/v0/host/sla_backtest",
        "what a promise of uptime would have brought",
        answers=sla.sla_backtest,
        parameters="machine_id! r_claim! p r_target end days",
    ),
    Door("GET", "/v0/machines/{number}", "show machine", answers=ask.machine),
    Door(
        "GET",
        "/v0/machines/{number}/reports",
        "reports",
        answers=ask.reports,
        fields="machine_id",
    ),
    Door(
        "POST",
        "/v0/bundles",
        "search offers",
        answers=ask.offers,
        fields=SEARCH,
        open=True,
        has_others=True,
    ),
    Door(
        "PUT",
        "/v0/search/asks",
        "search offers --new",
        answers=ask.offers,
        fields=SEARCH,
        open=True,
        has_others=True,
    ),
    Door(
        "POST",
        "/v0/volumes/search",
        "search volumes",
        answers=disk.volume_offers,
        fields="order limit allocated_storage",
        open=True,
        has_others=True,
    ),
    Door("GET", "/v0/volumes", "show volumes", answers=disk.volumes, parameters="type"),
    Door(
        "GET",
        "/v1/instances",
        "show instances",
        answers=ask.instances,
        parameters=f"order_by {PAGE}",
        beside="select_cols",  # all columns are sent
    ),
    Door("GET", "/v0/instances", "show instances, before 1.5", answers=ask.all_instances),
    Door(
        "GET",
        "/v0/instances/filters",
        "show instances, its filters",
        answers=ask.instance_filters,
    ),
    Door(
        "GET",
        "/v0/instances/pending-price-increases",
        "show pending-price-increases",
        answers=ask.increases,
    ),
    Door("GET", "/v0/instances/balance/{number}", "show deposit", answers=ask.deposit),
    Door("GET", "/v0/instances/{number}", "show instance", answers=ask.instance),
    Door("PUT", "/v0/instances/reboot/{number}", "reboot instance", answers=ask.rebooted),
    Door("PUT", "/v0/instances/recycle/{number}", "recycle instance", answers=ask.rebooted),
    Door(
        "PUT",
        "/v0/instances/update_template/{number}",
        "update instance",
        answers=ask.updated,
        fields="id",
        beside="image template_id template_hash_id args env onstart",
    ),
    Door(
        "GET",
        "/v0/charges",
        "show invoices-v1 --charges",
        answers=ask.charges,
        parameters=f"{PAGE} latest_first format",
    ),
    Door(
        "GET",
        "/v1/invoices",
        "show invoices-v1 --invoices",
        answers=ask.payments,
        parameters=f"{PAGE} latest_first",
    ),
)
DOORS: Final = (*COMMANDS, *QUESTIONS)
