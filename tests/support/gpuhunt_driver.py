"""Asks gpuhunt's provider for offers, in the interpreter that has it, and little else.

Its constant address is pointed at the service; a line of JSON has what the offers have to fulfil.
"""

import json
import sys

from gpuhunt import QueryFilter
from gpuhunt.providers import vastai

vastai.bundles_url = sys.argv[1] + "/api/v0/bundles/"
wanted = json.loads(sys.argv[2])
scope = wanted.pop("community_cloud", True)
found = vastai.VastAIProvider(community_cloud=scope).get(QueryFilter(**wanted))
rows = [
    [item.gpu_name, item.gpu_count, item.spot, item.price, item.cpu, item.memory, item.location]
    for item in found
]
sys.stdout.write(json.dumps(rows))
