// Keeps the site's own files for use without a network. The build fills in both constants.
const CACHE = `spaattn-demo-${"VERSION"}`;
const FILES = ["FILES"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const outdated = (name) => name.startsWith("spaattn-demo-") && name !== CACHE;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(outdated).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// Names of built files change with their content, so the cache may answer first; the page itself asks the network first.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  const fromCache = () => caches.match(request, { ignoreSearch: true, cacheName: CACHE });
  event.respondWith(
    request.mode === "navigate"
      ? fetch(request).catch(async () => (await fromCache()) ?? (await caches.match("./")) ?? Response.error())
      : fromCache().then((hit) => hit ?? fetch(request)),
  );
});
