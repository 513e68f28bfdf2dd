// A word on this device when a session is about to begin without an approval, as
// long as the page is open. The page is drawn anew by its live part; this looks at
// what is drawn, and says each reminder once.
(() => {
  "use strict";
  const ask = document.querySelector("[data-remind-ask]");
  if (!ask || !window.Notification) return;
  const said = new Set(), live = document.querySelector("[data-live]");
  const look = () => document.querySelectorAll("[data-remind]").forEach((e) => {
    if (said.has(e.dataset.remind) || Notification.permission !== "granted") return;
    said.add(e.dataset.remind);
    new Notification(e.dataset.remindTitle, { body: e.dataset.remindText, tag: e.dataset.remind }).onclick = () => { window.focus(); location.assign(e.dataset.remindTo); };
  });
  ask.hidden = Notification.permission !== "default";
  ask.querySelector("button").addEventListener("click", async () => {
    await Notification.requestPermission();
    ask.hidden = Notification.permission !== "default";
    look();
  });
  new MutationObserver(look).observe(live, { childList: true, subtree: true });
  look();
})();
