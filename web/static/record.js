// Recording in the page, and files over links that break. What is recorded goes
// into the browser's own store every three seconds and from there to the server,
// which says how much it has; so a lost connection, a closed tab or a restart of
// the server costs nothing. Loaded by the pages that have a recorder.
(() => {
  "use strict";
  const box = document.querySelector("[data-recorder]");
  if (!box || !window.indexedDB) return;
  const part = (name) => box.querySelector(`[data-rec-${name}]`);
  const say = (text) => { part("said").textContent = text || ""; };
  const words = box.dataset, most = Number(words.seconds);
  const clock = (s) => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");

  // The store: "sounds" are what is on its way, "parts" its bytes in order.
  const opened = new Promise((yes, no) => {
    const q = indexedDB.open("loa-recorder", 1);
    q.onupgradeneeded = () => {
      q.result.createObjectStore("sounds", { keyPath: "local" });
      q.result.createObjectStore("parts", { autoIncrement: true }).createIndex("local", "local");
    };
    q.onsuccess = () => yes(q.result);
    q.onerror = () => no(q.error);
  });
  const store = async (names, mode, work) => {
    const db = await opened, tx = db.transaction(names, mode), q = work(tx);
    return new Promise((yes, no) => {
      tx.oncomplete = () => yes(q && q.result);
      tx.onerror = tx.onabort = () => no(tx.error);
    });
  };
  const keep = (sound) => store("sounds", "readwrite", (tx) => { tx.objectStore("sounds").put(sound); });
  const add = (local, blob) => store("parts", "readwrite", (tx) => { tx.objectStore("parts").add({ local, blob }); });
  const whole = async (local) => new Blob((await store("parts", "readonly", (tx) => tx.objectStore("parts").index("local").getAll(local))).map((p) => p.blob));
  const forget = (local) => store(["sounds", "parts"], "readwrite", (tx) => {
    tx.objectStore("sounds").delete(local);
    tx.objectStore("parts").index("local").openKeyCursor(local).onsuccess = (e) => {
      if (!e.target.result) return;
      tx.objectStore("parts").delete(e.target.result.primaryKey);
      e.target.result.continue();
    };
  });

  // The line: one at a time, from where the server says it is. What the server
  // refuses ends the sound; what merely fails is tried again.
  class Refusal extends Error { constructor(text, final) { super(text); this.final = final; } }
  const call = async (method, address, headers, body) => {
    const answer = await fetch(address, { method, body, headers: { "Tus-Resumable": "1.0.0", Accept: "application/json", ...headers } });
    if (answer.redirected) throw new Refusal(words.signedOut, false);
    if (answer.ok || answer.status === 409 && method !== "POST" || answer.status === 404 && method === "HEAD") return answer;
    if (answer.status >= 500) throw new Error(await answer.text());
    throw new Refusal((await answer.json()).error.sentence, answer.status === 422); // what can never be taken
  };
  const text64 = (s) => btoa(String.fromCharCode(...new TextEncoder().encode(s)));
  let sending = null, current = null;
  const send = (sound) => { sending ||= line(sound).finally(() => { sending = null; }); return sending; };
  const wait = (ms) => new Promise((yes) => {
    const t = setTimeout(yes, ms);
    addEventListener("online", () => { clearTimeout(t); yes(); }, { once: true });
  });
  const line = async (sound) => {
    for (;;) {
      try {
        if (!sound.id) {
          const length = sound.bytes >= 0 ? { "Upload-Length": String(sound.bytes) } : { "Upload-Defer-Length": "1" };
          const meta = `filename ${text64(sound.name)},origin ${text64(sound.origin)},path ${text64(sound.path)}`;
          const answer = await call("POST", "/uploads", { ...length, "Upload-Metadata": meta });
          sound.id = answer.headers.get("Location").split("/").pop();
          await keep(sound);
        }
        const state = await call("HEAD", "/uploads/" + sound.id);
        if (state.status === 404) { sound.id = ""; continue; } // forgotten there, not here
        let offset = Number(state.headers.get("Upload-Offset"));
        for (;;) {
          const ended = sound.ended, bytes = await whole(sound.local); // in this order: what ended has all its bytes
          if (offset < bytes.size) {
            const answer = await call("PATCH", "/uploads/" + sound.id, { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" },
              bytes.slice(offset, offset + 512 * 1024));
            offset = Number(answer.headers.get("Upload-Offset"));
            if (sound.ended) say(`${words.sending} ${Math.round(100 * offset / bytes.size)} %`);
          } else if (ended) break;
          else return; // the next part calls again
        }
        say(words.working);
        const answer = await call("POST", `/uploads/${sound.id}/finish`);
        await forget(sound.local);
        return done(await answer.json());
      } catch (error) {
        if (error instanceof Refusal) {
          if (error.final) await forget(sound.local);
          idle();
          return say(error.message);
        }
        say(navigator.onLine ? words.waiting : words.offline);
        await wait(3000);
      }
    }
  };

  const field = box.querySelector("input[name=upload]"), typed = field.form && field.form.elements.text;
  const needText = (yes) => { if (typed) typed.required = yes; };
  const idle = () => {
    part("start").hidden = false; part("stop").hidden = part("live").hidden = true;
    part("start").textContent = field.value ? words.again : words.start;
  };
  const show = (id) => {
    field.value = id;
    part("listen").hidden = part("drop").hidden = !id;
    if (id) part("listen").src = `/uploads/${id}/sound`; else part("listen").removeAttribute("src");
    needText(!id);
    idle();
  };
  const done = (made) => {
    if (made.text) { // a document: its text is what was wanted
      typed.value = (typed.value.trim() ? typed.value.trimEnd() + "\n\n" : "") + made.text;
      typed.dispatchEvent(new Event("input", { bubbles: true }));
      fetch("/uploads/" + made.id, { method: "DELETE" });
      idle();
      return say(words.text);
    }
    show(made.id);
    say(made.said);
    box.dispatchEvent(new CustomEvent("recorded", { bubbles: true, detail: made }));
  };
  const begin = async (origin, name, bytes) => {
    current = { local: Date.now() + "-" + Math.random(), person: words.person, path: words.path, origin, name, bytes, ended: false };
    await keep(current);
    return current;
  };

  // The microphone.
  let recorder, stop = () => {};
  part("start").addEventListener("click", async () => {
    if (sending && current && current.ended) return say(words.sending);
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true, autoGainControl: true } });
    } catch {
      part("file").click();
      return say(words.refused);
    }
    const type = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"].find((t) => MediaRecorder.isTypeSupported(t));
    recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: 48000 });
    const sound = await begin("recorded", "", -1), context = new AudioContext(), ear = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(ear);
    const wave = new Float32Array(ear.fftSize), awake = navigator.wakeLock && navigator.wakeLock.request("screen").catch(() => null);
    const began = performance.now();
    let last = Promise.resolve();
    recorder.ondataavailable = (e) => {
      if (e.data.size) last = last.then(() => add(sound.local, e.data)).then(() => { send(sound); });
    };
    recorder.onstop = async () => {
      clearInterval(meter);
      stream.getTracks().forEach((t) => t.stop());
      context.close();
      if (awake) awake.then((lock) => lock && lock.release());
      part("live").hidden = part("stop").hidden = true;
      say(words.sending);
      await last;
      sound.ended = true;
      await keep(sound);
      if (sending) await sending;
      send(sound);
    };
    const meter = setInterval(() => {
      ear.getFloatTimeDomainData(wave);
      const peak = wave.reduce((m, v) => Math.max(m, Math.abs(v)), 0), seconds = (performance.now() - began) / 1000;
      part("level").value = peak > 0 ? Math.max(0, 1 + Math.log10(peak) / 2.5) : 0; // −50 dB to full scale
      part("loud").hidden = peak < 0.98;
      part("time").textContent = `${clock(seconds)} · ${words.left} ${clock(most - seconds)}`;
      if (seconds >= most) stop();
    }, 100);
    stop = () => { if (recorder.state !== "inactive") recorder.stop(); };
    recorder.start(3000);
    part("start").hidden = true; part("stop").hidden = part("live").hidden = false;
    part("stop").focus();
    say(words.recording);
  });
  part("stop").addEventListener("click", () => stop());
  part("drop").addEventListener("click", () => { fetch("/uploads/" + field.value, { method: "DELETE" }); show(""); say(""); });
  part("file").addEventListener("change", async (e) => {
    const file = e.target.files[0];
    e.target.value = "";
    if (!file) return;
    if (!file.size || file.size > Number(words.bytes)) return say(words.tooLarge);
    const sound = await begin("file", file.name, file.size);
    await add(sound.local, file);
    sound.ended = true;
    await keep(sound);
    send(sound);
  });

  box.hidden = false;
  show(field.value);
  // "Ghi âm ngay" on another page was the tap on the button: it begins at once.
  if (location.hash === "#record" && !field.value) part("start").click();
  // What an earlier visit of the same person left behind goes on by itself.
  store("sounds", "readonly", (tx) => tx.objectStore("sounds").getAll()).then(async (all) => {
    for (const sound of all.filter((s) => s.person === words.person)) {
      if (current) return;
      current = sound;
      sound.ended = true;
      say(words.resumed);
      await send(sound);
      current = null;
    }
  });
})();
