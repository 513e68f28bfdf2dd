// The compose page: all sessions of a day at one tap; the field guessed from the
// words is chosen until a person chooses otherwise.
(() => {
  "use strict";
  const days = document.querySelector("[data-whole-days]");
  if (!days) return;
  days.hidden = false;
  days.addEventListener("click", (e) => {
    if (!e.target.dataset.sessions) return;
    const wanted = e.target.dataset.sessions.split("|");
    document.querySelectorAll("input[name=session]").forEach((box) => { box.checked = wanted.includes(box.value); });
  });
})();
(() => {
  "use strict";
  const spoken = document.querySelector("[data-spoken]"), field = document.querySelector("select[name=category]");
  if (!spoken || !field) return;
  const note = document.querySelector("[data-guessed]");
  let mine = field.value !== "";
  field.addEventListener("change", () => { mine = true; note.hidden = true; });
  const guess = () => {
    if (mine) return;
    const found = spoken.querySelector("[data-guess]");
    field.value = found ? found.dataset.guess : "";
    note.hidden = !found;
  };
  new MutationObserver(guess).observe(spoken, { childList: true });
  guess();
})();
