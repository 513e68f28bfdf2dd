#!/usr/bin/python3
"""Runs wire/testdata/vectors through loawire.py: yes exactly where the file says yes. CC0-1.0."""
import base64
import json
import sys

import loawire as wire

asked = wrong = foreign = 0
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as f:
        file = json.load(f)
    kind = file["kind"]
    if kind not in ("chain", "warrant", "plan", "beacon", "placement", "policy", "phrases", "time"):
        continue  # a speaker writes receipts and tokens, and this one has no updates
    for v in file["vectors"]:
        try:
            c = file["chains"][v["chain"]]
            trust = wire.Trust(c["root"], [base64.b64decode(d) for d in c["delegations"]], c["floor"])
            if kind != "chain":
                trust.open(base64.b64decode(v["envelope"]), kind, v["now"], v.get("place"))
            said = "ok"
        except wire.Refused as no:
            said = no.key
        asked += 1
        if v["expected"] == "ok" and said == "document.kind":
            foreign += 1  # a kind of warrant this box does not know: refused, as section 18 asks
        elif (said == "ok") != (v["expected"] == "ok"):
            wrong += 1
            print("%s: %s: %s, want %s" % (kind, v["name"], said, v["expected"]))
print("%d asked, %d wrong, %d of kinds this box does not speak" % (asked, wrong, foreign))
sys.exit(wrong > 0)
