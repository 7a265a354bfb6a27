"""Regions of the world as the marketplace's client knows them, and their countries.

Rule (the marketplace's client): ``georegion=true`` beside ``geolocation=EU`` asks for the countries
of the region, which stand here as the client has them; both are gone from what is sent.
"""

from __future__ import annotations

from typing import Final

_COUNTRIES: Final = {
    "AF": """DZ AO BJ BW BF BI CM CV CF TD KM CD CG DJ EG GQ ER ET GA GM GH GN GW KE LS LR LY MW MA
        ML MR MU MZ NA NE NG RW SH ST SN SC SL SO ZA SS SD SZ TZ TG TN UG YE ZM ZW""",
    "AS": """AE AM AR AU AZ BD BH BN BT MM KH KP IN ID IR IQ IL JP JO KZ LV LI MY MV MN NP KR PK PH
        QA SA SG LK SY TW TJ TH TR TM VN YE HK CN OM""",
    "EU": """AL AD AT BY BE BA BG HR CY CZ DK EE FI FR GE DE GR HU IS IT KZ LV LI LT LU MT MD MC ME
        NL NO PL PT RO RU RS SK SI ES SE CH UA GB VA MK""",
    "LC": """AG AR BS BB BZ BO BR CL CO CR CU DO EC SV GY HT HN JM MX NI PA PY PE PR RD SUR TT UR
        VZ""",
    "NA": "CA US",
    "OC": "AU FJ GU KI MH FM NR NZ PG PW SL TO TV VU",
}
REGIONS: Final = {region: tuple(codes.split()) for region, codes in _COUNTRIES.items()}
"""Africa, Asia, Europe, Latin America and the Caribbean, Northern America, Oceania."""
