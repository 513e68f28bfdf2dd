// Passing a bulletin on: copied for a chat, or through the phone's own sheet.
(() => {
  "use strict";
  const copy = document.querySelector("[data-copy]"), text = document.querySelector("[data-copy-from]");
  const send = document.querySelector("[data-share]");
  if (copy && text) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(text.value); } catch { text.select(); document.execCommand("copy"); }
      copy.textContent = copy.dataset.done;
    });
  }
  if (send && navigator.share) {
    send.hidden = false;
    send.addEventListener("click", () => navigator.share({ title: send.dataset.title, text: send.dataset.title, url: send.dataset.link }).catch(() => {}));
  }
})();
