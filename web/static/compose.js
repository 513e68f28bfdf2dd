// The compose page: the field guessed from the words is chosen until a person
// chooses otherwise.
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
