/**
 * Keeps the page itself on the device: every version whole, each file checked, the old one until the visitor takes the new.
 * Models and the runtime are kept by engine/store.js when they are first used.
 */

const VERSION = "unbuilt"; // written by zoo/export/browser.py
const base = new URL(".", self.location.href);
const PREFIX = `zoo-page ${base.pathname} `;
const CACHE = PREFIX + VERSION;

async function install() {
  const response = await fetch(new URL("manifest.json", base), { cache: "no-cache" });
  const { version, files, page } = await response.clone().json();
  if (version !== VERSION) throw new Error("the site is being renewed; the next visit will find it whole");
  const cache = await caches.open(CACHE);
  await cache.put(new URL("manifest.json", base), response);
  await Promise.all(
    page.map(async (/** @type {string} */ file) => {
      const found = await fetch(new URL(file, base), { cache: "no-cache" });
      const digest = await crypto.subtle.digest("SHA-256", await found.clone().arrayBuffer());
      const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
      if (!found.ok || hash !== files[file].sha256) throw new Error(`${file} is missing or damaged`);
      await cache.put(new URL(file, base), found);
    }),
  );
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
}

/** @param {Request} request */
async function answer(request) {
  const address = new URL(request.url);
  const file = address.href.split(/[?#]/)[0] === base.href ? new URL("index.html", base) : address;
  return (await (await caches.open(CACHE)).match(file, { ignoreSearch: true })) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => event.data === "take over" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(base.href)) event.respondWith(answer(event.request));
});
