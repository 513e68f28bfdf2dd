// Words set right where they are read: a form over the page, and sounds heard
// before anything is kept.
(() => {
  "use strict";
  const player = new Audio();
  const hear = async (button, fields) => {
    const was = button.textContent;
    button.disabled = true;
    button.textContent = "…";
    const answer = await fetch("/speak/sound", { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "application/json" } }).catch(() => Response.error());
    button.disabled = false;
    button.textContent = was;
    if (!answer.ok) { button.title = button.textContent = answer.status ? (await answer.json()).error.sentence : was; return; }
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(await answer.blob());
    player.play();
  };
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("[data-hear]") && !(e.submitter && e.submitter.matches("[data-hear]"))) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    hear(e.submitter, new FormData(e.target));
  }, true);

  const fix = document.getElementById("fix");
  if (!fix || !fix.showModal) return;
  const form = fix.querySelector("form"), fault = fix.querySelector("[role=alert]");
  document.addEventListener("click", (e) => {
    const a = e.target.closest("[data-fix]");
    if (!a) return;
    e.preventDefault();
    new URL(a.href).searchParams.forEach((v, k) => { if (form.elements[k]) form.elements[k].value = v; });
    fault.hidden = true;
    fix.showModal();
    form.elements.spoken.focus();
  });
  fix.querySelector("[data-close]").addEventListener("click", () => fix.close());
  fix.querySelector("[data-hear-word]").addEventListener("click", (e) => hear(e.target, { path: form.elements.at.value, text: form.elements.spoken.value }));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const answer = await fetch("/words", { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "X-Part": "1", Accept: "application/json" } });
    const said = await answer.json();
    if (!answer.ok) { fault.hidden = false; fault.textContent = said.error.sentence; return; }
    fix.close();
    const text = document.querySelector("[data-speak]");
    if (text) text.dispatchEvent(new Event("input")); else location.reload();
  });
})();
