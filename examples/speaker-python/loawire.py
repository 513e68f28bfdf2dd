"""What a box must check before it believes a document: docs/wire.md, sections 2 to 8.

Written from that paper, with PyNaCl for Ed25519 and nothing else. CC0-1.0.
Everything that is not right raises Refused with the key of the reason.
"""
import base64
import binascii
import hashlib
import json
import math
import re
import unicodedata

import nacl.exceptions
import nacl.signing


class Refused(Exception):
    @property
    def key(self):
        return self.args[0]


def need(holds, key):
    if not holds:
        raise Refused(key)


def sha256(b):
    return hashlib.sha256(b).hexdigest()


# ---- section 2: forms ----

HASH = re.compile(r"[0-9a-f]{64}\Z")
ID = re.compile(r"[0-9a-hjkmnp-tv-z]{26}\Z")
NAME = re.compile(r"[a-z0-9-]{1,32}\Z")
PATH = re.compile(r"[a-z0-9-]{2}(/[a-z0-9-]+){0,7}\Z")
LANG = re.compile(r"([a-z]{2,3}(-[A-Za-z0-9]{1,8})*)?\Z")
CLASSES = ("normal", "priority", "exercise", "emergency")  # in this order one silences another


def b64(text, key):
    """In its one form: padded, no line breaks, spare bits nought."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(key) from None
    need(base64.b64encode(raw).decode() == text, key)
    return raw


def path(p):
    need(PATH.match(p) and len(p) <= 128, "path.malformed")


def covers(above, below):
    return above != "" and (below == above or below.startswith(above + "/"))


def commune(p):
    return "/".join(p.split("/")[:3])


def public_key(text):
    raw = b64(text, "key.malformed")
    need(len(raw) == 32, "key.malformed")
    return raw


# ---- section 3: strict JSON ----

def strict(raw, limit, shape):
    """Reads one object. shape: a dict of fields, [shape] a list, str, int, bool, or None for anything."""
    need(len(raw) <= limit, "document.too_large")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("document.not_utf8") from None

    def members(pairs):
        need(len({k for k, _ in pairs}) == len(pairs), "document.duplicate_key")
        return dict(pairs)

    def number(s):
        need(s != "-0" and len(s) < 18 and abs(int(s)) < 1 << 53, "document.number")
        return int(s)

    def refuse(key):
        def f(_):
            raise Refused(key)
        return f

    reader = json.JSONDecoder(object_pairs_hook=members, parse_int=number, parse_float=refuse("document.number"),
                              parse_constant=refuse("document.malformed"))
    text = text.lstrip(" \t\r\n")  # Python's own idea of white space is wider
    try:
        value, end = reader.raw_decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise Refused("document.malformed") from None
    need(text[end:].strip(" \t\r\n") == "", "document.trailing")
    look(value, shape, 0)
    need(isinstance(value, dict), "document.malformed")
    return value


def look(v, shape, depth):
    need(v is not None, "document.null")
    if isinstance(v, (dict, list)):
        need(depth < 8, "document.too_deep")
    if shape is not None:
        kind = type(shape) if isinstance(shape, (dict, list)) else shape
        need(type(v) is kind, "document.malformed")
    if isinstance(v, str):
        good_text(v)
    elif isinstance(v, list):
        for x in v:
            look(x, shape[0] if shape else None, depth + 1)
    elif isinstance(v, dict):
        for k, x in v.items():
            good_text(k)
            need(shape is None or k in shape, "document.unknown_key")
            look(x, shape[k] if shape else None, depth + 1)


def good_text(s):
    if s.isascii():
        return
    need(not any(c == "\ufffd" or "\ud800" <= c <= "\udfff" for c in s), "document.not_nfc")
    need(unicodedata.is_normalized("NFC", s), "document.not_nfc")
    marks = 0
    for c in unicodedata.normalize("NFD", s):
        marks = marks + 1 if unicodedata.combining(c) else 0
        need(marks <= 30, "document.not_nfc")


# ---- section 8: the documents ----

PAPER = {"v": int, "kind": str, "ignorable": None}
POINT = {"lat": int, "lon": int}
SOUND = {"hash": str, "bytes": int, "ms": int, "form": str, "lang": str}
HOURS = {"days": [int], "from": int, "until": int}
VOLUME = {"from": int, "until": int, "percent": int}
SPAN = {"from": int, "until": int}
SCOPE = [{"path": str, "area": {"polygon": [POINT], "centre": POINT, "radius": int}}]
SHAPES = {
    "warrant": PAPER | {"id": str, "class": str, "role": str, "issuer": str, "author": str, "title": str, "scope": SCOPE, "from": int,
                        "until": int, "media": [SOUND], "stops": [str], "plays_day": int, "plays": int, "cap": int, "event": str,
                        "now": bool, "seq": int, "speech": str, "approval": str, "hazard": str, "phrases": [str], "mount": str,
                        "length": int, "setting": {"volume": int, "logs": int, "restart": bool}, "poles": [str]},
    "plan": PAPER | {"path": str, "version": int, "made": int, "until": int,
                     "slots": [{"id": str, "warrant": str, "start": int, "scope": [str], "poles": [str], "repeat": int}],
                     "mutes": [{"pole": str, "from": int, "until": int}]},
    "beacon": PAPER | {"path": str, "number": int, "time": int, "plan": str, "plan_version": int, "now": [str], "policies": [str],
                       "trust": [str], "phrases": str, "root": str, "placements": int, "epoch": int, "mark": int,
                       "release": {"hash": str, "share": int}},
    "placement": PAPER | {"device": str, "pole": str, "code": str, "name": str, "key": str, "version": int, "paths": [str], "at": POINT,
                          "cap": int, "volumes": [VOLUME], "hours": [HOURS], "local_mic": bool, "revoked": bool},
    "policy": PAPER | {"path": str, "version": int, "hours": [HOURS], "volume": int, "volumes": [VOLUME],
                       "exceptions": [SPAN | {"reason": str}], "mourning": [SPAN], "from": int, "until": int},
    "phrases": PAPER | {"path": str, "version": int, "from": int, "until": int, "entries": [{"id": str, "media": SOUND, "text": str}]},
    "time": {"v": int, "kind": str, "nonce": str, "received": int, "sent": int},
    "delegation": PAPER | {"role": str, "keys": [str], "threshold": int, "paths": [str], "classes": [str], "from": int, "until": int,
                           "delegate": bool, "epoch": int},
}
SPOKEN = ("play", "phrase", "stop", "setting")  # kinds of warrants this box knows; what it does not know it refuses


def size(text):
    return len(text.encode())


def limit(kind):
    return {"plan": 131072, "phrases": 16384}.get(kind, 4096)


def read(raw, kind):
    """A payload: what it says, before any seal. A field that was left out is nought, "", false or empty."""
    d = filled(strict(raw, limit(kind), SHAPES[kind]), SHAPES[kind])
    if kind == "delegation":
        return d
    need(d["v"] == 0, "document.version")
    need(d["kind"] == kind or kind == "warrant" and d["kind"] in SPOKEN, "document.kind")
    CHECKS[kind](d, kind + ".malformed")
    return d


def filled(d, shape):
    for k, s in shape.items():
        if isinstance(s, list):
            d[k] = [filled(x, s[0]) if isinstance(s[0], dict) else x for x in d.get(k, [])]
        elif s in (str, int, bool):
            d.setdefault(k, s())
        elif isinstance(s, dict):
            d[k] = filled(d[k], s) if k in d else None
    return d


def dated(d):
    return 0 < d["from"] < d["until"]


def hours_ok(all_hours):
    return all(1 <= len(h["days"]) <= 7 and all(1 <= x <= 7 for x in h["days"]) and 0 <= h["from"] < h["until"] <= 1440 for h in all_hours)


def volumes_ok(volumes):
    return len(volumes) <= 8 and all(0 <= v["from"] < v["until"] <= 1440 and 1 <= v["percent"] <= 100 for v in volumes)


def code_ok(c):
    return 1 <= size(c) <= 32


def on_earth(p):
    return abs(p["lat"]) <= 90_000_000 and abs(p["lon"]) <= 180_000_000


def sound_ok(m):
    return m and HASH.match(m["hash"]) and 0 < m["bytes"] <= 64 << 20 and 0 < m["ms"] <= 3_600_000 and len(m["lang"]) <= 35 and LANG.match(m["lang"])


def check_scope(scope):
    need(scope, "scope.empty")
    need(len(scope) <= 64, "scope.too_many")
    for e in scope:
        path(e["path"])
        a = e["area"]
        if a is None:
            continue
        corners = a["polygon"]
        polygon = 3 <= len(corners) <= 32 and a["centre"] is None and a["radius"] == 0
        circle = not corners and a["centre"] is not None and 0 < a["radius"] <= 100_000
        need(polygon or circle, "scope.malformed")
        need(all(on_earth(p) for p in corners or [a["centre"]]), "scope.malformed")
        need(all(abs(p["lon"] - q["lon"]) <= 180_000_000 for p, q in zip(corners, corners[-1:] + corners)), "scope.malformed")


def check_warrant(w, no):
    need(ID.match(w["id"]) and w["class"] in CLASSES, no)
    path(w["issuer"])
    check_scope(w["scope"])
    need(1 <= size(w["author"]) <= 64 and size(w["title"]) <= 200 and dated(w) and w["approval"] in ("passkey", "weak"), no)
    need(w["approval"] == "passkey" or w["class"] == "normal", "warrant.weak_approval")
    kind, urgent = w["kind"], w["class"] in ("emergency", "exercise")
    need(not w["role"] or w["class"] == "normal" and kind == "play" and w["role"] in ("tune", "greeting", "music", "goodbye", "test"), no)
    need(w["now"] == (w["seq"] > 0), no)
    for field, kinds in {"media": "play", "hazard": "play", "speech": "play stop", "phrases": "phrase", "mount": "", "length": "",
                         "setting": "setting", "poles": "setting", "stops": "stop", "plays": "play", "plays_day": "play",
                         "cap": "play phrase stop"}.items():
        need(kind in kinds.split() or not w[field], no)
    hazard = w["hazard"]
    if kind == "play":
        need(urgent == w["now"] and 1 <= len(w["media"]) <= 4 and all(sound_ok(m) for m in w["media"]), no)
        need(not hazard or urgent and NAME.match(hazard) and hazard not in ("siren", "exercise"), no)
        need(1 <= w["plays_day"] <= 100 and w["plays_day"] <= w["plays"] <= 10_000 and 1 <= w["cap"] <= 100, no)
        need(w["speech"] in ("synthetic", "recorded"), no)
    elif kind == "phrase":
        need(urgent and w["now"] and 1 <= len(w["phrases"]) <= 8 and all(NAME.match(p) and p != "exercise" for p in w["phrases"]), no)
        need(1 <= w["cap"] <= 100, no)
    elif kind == "stop":
        need(w["now"] and 1 <= len(w["stops"]) <= 16 and all(HASH.match(h) for h in w["stops"]), no)
    else:
        s = w["setting"]
        need(s and w["class"] == "normal" and w["now"] and sum(map(bool, s.values())) == 1, no)
        need(0 <= s["volume"] <= 100 and 0 <= s["logs"] <= 500 and len(w["poles"]) <= 64 and all(map(code_ok, w["poles"])), no)


def check_plan(p, no):
    path(p["path"])
    need(p["version"] >= 1 and 0 < p["made"] < p["until"] and len(p["slots"]) <= 1000, no)
    need(len({s["id"] for s in p["slots"]}) == len(p["slots"]) and len(p["mutes"]) <= 256, no)
    for s in p["slots"]:
        need(1 <= size(s["id"]) <= 64 and HASH.match(s["warrant"]) and s["start"] > 0 and 0 <= s["repeat"] <= 3, no)
        need(len(s["poles"]) <= 64 and all(map(code_ok, s["poles"])), no)
        for q in s["scope"]:
            path(q)
    need(all(code_ok(m["pole"]) and dated(m) for m in p["mutes"]), no)


def check_beacon(b, no):
    path(b["path"])
    need(b["number"] >= 1 and b["time"] > 0 and len(b["now"]) <= 32 and len(b["policies"]) <= 8 and len(b["trust"]) <= 12, no)
    need(all(HASH.match(h) for h in b["now"] + b["policies"] + b["trust"] + [x for x in (b["plan"], b["phrases"], b["root"]) if x]), no)
    r = b["release"]
    need(r is None or HASH.match(r["hash"]) and 1 <= r["share"] <= 100, no)


def check_placement(p, no):
    need(ID.match(p["device"]) and ID.match(p["pole"]) and p["version"] >= 1 and 1 <= p["cap"] <= 100, no)
    need((p["at"] is None or on_earth(p["at"])) and size(p["code"]) <= 32, no)
    need(len(p["hours"]) <= 8 and hours_ok(p["hours"]) and volumes_ok(p["volumes"]) and 1 <= len(p["paths"]) <= 16, no)
    for q in p["paths"]:
        path(q)
        need(q.count("/") >= 2 and commune(q) == commune(p["paths"][0]), no)
    public_key(p["key"])


def check_policy(p, no):
    path(p["path"])
    need(p["version"] >= 1 and 0 <= p["volume"] <= 100 and p["from"] < p["until"], no)
    need(len(p["hours"]) <= 32 and hours_ok(p["hours"]) and volumes_ok(p["volumes"]), no)
    need(len(p["exceptions"]) <= 8 and len(p["mourning"]) <= 8 and all(map(dated, p["mourning"])), no)
    need(all(dated(e) and e["until"] - e["from"] <= 43_200_000 and 1 <= size(e["reason"]) <= 120 for e in p["exceptions"]), no)


def check_phrases(s, no):
    path(s["path"])
    ids = [e["id"] for e in s["entries"]]
    need(s["version"] >= 1 and dated(s) and len(ids) <= 32 and len(set(ids)) == len(ids) and {"siren", "exercise"} <= set(ids), no)
    for e in s["entries"]:
        m = e["media"]
        need(NAME.match(e["id"]) and sound_ok(m) and m["ms"] <= 60_000 and m["form"] == "mp3-64-32-1" and size(e["text"]) <= 500, no)
        need(e["text"] or e["id"] in ("siren", "exercise"), no)


def check_time(t, no):
    need(16 <= size(t["nonce"]) <= 64 and 0 < t["received"] <= t["sent"], no)


CHECKS = {"warrant": check_warrant, "plan": check_plan, "beacon": check_beacon, "placement": check_placement, "policy": check_policy,
          "phrases": check_phrases, "time": check_time}


# ---- section 4: the envelope ----

ENVELOPE = {"payloadType": str, "payload": str, "signatures": [{"keyid": str, "sig": str}]}


class Opened:
    """An envelope taken apart and not yet believed."""

    def __init__(self, raw, most):
        e = filled(strict(raw, most // 3 * 4 + 2048, ENVELOPE), ENVELOPE)
        self.type, self.payload, self.signatures = e["payloadType"], b64(e["payload"], "document.malformed"), e["signatures"]
        need(len(self.payload) <= most, "document.too_large")
        need(1 <= len(self.signatures) <= 8, "seal.signatures")
        form = {"payloadType": e["payloadType"], "payload": e["payload"], "signatures": [{"keyid": s["keyid"], "sig": s["sig"]} for s in self.signatures]}
        ids = [s["keyid"].encode() for s in self.signatures]
        need(all(a < b for a, b in zip(ids, ids[1:])), "seal.form")
        need(b"\\" not in raw and json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode() == raw, "seal.form")

    def by(self, keys):
        """How many of the keys sealed it."""
        signed = b"DSSEv1 %d %s %d %s" % (size(self.type), self.type.encode(), len(self.payload), self.payload)
        return sum(any(self.holds(k, s, signed) for s in self.signatures) for k in keys)

    @staticmethod
    def holds(key, s, signed):
        if s["keyid"] != sha256(key)[:32]:
            return False
        try:  # libsodium refuses an S that is too large, and points of small order
            sig = b64(s["sig"], "")
            nacl.signing.VerifyKey(key).verify(signed, sig)
            return len(sig) == 64
        except (Refused, ValueError, nacl.exceptions.CryptoError):
            return False


def seal(kind, document, signing_key):
    payload = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    kind = "application/vnd.loa.%s+json" % kind
    signed = b"DSSEv1 %d %s %d %s" % (size(kind), kind.encode(), len(payload), payload)
    name = sha256(signing_key.verify_key.encode())[:32]
    sig = base64.b64encode(signing_key.sign(signed).signature).decode()
    return json.dumps({"payloadType": kind, "payload": base64.b64encode(payload).decode(),
                       "signatures": [{"keyid": name, "sig": sig}]}, separators=(",", ":")).encode()


# ---- section 5: who may seal ----

def keys_of(keys, threshold):
    need(1 <= len(keys) <= 8 and 1 <= threshold <= len(keys), "delegation.malformed")
    raw = [public_key(k) for k in keys]
    need(len(set(raw)) == len(raw), "delegation.malformed")
    return raw


def fingerprint(root):
    text = "loa root v0\n%d %s\n" % (root["threshold"], "true" if root.get("demo") else "false") + "".join(k + "\n" for k in root["keys"])
    return sha256((text + ("version %d\n" % root["version"] if root.get("version") else "")).encode())


class Trust:
    def __init__(self, root, delegations, floor):
        self.root, self.keys, self.floor, self.holders = root, keys_of(root["keys"], root["threshold"]), floor, []
        left = list(delegations)
        while left:
            rest, last = [], None
            for raw in left:
                try:
                    self.holders.append(self.admit(raw))
                except Refused as no:
                    rest.append(raw)
                    last = no
            if len(rest) == len(left):
                raise last
            left = rest

    def admit(self, raw):
        o = Opened(raw, 4096)
        need(o.type == "application/vnd.loa.delegation+json", "document.wrong_type")
        d, no = read(o.payload, "delegation"), "delegation.malformed"
        need(d["v"] == 0 and d["kind"] == "delegation" and d["role"] in ("authority", "dispatch", "beacon", "release"), no)
        need(not (d["role"] == "release" and d["delegate"]) and 1 <= len(d["paths"]) <= 16, no)
        for p in d["paths"]:
            path(p)
        need(1 <= len(d["classes"]) <= 8 and d["from"] < d["until"] and d["epoch"] >= 0, no)
        d["raw"] = keys_of(d["keys"], d["threshold"])
        need(d["epoch"] >= self.floor, "delegation.revoked")
        if o.by(self.keys) >= self.root["threshold"]:
            need(not self.root.get("demo") or all(any(covers(i, p) for i in ("vn/97", "vn/98", "vn/99")) for p in d["paths"]), "delegation.demo_only")
            return d
        above = [h for h in self.holders if o.by(h["raw"]) >= h["threshold"]]
        need(above, "seal.unknown_key")
        need(any(self.gives(h, d) for h in above), "delegation.widens")
        return d

    @staticmethod
    def gives(h, d):
        return (h["role"] == "authority" and h["delegate"] and d["role"] != "release"
                and all(any(covers(q, p) for q in h["paths"]) for p in d["paths"])
                and set(d["classes"]) <= set(h["classes"]) and h["from"] <= d["from"] and d["until"] <= h["until"])

    def check(self, o, role, places, cls, moment):
        why = "seal.unknown_key"
        for h in self.holders:
            if o.by(h["raw"]) < h["threshold"]:
                continue
            if len(o.signatures) != h["threshold"]:
                why = "seal.signatures"
            elif h["role"] != role:
                why = "seal.wrong_role"
            elif not all(any(covers(q, p) for q in h["paths"]) for p in places):
                why = "seal.wrong_path"
            elif cls and cls not in h["classes"]:
                why = "seal.wrong_class"
            elif not h["from"] <= moment < h["until"]:
                why = "seal.wrong_date"
            else:
                return
        raise Refused(why)

    def open(self, raw, kind, now, place=None):
        """A sealed document, checked: sections 3 to 5."""
        o = Opened(raw, limit(kind))
        need(o.type == "application/vnd.loa.%s+json" % kind, "document.wrong_type")
        d = read(o.payload, kind)
        places = {"warrant": lambda: [d["issuer"]] + [e["path"] for e in d["scope"]], "placement": lambda: d["paths"],
                  "time": lambda: [place]}.get(kind, lambda: [d["path"]])()
        if kind == "time" and now == 0:
            now = d["received"] // 1000
        role = {"plan": "dispatch", "beacon": "beacon", "time": "beacon"}.get(kind, "authority")
        self.check(o, role, places, d.get("class", ""), now)
        return d


# ---- section 7: what is decided alike ----

def in_area(area, at):
    if at is None:
        return False
    if area["centre"] is not None:
        c, rad = area["centre"], lambda micro: micro / 1e6 * math.pi / 180
        h = (math.sin(rad(at["lat"] - c["lat"]) / 2) ** 2
             + math.cos(rad(c["lat"])) * math.cos(rad(at["lat"])) * math.sin(rad(at["lon"] - c["lon"]) / 2) ** 2)
        return 2 * 6_371_000 * math.asin(min(1, math.sqrt(h))) <= area["radius"]
    inside, corners = False, area["polygon"]
    for p, q in zip(corners, corners[-1:] + corners):
        if (p["lat"] > at["lat"]) == (q["lat"] > at["lat"]):
            continue
        side = (q["lon"] - p["lon"]) * (at["lat"] - p["lat"]) - (at["lon"] - p["lon"]) * (q["lat"] - p["lat"])
        inside ^= (side if q["lat"] > p["lat"] else -side) > 0
    return inside


def in_scope(scope, placement):
    return any(any(covers(e["path"], p) for p in placement["paths"]) and (e["area"] is None or in_area(e["area"], placement["at"])) for e in scope)


DAY, LOCAL = 86_400_000, 7 * 3_600_000


def midnight(at):
    return (at + LOCAL) // DAY * DAY - LOCAL


def is_open(hours, exceptions, start, end):
    while start < end:
        day = midnight(start)
        weekday = ((day + LOCAL) // DAY + 3) % 7 + 1
        spans = [(day + h["from"] * 60_000, day + h["until"] * 60_000) for h in hours if weekday in h["days"]]
        spans += [(e["from"], e["until"]) for e in exceptions]
        until = max((b for a, b in spans if a <= start < b), default=start)
        if until == start:
            return False
        start = until
    return True


def lowest(volumes, start, end):
    days = range(midnight(start), end, DAY)
    return min([v["percent"] for d in days for v in volumes if d + v["from"] * 60_000 < end and start < d + v["until"] * 60_000], default=100)


def policy_allows(policies, place, cls, role, start, ms):
    """The volume, or Refused."""
    if cls == "emergency":
        return 100
    end, volume, ruled = start + ms, 100, start
    meant = sorted((p for p in policies if covers(p["path"], place) and p["from"] < end and start < p["until"]), key=lambda p: p["from"])
    for p in meant:
        if p["from"] <= ruled:
            ruled = max(ruled, p["until"])
    need(meant and ruled >= end, "policy.none")
    for p in meant:
        a, b = max(start, p["from"]), min(end, p["until"])
        volume = min(volume, p["volume"], lowest(p["volumes"], a, b))
        need(is_open(p["hours"], p["exceptions"], a, b), "policy.hours")
        need(role != "music" or not any(m["from"] < b and a < m["until"] for m in p["mourning"]), "policy.mourning")
    need(volume, "policy.silent")
    return volume


def device_allows(policies, placement, cls, role, start, ms):
    volume = policy_allows(policies, placement["paths"][0], cls, role, start, ms)
    if cls != "emergency":
        need(not placement["hours"] or is_open(placement["hours"], [], start, start + ms), "placement.hours")
        volume = min(volume, lowest(placement["volumes"], start, start + ms))
    return min(volume, placement["cap"])


def muted(mutes, placement, start, ms):
    return any(m["pole"] == placement["code"] and m["from"] < start + ms and start < m["until"] for m in mutes)


def slot_ms(slot, warrant):
    ms = sum(m["ms"] for m in warrant["media"])
    return ms + slot["repeat"] * (ms + 2000)


def slot_allowed(slot, warrant, placement, policies):
    ms = slot_ms(slot, warrant)
    need(not placement["revoked"], "placement.revoked")
    need(warrant["kind"] == "play" and not warrant["now"], "slot.not_playable")
    need(warrant["from"] <= slot["start"] and slot["start"] + ms <= warrant["until"], "slot.outside_warrant")
    need(all(any(covers(e["path"], q) for e in warrant["scope"]) for q in slot["scope"]), "slot.outside_scope")
    return min(device_allows(policies, placement, warrant["class"], warrant["role"], slot["start"], ms), warrant["cap"])


def for_me(slot, warrant, placement):
    return (in_scope(warrant["scope"], placement) and (not slot["poles"] or placement["code"] in slot["poles"])
            and (not slot["scope"] or any(covers(q, p) for q in slot["scope"] for p in placement["paths"])))


def outranks(a, b):
    """Whether a silences b."""
    if not a["now"]:
        return False
    if a["class"] != b["class"]:
        return CLASSES.index(a["class"]) > CLASSES.index(b["class"])
    level = lambda w: -len([s for s in w["issuer"].split("/") if s not in ("h", "z")])
    return b["now"] and (level(a), a["from"], a["id"]) > (level(b), b["from"], b["id"])


def cue(warrant, have, whole):
    """What sounds, step by step: ids of phrases and "*media"."""
    exercise, hazard, play = warrant["class"] == "exercise", warrant["hazard"], warrant["kind"] == "play"
    need(not play or whole or hazard, "media.missing")
    wanted = warrant["phrases"] + (["siren"] if hazard else []) + ([hazard] if play and not whole else [])
    if exercise:
        need(set(["exercise"] + wanted) <= set(have), "phrase.missing")
    steps = [p for p in wanted if p in have] + (["*media"] if play and whole else [])
    need(steps, "media.missing" if play else "phrase.missing")
    return (["exercise"] if exercise else []) + steps


# ---- section 15: the canonical sound ----

def frames(raw, media):
    need(media["form"] == "mp3-64-32-1", "media.form")
    need(len(raw) == media["bytes"] and sha256(raw) == media["hash"] and raw and len(raw) % 288 == 0, "media.damaged")
    for i in range(0, len(raw), 288):
        need(raw[i:i + 4] == b"\xff\xfb\x58\xc4" and raw[i + 4] == 0 and raw[i + 5] < 0x80, "media.damaged")
    need(abs(len(raw) // 288 * 36 - media["ms"]) <= 200, "media.length")
