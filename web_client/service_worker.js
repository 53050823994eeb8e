// Answers the app's files without a network, and fetches the next build beside the present one.
//
// Files of a build have the hash of their content in their path, so one cache holds those of all
// builds and nothing unchanged is fetched twice. The few files with a fixed name (page, manifest,
// icons) lie in a cache of their own build, which is chosen by the worker that is active.
const BUILD = {{build}};
const FILES = "forecourt-files";
const ROOT = `forecourt-root-${BUILD.id}`;
const CHECKED = new Set(
  [BUILD.files.python, BUILD.files.panel, ...Object.values(BUILD.files.flutter)].flat().map(([path]) => path),
);
const NOT_OURS = /^\/(rest|auth|storage|functions|realtime|healthz)(\/|$)/;
const PANEL = /^\/admin(\/|$)/;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => event.waitUntil(heed(event)));
self.addEventListener("notificationclick", (event) => event.waitUntil(openApp(event.notification)));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (NOT_OURS.test(url.pathname)) return;
  if (url.pathname.startsWith("/no-rive/")) return event.respondWith(new Response(null, { status: 404 }));
  if (event.request.mode === "navigate") return event.respondWith(rootFile("/index.html", event.request));
  if (url.pathname === "/config.json") return event.respondWith(config(event));
  if (url.pathname in BUILD.root) return event.respondWith(rootFile(url.pathname, event.request));
  if (/^\/\w+-[0-9a-f]{12}\//.test(url.pathname)) return event.respondWith(file(url.pathname, event.request));
});

async function install() {
  const root = await caches.open(ROOT);
  await Promise.all(Object.entries(BUILD.root).map(([path, hash]) => fetchFile(root, path, hash, "no-cache")));
  await refreshConfig(root).catch(() => {}); // a host that is not set up says so on the page
  if (!self.registration.active) return self.skipWaiting(); // the first visit: the page downloads by itself
  const cache = await caches.open(FILES);
  const has = async (path) => Boolean(await cache.match(path));
  // The same engine as the build before used; its files are found by their names.
  const names = new Set((await cache.keys()).map((request) => bare(new URL(request.url).pathname)));
  const wanted = [...BUILD.files.python, ...BUILD.files.flutter.common];
  if (names.has("panel/panel.zip")) wanted.push(...BUILD.files.panel);
  for (const engine of ["skwasm", "canvaskit"]) {
    const files = BUILD.files.flutter[engine];
    if (files.some(([path]) => names.has(bare(path)))) wanted.push(...files);
  }
  for (const [path, , , hash] of wanted) if (!(await has(path))) await fetchFile(cache, path, hash);
}

// "/app-0123456789ab/app.zip" → "app/app.zip"
function bare(path) { return path.replace(/^\/(\w+)-[0-9a-f]{12}\//, "$1/"); }

// A log-in page of a hotel also answers 200: only what the build names is kept, page included.
async function fetchFile(cache, path, hash, mode = "no-store") {
  const answer = await fetch(path, { cache: mode });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const data = await answer.arrayBuffer();
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const hex = Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== hash) throw new Error(`${path}: not the file of this build`);
  await cache.put(path, new Response(data, { headers: kept(answer.headers) }));
}

// All but the encoding, which is undone by now: the host's content policy must hold offline too.
function kept(headers) {
  const copy = new Headers(headers);
  for (const name of ["content-encoding", "content-length"]) copy.delete(name);
  return copy;
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith("forecourt-root-") && name !== ROOT) await caches.delete(name);
  }
  await self.clients.claim();
  const cache = await caches.open(FILES);
  const ours = new Set(Object.values(BUILD.folders));
  for (const request of await cache.keys()) {
    const folder = new URL(request.url).pathname.match(/^\/[^/]+\//)?.[0];
    if (!ours.has(folder)) await cache.delete(request);
  }
}

async function heed(event) {
  if (event.data.takeOver) {
    // Only at the start of the only tab: a page that works keeps the build it began with.
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const others = pages.filter((page) => page.id !== event.source.id);
    if (!others.length) await self.skipWaiting();
  }
  if (event.data.fonts) {
    const cache = await caches.open(FILES);
    for (const path of BUILD.fonts) {
      if (await cache.match(path)) continue;
      const answer = await fetch(path).catch(() => null);
      if (!answer) return; // no network: the next start continues
      if (!answer.ok || !/font/.test(answer.headers.get("content-type") ?? "")) continue;
      await cache.put(path, answer);
    }
    event.source.postMessage({ fonts: "here" });
  }
}

// A tap on a reminder brings the app to the front, or starts it.
async function openApp(notification) {
  notification.close();
  const pages = await self.clients.matchAll({ type: "window" });
  const page = pages.find((each) => !PANEL.test(new URL(each.url).pathname));
  await (page ? page.focus() : self.clients.openWindow("/"));
}

async function rootFile(path, request) {
  const kept = await (await caches.open(ROOT)).match(path);
  return kept ?? fetch(request);
}

// Kept, and asked for anew in the background: a project that moved is known at the next start.
async function config(event) {
  const root = await caches.open(ROOT);
  const fresh = refreshConfig(root);
  const kept = await root.match("/config.json");
  if (!kept) return fresh;
  event.waitUntil(fresh.catch(() => {}));
  return kept;
}

async function refreshConfig(root) {
  const answer = await fetch("/config.json", { cache: "no-cache" });
  const read = await answer.clone().json().catch(() => null);
  if (answer.ok && read?.publishable_key) await root.put("/config.json", answer.clone());
  return answer;
}

async function file(path, request) {
  const cache = await caches.open(FILES);
  // The engine's table names fonts we do not have; a 404 would make it ask for ever.
  const isFont = path.startsWith(BUILD.folders.fonts) && path.endsWith(".woff2");
  const wanted = isFont && !BUILD.fonts.includes(path) ? `${BUILD.folders.fonts}blank.woff2` : path;
  const kept = await cache.match(wanted);
  if (kept) return kept;
  let answer;
  try {
    answer = await fetch(wanted === path ? request : wanted);
  } catch (error) {
    const blank = isFont && (await cache.match(`${BUILD.folders.fonts}blank.woff2`));
    if (blank) return blank; // offline before this slice came: boxes, but the text is laid out
    throw error;
  }
  // The page checks and keeps what a start needs (downloads.js). The rest is kept as it comes, if it
  // is what its name says, and if there is room.
  const kind = answer.headers.get("content-type") ?? "";
  const isPage = kind.includes("html");
  if (answer.ok && !isPage && !CHECKED.has(wanted)) await cache.put(wanted, answer.clone()).catch(() => {});
  return answer;
}
