// The little that a page cannot do without a script: fresh parts, the preview of
// what will be read out, and passkeys.
(() => {
  "use strict";
  if (navigator.serviceWorker) navigator.serviceWorker.register("/sw.js").catch(() => {}); // the page for no connection
  const all = (s, in_ = document) => [...in_.querySelectorAll(s)];
  const page = (text) => new DOMParser().parseFromString(text, "text/html");

  // Choices that lead elsewhere at once, prints, and buttons that act once.
  all("[data-go]").forEach((e) => e.addEventListener("change", () => e.form.requestSubmit()));
  all("[data-print]").forEach((e) => { e.hidden = false; e.addEventListener("click", () => print()); });
  all("[data-picks]").forEach((p) => {
    p.hidden = false;
    p.addEventListener("click", (e) => all("input[type=checkbox]", p.closest("fieldset")).forEach((box) => { box.checked = e.target.dataset.pick === "1"; }));
  });
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("[data-single]") || e.target.matches("[data-options],[data-ask]")) return;
    setTimeout(() => all("button", e.target).forEach((b) => { b.disabled = true; }));
    addEventListener("pageshow", (p) => { if (p.persisted) location.reload(); }, { once: true });
  });
  all("[data-whole]").forEach((whole) => {
    const rest = all("input[name=scope]", whole.form).filter((e) => e !== whole);
    whole.addEventListener("change", () => { if (whole.checked) rest.forEach((e) => { e.checked = false; }); });
    rest.forEach((e) => e.addEventListener("change", () => { whole.checked = !rest.some((x) => x.checked); }));
  });

  // Live parts: the stream only says that something changed; the page asks for
  // its parts again, and leaves alone the one in which somebody is typing, or has typed.
  const parts = all("[data-live]");
  if (parts.length && window.EventSource) {
    let soon;
    const asked = new Map(); // a part to the newest question about it
    const refresh = () => parts.forEach(async (part) => {
      if (part.contains(document.activeElement) && document.activeElement.matches("input,textarea,select,button,a")) return;
      if (all("input,textarea", part).some((e) => e.value !== e.defaultValue)) return;
      const mine = fetch(part.dataset.live, { headers: { Accept: "text/html" } }).catch(() => Response.error());
      asked.set(part, mine);
      const answer = await mine; // without contact not ok: the next word, or half a minute, asks again
      if (!answer.ok || answer.redirected || asked.get(part) !== mine) return;
      const open = all("details[open] > summary", part).map((s) => s.textContent);
      part.replaceChildren(...page(await answer.text()).body.childNodes);
      all("details > summary", part).forEach((s) => { s.parentNode.open = open.includes(s.textContent); });
    });
    const stream = new EventSource("/events?path=" + encodeURIComponent(parts[0].dataset.place));
    // Words that come close together are one; where they never end, one each 250 ms.
    stream.onmessage = () => { soon ??= setTimeout(() => { soon = undefined; refresh(); }, 250); };
    setInterval(refresh, 30000); // what changes by itself: "5 minutes ago", no contact
  }

  // What will be read out, while typing.
  all("[data-speak]").forEach((text) => {
    const to = document.querySelector("[data-spoken]");
    let wait, last;
    const ask = () => {
      clearTimeout(wait);
      wait = setTimeout(async () => {
        const form = new URLSearchParams({ text: text.value, accent: text.form.accent.value, path: text.form.path.value });
        const mine = last = fetch(text.dataset.speak, { method: "POST", body: form, headers: { Accept: "text/html" } }).catch(() => Response.error());
        const answer = await mine;
        if (mine !== last || answer.type === "error") return; // without contact the preview stays as it was
        const doc = page(await answer.text());
        to.replaceChildren(...(answer.ok ? doc.body.childNodes : [Object.assign(document.createElement("p"), { className: "alert", textContent: doc.querySelector("h1")?.textContent })]));
      }, 400);
    };
    text.addEventListener("input", ask);
    all("[data-speak-too]").forEach((e) => e.addEventListener("change", ask));
  });

  // Passkeys. Bytes travel as base64url without padding.
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ready = (options) => {
    const o = options.publicKey;
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    for (const list of [o.allowCredentials, o.excludeCredentials]) (list || []).forEach((c) => { c.id = bytes(c.id); });
    return options;
  };
  const post = async (address, body) => {
    const answer = await fetch(address, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", Accept: "application/json" } });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error.sentence);
    return said;
  };
  const say = (near, error) => {
    const p = near.querySelector("[data-said]") || document.querySelector("[data-said]");
    if (!p) return;
    p.hidden = false;
    p.textContent = error.message;
    p.scrollIntoView({ block: "nearest" });
  };
  // data-options is the question itself; data-ask is where to fetch it, with what
  // is ticked or typed by then. The answer goes to data-confirm, or where the form
  // would.
  document.addEventListener("submit", async (e) => { // a live part may bring such a form later
    const form = e.target;
    if (!form.matches("form[data-options],form[data-ask]")) return;
    e.preventDefault();
    const button = e.submitter;
    button.disabled = true;
    try {
      let asked = { options: form.dataset.options, batch: form.dataset.batch };
      if (form.dataset.ask) {
        const answer = await fetch(form.dataset.ask, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
        asked = await answer.json();
        if (!answer.ok) throw new Error(asked.error.sentence);
      }
      const key = await navigator.credentials.get(ready(JSON.parse(asked.options)));
      const said = await post(form.dataset.confirm || form.action, {
        credential: text(key.rawId), authenticator_data: text(key.response.authenticatorData),
        client_data: text(key.response.clientDataJSON), signature: text(key.response.signature),
        why: form.why ? form.why.value : "", payload: form.payload ? form.payload.value : "", revoke: "revoke" in form.dataset, batch: asked.batch,
      });
      location.assign(said.next);
    } catch (error) {
      say(form, error);
      button.disabled = false;
    }
  });
  if (!window.PublicKeyCredential) return;
  const clean = (k) => ({
    id: k.id, rawId: text(k.rawId), type: k.type, authenticatorAttachment: k.authenticatorAttachment || undefined,
    clientExtensionResults: k.getClientExtensionResults(),
  });
  const answered = (r) => ({
    clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature),
    userHandle: r.userHandle ? text(r.userHandle) : undefined,
  });
  all("[data-passkey-add]").forEach((p) => {
    p.hidden = false;
    p.querySelector("button").addEventListener("click", async () => {
      try {
        const k = await navigator.credentials.create(ready(await post("/me/passkey/begin", {})));
        const said = await post("/me/passkey/finish", { ...clean(k), response: {
          clientDataJSON: text(k.response.clientDataJSON), attestationObject: text(k.response.attestationObject),
          transports: k.response.getTransports ? k.response.getTransports() : [] } });
        location.assign(said.next);
      } catch (error) { say(document, error); }
    });
  });
  all("form[data-proof]").forEach((form) => {
    const p = form.querySelector("[data-proof-passkey]");
    p.hidden = false;
    p.querySelector("button").addEventListener("click", async () => {
      if (!form.reportValidity()) return;
      try {
        const k = await navigator.credentials.get(ready(await post("/me/proof/begin", {})));
        form.passkey.value = JSON.stringify({ ...clean(k), response: answered(k.response) });
        form.requestSubmit();
      } catch (error) { say(form, error); }
    });
  });
  all("[data-passkey-sign-in]").forEach((p) => {
    p.hidden = false;
    p.querySelector("button").addEventListener("click", async () => {
      try {
        const k = await navigator.credentials.get(ready(await post("/sign-in/passkey/begin", {})));
        const said = await post("/sign-in/passkey/finish?next=" + encodeURIComponent(p.dataset.passkeySignIn), { ...clean(k), response: answered(k.response) });
        location.assign(said.next);
      } catch (error) { say(document, error); }
    });
  });
})();
