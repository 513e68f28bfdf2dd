// The little that works without a connection: a page that says so, with what
// was being typed. Nothing personal is kept here; VERSION and FILES are filled
// in by the server, so a new version takes the place of the old one.
const cacheName = "loa-VERSION", kept = FILES;
addEventListener("install", (e) => e.waitUntil((async () => {
  const cache = await caches.open(cacheName);
  await cache.addAll(kept.map((url) => new Request(url, { credentials: "omit", cache: "reload" })));
  await skipWaiting();
})()));
addEventListener("activate", (e) => e.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== cacheName) await caches.delete(name);
  await clients.claim();
})()));
addEventListener("fetch", (e) => {
  const path = new URL(e.request.url).pathname;
  if (e.request.mode === "navigate") e.respondWith(fetch(e.request).catch(() => caches.match("/offline")));
  else if (e.request.method === "GET" && path !== "/offline" && kept.includes(path)) e.respondWith(caches.match(path).then((r) => r || fetch(e.request)));
});
