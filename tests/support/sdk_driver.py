"""Calls methods of the marketplace's Python SDK, in the interpreter that has it, and little else.

It reads one call a line (the key, the method, its named arguments, as JSON) and answers each with a
line: what the method returned, or what it raised.
"""

import json
import sys
import warnings

import requests
from vastai import VastAI

warnings.simplefilter("ignore")
answers, sys.stdout = sys.stdout, sys.stderr  # a method may print

for line in sys.stdin:
    key, method, named = json.loads(line)
    call = getattr(VastAI(api_key=key, server_url=sys.argv[1], retry=1), method, None)
    if call is None:
        told: dict[str, object] = {"missing": True}
    else:
        try:
            told = {"answer": call(**named)}
        except requests.HTTPError as fault:
            reply = requests.Response() if fault.response is None else fault.response
            told = {"status": reply.status_code, "text": reply.text}
        except Exception as fault:  # noqa: BLE001 - whatever the client raises is what is asked
            told = {"fault": f"{type(fault).__name__}: {fault}"}
    answers.write(json.dumps(told, default=str) + "\n")
    answers.flush()
