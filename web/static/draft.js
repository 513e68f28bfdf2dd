// What is typed into a bulletin is kept in this browser until the server has it:
// a lost connection, a closed tab, an empty battery cost nothing.
(() => {
  "use strict";
  const prefix = "loa-draft:", form = document.querySelector("form[data-draft]"), bare = document.querySelector("[data-draft-text]");
  const read = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
  const write = (key, v) => { try { localStorage.setItem(key, JSON.stringify(v)); } catch { /* full or forbidden: then it is as before */ } };
  const all = () => Object.keys(localStorage).filter((k) => k.startsWith(prefix));
  for (const k of all()) if (!(read(k) && Date.now() - read(k).at < 7 * 864e5)) localStorage.removeItem(k);
  // A form that a share or a file opened is one for a new bulletin too.
  const place = (path) => (path.startsWith("/bulletins/") ? path : "/bulletins/new"), here = place(location.pathname);

  // Without a connection: the text alone, to be read and gone on with.
  if (bare) {
    const key = all().filter((k) => k.endsWith(":" + here)).sort((a, b) => read(b).at - read(a).at)[0];
    if (key) {
      const kept = read(key);
      bare.value = kept.fields.text || "";
      bare.closest("[hidden]").hidden = false;
      bare.addEventListener("input", () => { kept.fields.text = bare.value; kept.at = Date.now(); write(key, kept); });
    }
    const look = () => fetch("/healthz", { cache: "no-store" }).then(() => { if (document.activeElement !== bare) location.reload(); }).catch(() => {});
    addEventListener("online", look);
    setInterval(look, 4000);
    document.querySelector("[data-reload]").addEventListener("click", () => location.reload());
    return;
  }

  // A bulletin's own page that the form led to: the server has it.
  if (!form) {
    const from = document.referrer && place(new URL(document.referrer).pathname);
    for (const k of all()) if (read(k).sent && k.endsWith(":" + from)) localStorage.removeItem(k);
    return;
  }

  const key = `${prefix}${form.dataset.draft}:${here}`, note = document.querySelector("[data-draft-note]");
  const fields = () => [...form.elements].filter((e) => e.name && e.type !== "file" && e.type !== "submit" && e.name !== "path" && e.name !== "upload");
  const state = () => {
    const f = {};
    for (const e of fields()) {
      if (e.type === "checkbox" || e.type === "radio") (f[e.name] ||= []).push(...(e.checked ? [e.value] : []));
      else f[e.name] = e.value;
    }
    return f;
  };
  const fill = (f) => {
    for (const e of fields()) {
      if (!(e.name in f)) continue;
      if (e.type === "checkbox" || e.type === "radio") e.checked = f[e.name].includes(e.value);
      else e.value = f[e.name];
    }
    form.elements.text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const say = (text) => { note.querySelector("[data-draft-said]").textContent = text; note.hidden = false; };
  const fresh = state(), kept = read(key);
  const dirty = (f) => ["text", "title"].some((n) => (f[n] || "") !== (fresh[n] || ""));
  if (kept && "again" in form.dataset) { // the server refused it and shows all of it again
    kept.sent = false;
    write(key, kept);
  } else if (kept && dirty(kept.fields) && (kept.fields.text || "").trim() && !(here === "/bulletins/new" && fresh.text)) {
    fill(kept.fields);
    const at = new Date(kept.at), time = at.toLocaleTimeString("vi", { hour: "numeric", minute: "2-digit", hour12: false });
    say(form.dataset.restored.replace("{}", at.toDateString() === new Date().toDateString() ? time : `${time} ${at.getDate()}/${at.getMonth() + 1}`));
  }
  let soon;
  const keep = (sent) => {
    clearTimeout(soon);
    const f = state();
    if (dirty(f)) write(key, { at: Date.now(), fields: f, sent }); else localStorage.removeItem(key);
  };
  form.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(() => keep(false), 300); });
  addEventListener("pagehide", () => { if (!(read(key) || {}).sent) keep(false); });
  note.querySelector("button").addEventListener("click", () => { localStorage.removeItem(key); fill(fresh); note.hidden = true; });
  form.addEventListener("submit", (e) => {
    if (navigator.onLine) return keep(true);
    keep(false);
    e.preventDefault();
    e.stopPropagation();
    note.querySelector("button").hidden = true;
    say(form.dataset.offline);
    addEventListener("online", () => say(form.dataset.joined), { once: true });
  }, true);
})();
