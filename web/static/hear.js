// Proof of having heard or read, and everything that waits played in a row.
//
// Heard: the sound ran to its end and every second of it was played, at 1.5 times
// its speed at most. Read: the end of the text was on screen, for as long as
// reading so much takes.
(() => {
  "use strict";
  const fastest = 1.5;
  const all = (s, in_ = document) => [...in_.querySelectorAll(s)];
  const knows = async (e, address, how) => {
    const body = new URLSearchParams({ payload: e.dataset.payload, rendition: e.dataset.rendition, how });
    const answer = await fetch(address, { method: "POST", body, headers: { "X-Part": "1", Accept: "application/json" } }).catch(() => Response.error());
    if (!answer.ok) return false;
    if (answer.status === 202) return true; // another language is still to be heard
    const item = e.closest("[data-item]");
    if (item) { item.dataset.isKnown = ""; item.classList.add("known"); count(); return true; }
    all("[data-needs-heard]:not([data-missing])").forEach((b) => { b.disabled = false; });
    const now = document.querySelector("[data-heard-now]"), before = document.querySelector("[data-how]");
    if (now && before) before.textContent = now.textContent;
    return true;
  };
  all("audio[data-heard]").forEach((sound) => {
    const skipped = sound.closest("section").querySelector("[data-skipped]");
    sound.addEventListener("ratechange", () => { if (sound.playbackRate > fastest) sound.playbackRate = fastest; });
    sound.addEventListener("ended", async () => {
      let played = 0;
      for (let i = 0; i < sound.played.length; i++) played += sound.played.end(i) - sound.played.start(i);
      const whole = played >= sound.duration - 0.5;
      if (skipped) skipped.hidden = whole;
      if (whole) await knows(sound, sound.dataset.heard, "heard");
      sound.dispatchEvent(new CustomEvent("loa-ended", { bubbles: true, detail: whole }));
    });
  });
  all("[data-read]").forEach((text) => {
    const need = Math.min(30, Math.max(4, text.textContent.length / 40));
    let seconds = 0, end = false, there = false, done = false;
    new IntersectionObserver((v) => { there = v.some((x) => x.isIntersecting); }).observe(text);
    new IntersectionObserver((v) => { end = end || v.some((x) => x.isIntersecting); }).observe(text.querySelector("[data-end]"));
    const tick = setInterval(async () => {
      if (there && !document.hidden) seconds++;
      if (done || !end || seconds < need) return;
      done = true;
      if (await knows(text, text.dataset.read, "read")) clearInterval(tick); else done = false;
    }, 1000);
  });

  // Several at once: how many are known and ticked, and one after the other.
  const button = document.querySelector("[data-needs-one]");
  const count = () => {
    const items = all("[data-item]"), known = items.filter((i) => "isKnown" in i.dataset);
    const chosen = known.filter((i) => i.querySelector("input[name=bulletin]").checked);
    document.querySelector("[data-progress]").value = known.length;
    document.querySelector("[data-known]").textContent = known.length;
    document.querySelector("[data-known-of]").textContent = "(" + chosen.length + ")";
    if (!("missing" in button.dataset)) button.disabled = !chosen.length;
  };
  if (!button) return;
  all("input[name=bulletin]").forEach((e) => e.addEventListener("change", count));
  const row = document.querySelector("[data-row]"), speed = document.querySelector("[data-speed]");
  row.hidden = false;
  let going = false;
  const next = () => {
    const sound = all("[data-item]:not([data-is-known]) audio[data-heard]").find((a) => !a.dataset.finished);
    if (!sound) { going = false; button.scrollIntoView({ block: "center" }); return; }
    sound.closest("[data-item]").scrollIntoView({ block: "start" });
    sound.currentTime = 0;
    sound.playbackRate = Number(speed.value);
    sound.play().catch(() => { going = false; });
  };
  document.addEventListener("play", (e) => all("audio").forEach((a) => { if (a !== e.target) a.pause(); }), true);
  document.addEventListener("loa-ended", (e) => { if (e.detail) e.target.dataset.finished = ""; if (going) next(); });
  speed.addEventListener("change", () => all("audio[data-heard]").forEach((a) => { a.playbackRate = Number(speed.value); }));
  document.querySelector("[data-play-all]").addEventListener("click", () => { going = true; next(); });
  count();
})();
