// The message of a session as a notice of the browser, where somebody asked for
// it and the page is open. The page itself brings the message anew by itself.
(() => {
  "use strict";
  if (!window.Notification) return;
  const key = "loa.told";
  const last = () => document.querySelector("[data-notice]");
  const button = () => document.querySelector("[data-notify]");
  const show = () => {
    const b = button(), m = last();
    if (b) b.hidden = Notification.permission !== "default";
    if (!m || Notification.permission !== "granted") return;
    const known = localStorage.getItem(key);
    if (known === m.dataset.notice) return;
    localStorage.setItem(key, m.dataset.notice);
    if (known) new Notification("Loa", { body: m.querySelector("span").textContent, tag: m.dataset.notice });
  };
  document.addEventListener("click", async (e) => {
    if (!e.target.matches("[data-notify]")) return;
    await Notification.requestPermission();
    show();
  });
  const live = document.querySelector("[data-live]");
  if (live) new MutationObserver(show).observe(live, { childList: true });
  show();
})();
