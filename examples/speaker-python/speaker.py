#!/usr/bin/python3
"""A loudspeaker that is not ours: enrols, keeps the time, hears beacons, plays slots and now warrants, sends receipts and beats.

Written from docs/wire.md alone. Debian: python3-nacl python3-paho-mqtt ffmpeg. CC0-1.0.

    speaker.py --server http://127.0.0.1:8080 --code ABCD2345.0123456789abcdef --dir box --out wav:sound.wav
"""
import argparse
import array
import base64
import hashlib
import json
import os
import queue
import random
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
import wave

import nacl.signing
import paho.mqtt.client as mqtt

import loawire as wire
from loawire import Refused, need

RATE, BLOCK, LATE = 32000, 640, 2000  # samples a second; samples written at once: 20 ms; ms after its start a slot may still begin


class Player(threading.Thread):
    """The only writer of the output. The place of a sample in the stream is its time."""

    def __init__(self, out, micros, events):
        super().__init__(daemon=True)
        self.micros, self.events, self.lock = micros, events, threading.Lock()
        self.waiting, self.current, self.paused = [], None, []
        kind, _, name = out.partition(":")
        self.wav = wave.open(name, "wb") if kind == "wav" else None
        if self.wav:
            self.wav.setparams((1, 2, RATE, 0, "NONE", ""))
        self.pipe = subprocess.Popen(["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c1", "-r%d" % RATE], stdin=subprocess.PIPE).stdin if kind == "aplay" else None

    def run(self):
        due = time.monotonic()
        while True:
            with self.lock:
                block = self.block()
            if self.wav:
                self.wav.writeframes(block)
            if self.pipe:
                self.pipe.write(block)
            due = max(due + BLOCK / RATE, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))

    def block(self):
        now, out = self.micros(), array.array("h", bytes(2 * BLOCK))
        for job in [j for j in self.waiting if j["at"] <= now + 20_000]:
            if job["warrant"]["now"] and self.current and wire.outranks(job["warrant"], self.current["warrant"]):
                self.current["pos"] -= self.current["pos"] % 1152  # goes on at its frame
                self.paused.append(self.current)
                self.current = None
            if self.current is None:
                self.waiting.remove(job)
                self.current = job
            elif not job["warrant"]["now"] and now > job["at"] + LATE * 1000:
                self.waiting.remove(job)
                self.end(job, "missed", "slot.busy")
        if self.current is None and self.paused:
            job = self.paused.pop()
            try:
                job["may"](now // 1000, (len(job["pcm"]) - job["pos"]) * 1000 // RATE)
                self.current = job
            except Refused as no:
                self.end(job, "stopped", no.key)
        job = self.current
        if job is None:
            return out.tobytes()
        skip = 0
        if not job["started"]:
            skip = min(BLOCK - 1, max(0, (job["at"] - now) * RATE // 1_000_000))
            job["started"] = now + skip * 1_000_000 // RATE
            self.events.put(("sounding", job))
        piece = job["pcm"][job["pos"]:job["pos"] + BLOCK - skip]
        out[skip:skip + len(piece)] = array.array("h", (s * job["volume"] // 100 for s in piece))
        job["pos"] += len(piece)
        if job["pos"] >= len(job["pcm"]):
            self.end(job, "played", "")
        return out.tobytes()

    def end(self, job, result, why):
        if self.current is job:
            self.current = None
        job["result"], job["why"] = result, why
        self.events.put(("finished", job))

    def add(self, job):
        with self.lock:
            self.waiting.append(job)

    def stop(self, holds, why):
        with self.lock:
            for job in [j for j in [self.current, *self.waiting, *self.paused] if j and holds(j)]:
                for jobs in (self.waiting, self.paused):
                    if job in jobs:
                        jobs.remove(job)
                self.end(job, "stopped", why)


class Box:
    def __init__(self, a):
        self.server, self.dir, self.delay, self.events = a.server.rstrip("/"), a.dir, a.receipt_delay, queue.Queue()
        self.pull_every, self.code = a.pull_every, a.code
        for d in ("", "docs", "media"):
            os.makedirs(os.path.join(self.dir, d), mode=0o700, exist_ok=True)
        self.s = {"seed": secrets.token_hex(32), "device": "", "root": None, "placement": "", "placed": 0, "since": 0, "number": 0, "epoch": 0,
                  "beacon": None, "trust": [], "plan": "", "plan_version": 0, "policies": {}, "done": {}, "counts": {}, "floor": {}, "used": {},
                  "stops": {}, "n": 0, "lines": [], "sounding": {}}
        if os.path.exists(self.file("state")):
            with open(self.file("state")) as f:
                self.s.update(json.load(f))
        self.key = nacl.signing.SigningKey(bytes.fromhex(self.s["seed"]))
        self.public = base64.b64encode(self.key.verify_key.encode()).decode()
        self.offset, self.synced, self.trust, self.client = None, 0.0, None, None
        self.began, self.beat_due, self.send_due, self.pull_due, self.fails = time.monotonic(), 0.0, 0.0, 0.0, 0
        self.handled, self.bad = set(), set()
        self.save()
        self.player = Player(a.out, lambda: self.micros() or 0, self.events)

    def file(self, *name):
        return os.path.join(self.dir, *name)

    def write(self, name, raw):
        """Whole or not at all."""
        with open(self.file(name + ".tmp"), "wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        os.rename(self.file(name + ".tmp"), self.file(name))
        folder = os.open(self.file(os.path.dirname(name)), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def save(self):
        self.write("state", json.dumps(self.s).encode())

    # ---- asking the node (section 14) ----

    def ask(self, path, body=None, token=None):
        q = urllib.request.Request(self.server + path, data=body, headers={"Content-Type": "application/json"} if body else {})
        if token:
            q.add_header("Authorization", "Loa " + base64.urlsafe_b64encode(token).decode().rstrip("="))
        with urllib.request.urlopen(q, timeout=20) as answer:
            return answer.read(64 << 20)

    def document(self, h):
        name = self.file("docs", h)
        if os.path.exists(name):
            with open(name, "rb") as f:
                return f.read()
        raw = self.ask("/device/v1/doc/" + h)
        need(wire.sha256(raw) == h, "document.wrong_hash")
        return self.keep(raw)

    def keep(self, raw):
        self.write("docs/" + wire.sha256(raw), raw)
        return raw

    def media(self, m, fetch=True):
        name = self.file("media", m["hash"])
        if not os.path.exists(name):
            need(fetch and m["hash"] not in self.bad, "media.damaged" if m["hash"] in self.bad else "media.missing")
            raw = self.ask("/device/v1/media/" + m["hash"])
            if wire.sha256(raw) != m["hash"]:
                self.bad.add(m["hash"])
                raise Refused("media.damaged")
            self.write("media/" + m["hash"], raw)
        with open(name, "rb") as f:
            raw = f.read()
        wire.frames(raw, m)
        return raw

    # ---- section 10: time ----

    def micros(self):
        return None if self.offset is None else time.monotonic_ns() // 1000 + self.offset

    def now(self):
        need(self.offset is not None, "clock.unknown")
        return self.micros() // 1000

    def keep_time(self, commune):
        best = None
        for _ in range(4):
            nonce, left = secrets.token_hex(16), time.monotonic_ns() // 1000
            raw = self.ask("/device/v1/time", json.dumps({"nonce": nonce}).encode())
            came = time.monotonic_ns() // 1000
            t = self.trust.open(raw, "time", 0, commune)
            need(t["nonce"] == nonce, "time.wrong_nonce")
            trip = (came - left) - (t["sent"] - t["received"])
            if best is None or trip < best[0]:
                best = (trip, t["sent"] + max(0, trip) // 2 - came)
        self.offset, self.synced = best[1], time.monotonic()

    # ---- section 9: enrolment ----

    def enrol(self):
        if not self.s["device"]:
            code, _, prefix = self.code.strip().partition(".")
            sig = base64.b64encode(self.key.sign(("loa enrol v0\n%s\n%s" % (code.upper(), self.public)).encode()).signature).decode()
            answer = json.loads(self.ask("/device/v1/enrol", json.dumps({"code": code.upper(), "key": self.public, "sig": sig}).encode()))
            need(len(prefix) == 16 and wire.fingerprint(answer["root"]).startswith(prefix), "enrol.foreign_root")
            self.s.update(device=answer["device"], root=answer["root"])
            self.save()
        check = int.from_bytes(hashlib.sha256(self.key.verify_key.encode()).digest()[:4], "big") % 1_000_000
        print("check digits %06d" % check, flush=True)
        while not self.s["placement"]:
            proof = self.key.sign(("loa placement v0\n" + self.s["device"]).encode()).signature
            raw = self.ask("/device/v1/enrol/" + self.s["device"], token=proof)
            if not raw:
                time.sleep(random.uniform(1, 2))
                continue
            commune = wire.commune(wire.read(wire.Opened(raw, 4096).payload, "placement")["paths"][0])  # looked at, not believed
            delegations = [base64.b64decode(d) for d in json.loads(self.ask("/device/v1/trust/" + commune))["delegations"]]
            self.trust = wire.Trust(self.s["root"], delegations, 0)
            self.keep_time(commune)
            self.mine(raw)
            self.s.update(placement=wire.sha256(self.keep(raw)), since=self.now(), trust=[wire.sha256(self.keep(d)) for d in delegations])
            self.save()
        self.trust = wire.Trust(self.s["root"], [self.document(h) for h in self.s["trust"]], self.s["epoch"])
        for line in self.s["sounding"].values():  # power failed while it sounded
            self.line(dict(line, result="partly", why="agent.restarted"))
        self.s["sounding"] = {}

    def mine(self, raw):
        p = self.trust.open(raw, "placement", self.now())
        need(p["device"] == self.s["device"] and p["key"] == self.public, "placement.not_mine")
        return p

    def placement(self):
        return self.mine(self.document(self.s["placement"]))

    # ---- section 11: beacons ----

    def hear(self, raw):
        peek = wire.read(wire.Opened(raw, 4096).payload, "beacon")
        need(peek["epoch"] >= self.s["epoch"], "beacon.old_epoch")
        trust = self.trust
        if peek["trust"] != self.s["trust"] or peek["epoch"] != self.s["epoch"]:
            trust = wire.Trust(self.s["root"], [self.document(h) for h in peek["trust"]], peek["epoch"])
        b = trust.open(raw, "beacon", self.now())
        need(b["path"] == wire.commune(self.placement()["paths"][0]), "seal.wrong_path")
        if b["number"] < self.s["number"]:
            return
        self.trust = trust
        self.s.update(number=b["number"], epoch=b["epoch"], trust=b["trust"], beacon=b)
        self.save()
        for h in b["now"]:
            self.tried(self.take_now, self.document(h))
        if b["placements"] > self.s["placed"]:
            token = {"v": 0, "kind": "token", "device": self.s["device"], "at": self.now(), "nonce": secrets.token_hex(16)}
            fresh = self.ask("/device/v1/placement/" + self.s["device"], token=wire.seal("token", token, self.key))
            if fresh and self.mine(fresh)["version"] >= self.placement()["version"]:
                self.s.update(placement=wire.sha256(self.keep(fresh)), placed=b["placements"])
        for h in b["policies"]:
            p = self.trust.open(self.document(h), "policy", self.now())
            if p["version"] > self.s["policies"].get(p["path"], 0):
                self.s["policies"][p["path"]] = p["version"]
        if b["plan"] and b["plan"] != self.s["plan"]:
            p = self.trust.open(self.document(b["plan"]), "plan", self.now())
            need(p["path"] == b["path"], "seal.wrong_path")
            need(p["version"] > self.s["plan_version"], "plan.old")
            self.s.update(plan=b["plan"], plan_version=p["version"])
            self.player.stop(lambda j: j["warrant"]["class"] != "emergency" and wire.muted(
                p["mutes"], self.placement(), self.now(), (len(j["pcm"]) - j["pos"]) * 1000 // RATE) and j["started"], "pole.muted")
        self.save()
        self.fetch_ahead()

    def fetch_ahead(self):
        for slot in self.plan()["slots"]:
            if slot["id"] not in self.s["done"] and self.s["since"] <= slot["start"] < self.now() + 3 * wire.DAY:
                w = self.trust.open(self.document(slot["warrant"]), "warrant", slot["start"])
                for m in w["media"] if wire.for_me(slot, w, self.placement()) else []:
                    self.tried(self.media, m, quiet=True)
        for e in self.phrases().values():
            self.tried(self.media, e, quiet=True)

    def plan(self):
        return self.trust.open(self.document(self.s["plan"]), "plan", self.now()) if self.s["plan"] else {"slots": [], "mutes": [], "until": 0}

    def phrases(self):
        h = (self.s["beacon"] or {}).get("phrases")
        return {e["id"]: e["media"] for e in self.trust.open(self.document(h), "phrases", self.now())["entries"]} if h else {}

    def policies(self):
        found = [self.trust.open(self.document(h), "policy", self.now()) for h in (self.s["beacon"] or {}).get("policies", [])]
        need(all(p["version"] >= self.s["policies"].get(p["path"], 0) for p in found), "policy.old")
        return found

    # ---- section 12: the plan ----

    def step(self):
        for slot in self.plan()["slots"]:
            if slot["id"] in self.s["done"] or slot["start"] < self.s["since"] or slot["start"] - 1500 > self.now():
                continue
            h = slot["warrant"]
            line = {"slot": slot["id"], "warrant": h, "planned": slot["start"]}
            try:
                w = self.trust.open(self.document(h), "warrant", slot["start"])
                if not wire.for_me(slot, w, self.placement()):
                    self.s["done"][slot["id"]] = slot["start"]
                    continue
                job = self.prepare(slot, w, h)
            except Refused as no:
                if no.key in ("media.missing", "media.damaged") and self.now() < slot["start"] + LATE // 2:
                    continue  # it may yet come
                result = {"slot.missed": "missed", "warrant.stopped": "stopped"}.get(no.key, "refused")
                self.s["done"][slot["id"]] = slot["start"]
                self.line(dict(line, result=result, why=no.key))
                continue
            self.s["done"][slot["id"]] = slot["start"]  # written down before it sounds
            self.s["sounding"][slot["id"]] = dict(line, volume=job["volume"])
            self.save()
            self.player.add(job)
            self.beat("accepted", slot["id"], h)

    def prepare(self, slot, w, h):
        need(not self.stopped(h, w), "warrant.stopped")
        need(self.now() <= slot["start"] + LATE, "slot.missed")
        plan, placement = self.plan(), self.placement()
        need(slot["start"] < plan["until"], "plan.expired")
        need(not wire.muted(plan["mutes"], placement, slot["start"], wire.slot_ms(slot, w)), "pole.muted")
        volume = wire.slot_allowed(slot, w, placement, self.policies())
        day, counts = wire.midnight(slot["start"]), self.s["counts"].get(h, {"all": 0})
        today, total = counts.get(str(day), 0) + 1 + slot["repeat"], counts["all"] + 1 + slot["repeat"]
        need(today <= w["plays_day"], "warrant.plays_day")
        need(total <= w["plays"], "warrant.plays")
        once = self.decoded([self.media(m, fetch=False) for m in w["media"]])
        pcm = once + (array.array("h", bytes(4 * RATE)) + once) * slot["repeat"]
        self.s["counts"][h] = {"all": total, str(day): today}
        return self.job(w, h, slot["id"], slot["start"], pcm, volume)

    def job(self, w, h, slot, start, pcm, volume):
        def may(at, ms):
            need(at + ms <= w["until"], "slot.outside_warrant")
            wire.device_allows(self.policies(), self.placement(), w["class"], w["role"], at, ms)
        return {"warrant": w, "hash": h, "slot": slot, "planned": start, "at": start * 1000, "pcm": pcm, "volume": volume, "pos": 0, "started": 0, "may": may}

    @staticmethod
    def decoded(sounds):
        pcm = array.array("h")
        for raw in sounds:  # its frames were checked
            run = subprocess.run(["ffmpeg", "-v", "error", "-f", "mp3", "-i", "-", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"], input=raw, capture_output=True, check=False)
            need(run.returncode == 0, "media.damaged")
            pcm.frombytes(run.stdout)
        return pcm

    # ---- section 13: now warrants ----

    def take_now(self, raw):
        h = wire.sha256(raw)
        if h in self.handled:
            return
        try:
            self.act(raw, h)
            self.handled.add(h)
        except Refused as no:
            self.handled.add(h)
            self.line({"slot": "", "warrant": h, "planned": self.now(), "result": "refused", "why": no.key})
            self.beat("refused", "", h, no.key)

    def act(self, raw, h):
        if not self.s["number"]:
            self.hear(self.ask("/device/v1/beacon/" + wire.commune(self.placement()["paths"][0])))
        w, placement, now = self.trust.open(raw, "warrant", self.now()), self.placement(), self.now()
        need(w["now"], "warrant.not_now")
        if not wire.in_scope(w["scope"], placement):
            return
        need(not placement["revoked"], "placement.revoked")
        need(now < w["until"], "warrant.expired")
        need(now >= w["from"] - 5000, "warrant.early")
        used, n = self.s["used"].setdefault(w["issuer"], {}), str(w["seq"])
        if used.get(n) == h:
            return
        need(n not in used, "now.number_reused")
        need(w["seq"] > self.s["floor"].get(w["issuer"], 0), "now.replayed")
        if w["kind"] == "play" or w["kind"] == "phrase":
            volume = min(100, w["cap"], placement["cap"])
            if w["class"] != "emergency":
                ms = sum(m["ms"] for m in w["media"])
                need(not wire.muted(self.plan()["mutes"], placement, now, ms), "pole.muted")
                volume = min(volume, wire.device_allows(self.policies(), placement, w["class"], w["role"], now, ms))
            need(not self.stopped(h, w), "warrant.stopped")
        used[n] = h
        if len(used) > 256:
            low = min(map(int, used))
            del used[str(low)]
            self.s["floor"][w["issuer"]] = low
        if w["kind"] == "stop":
            for stopped in w["stops"]:
                self.s["stops"].setdefault(stopped, []).append([w["issuer"], w["class"]])
            self.save()
            self.player.stop(lambda j: self.stopped(j["hash"], j["warrant"]), "warrant.stopped")
            self.beat("accepted", "", h)
            return
        need(w["kind"] != "setting", "setting.unknown")  # this box has nothing to set
        self.save()
        have = self.phrases()
        try:
            own, whole = [self.media(m) for m in w["media"]], True
        except (Refused, OSError):
            own, whole = [], False
        pcm = self.decoded([raw for step in wire.cue(w, list(have), whole) for raw in (own if step == "*media" else [self.media(have[step])])])
        self.s["sounding"][h] = {"slot": "", "warrant": h, "planned": self.now(), "volume": volume}
        self.save()
        self.beat("accepted", "", h)
        self.player.add(self.job(w, h, "", self.now(), pcm, volume))

    def stopped(self, h, w):
        return any(wire.covers(issuer, w["issuer"]) and (w["class"] != "emergency" or cls == "emergency") for issuer, cls in self.s["stops"].get(h, []))

    # ---- section 8: receipts and beats ----

    def line(self, l):
        self.s["n"] += 1
        self.s["lines"].append({"n": self.s["n"], "started": 0, "ms": 0, "skew_us": 0, "volume": 0, "clock": self.clock(), "verified": False} | l)
        self.save()
        self.send_due = self.send_due or time.monotonic() + random.uniform(0, self.delay)

    def send(self):
        lines = self.s["lines"][:100]
        receipt = {"v": 0, "kind": "receipt", "device": self.s["device"], "at": self.now(), "lines": lines}
        through = json.loads(self.ask("/device/v1/receipts", wire.seal("receipt", receipt, self.key)))["through"]
        self.s["lines"] = [l for l in self.s["lines"] if l["n"] > through]
        self.save()
        self.send_due = time.monotonic() if self.s["lines"] else 0.0

    def clock(self):
        return "unknown" if self.offset is None else "trusted" if time.monotonic() - self.synced < 86400 else "degraded"

    def beat(self, state, slot="", warrant="", why=""):
        b = {"v": 0, "kind": "beat", "device": self.s["device"], "at": self.micros() // 1000, "state": state, "slot": slot, "warrant": warrant, "why": why[:64],
             "volume": 100, "disk_free": os.statvfs(self.dir).f_bavail * os.statvfs(self.dir).f_frsize, "offset_us": time.time_ns() // 1000 - self.micros(),
             "clock": self.clock(), "plan": self.s["plan_version"], "version": "speaker-python", "uptime": int(time.monotonic() - self.began)}
        if self.client:
            self.client.publish("loa/0/beat/" + self.s["device"], json.dumps({k: v for k, v in b.items() if v != ""}).encode(), qos=0)

    def happened(self, what, job):
        name = job["slot"] or job["hash"]
        if what == "sounding":
            self.beat("sounding", job["slot"], job["hash"])
            return
        self.s["sounding"].pop(name, None)
        started = job["started"]
        self.line({"slot": job["slot"], "warrant": job["hash"], "planned": job["planned"], "started": started // 1000, "ms": job["pos"] * 1000 // RATE,
                   "skew_us": started - job["at"] if job["slot"] and started else 0, "volume": job["volume"], "result": job["result"], "why": job["why"], "verified": True})
        self.beat("finished", job["slot"], job["hash"], job["why"])

    # ---- section 14: MQTT ----

    def connect(self):
        door = json.loads(self.ask("/device/v1/doors"))["mqtt"]
        plain = [d for d in door if d.startswith("tcp://")]
        if not plain:
            return
        host, _, port = plain[0][6:].rpartition(":")
        token = {"v": 0, "kind": "token", "device": self.s["device"], "at": self.now(), "nonce": secrets.token_hex(16)}
        parts = [wire.seal("token", token, self.key), self.document(self.s["placement"])]
        c = mqtt.Client(client_id=self.s["device"], clean_session=True, protocol=mqtt.MQTTv311, reconnect_on_failure=False)
        c.username_pw_set(self.s["device"], ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts))
        commune = wire.commune(self.placement()["paths"][0])
        country, province, _ = commune.split("/")
        topics = ["loa/0/beacon/" + commune] + ["loa/0/now/" + p for p in (commune, country + "/" + province, country)]
        c.on_connect = lambda c, *_: [c.subscribe(t, 0) for t in topics]
        c.on_message = lambda _c, _u, m: self.events.put(("beacon" if m.topic == topics[0] else "now", m.payload))
        c.on_disconnect = lambda *_: self.events.put(("away", None))
        c.connect(host.strip("[]"), int(port), keepalive=60)
        c.loop_start()
        self.client = c

    def tried(self, do, *args, quiet=False):
        """Does it, or says why not: a lost network or a bad document ends nothing."""
        try:
            do(*args)
            return True
        except Refused as no:
            if not quiet:
                print("refused:", no.key, flush=True)
        except (OSError, ValueError, KeyError, TypeError) as e:
            print("not done:", e, flush=True)
        return False

    def look(self):
        self.hear(self.ask("/device/v1/beacon/" + wire.commune(self.placement()["paths"][0])))

    def run(self):
        while not self.tried(self.enrol) or not self.s["placement"]:
            time.sleep(random.uniform(1, 5))
        commune = wire.commune(wire.read(wire.Opened(self.document(self.s["placement"]), 4096).payload, "placement")["paths"][0])
        self.player.start()
        door_due, door_fails = 0.0, 0
        while True:
            t = time.monotonic()
            if self.offset is None or t - self.synced > 1800:
                if not self.tried(self.keep_time, commune):
                    time.sleep(1 if self.offset is None else 0)
                    self.synced = self.synced if self.offset is None else t - 1700
                    continue
            if self.client is None and t >= door_due:
                door_fails = 0 if self.tried(self.connect) else door_fails + 1
                door_due = t + random.uniform(0, min(900, 2 ** door_fails))
            if t >= self.pull_due:
                self.fails = 0 if self.tried(self.look) else self.fails + 1
                self.pull_due = t + (random.uniform(0.75, 1.25) * self.pull_every if not self.fails else random.uniform(0, min(60, 2 ** self.fails)))
            self.tried(self.step)
            if self.send_due and t >= self.send_due and not self.tried(self.send):
                self.send_due = t + random.uniform(0, 60)
            if t >= self.beat_due:
                self.beat("sounding" if self.player.current else "idle")
                self.beat_due = t + 60
            try:
                what, about = self.events.get(timeout=0.05)
            except queue.Empty:
                continue
            if what == "beacon":
                if self.tried(self.hear, about):
                    self.pull_due = time.monotonic() + max(45, self.pull_every)
            elif what == "now":
                self.tried(self.take_now, about)
            elif what == "away":
                if self.client:
                    self.client.loop_stop()
                self.client, door_due = None, time.monotonic() + random.uniform(0, 2 ** min(door_fails + 1, 9))
            else:
                self.happened(what, about)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--server", required=True)
    p.add_argument("--code", default="", help="enrolment code, needed once")
    p.add_argument("--dir", default="box")
    p.add_argument("--out", default="silent", help="wav:FILE, aplay or silent")
    p.add_argument("--receipt-delay", type=float, default=120)
    p.add_argument("--pull-every", type=float, default=60)
    Box(p.parse_args()).run()
