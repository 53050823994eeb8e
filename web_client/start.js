// The page of the phone app and of the admin panel: says what happens from the first moment,
// downloads what is missing, starts Python in a worker and Flutter beside it, and carries messages
// between the two.
import { answer, takeInvitation, watchDevice } from "./device.js";
import { DiskFull, Gone, download } from "./downloads.js";
import { sentence } from "./words.js";

const build = JSON.parse(document.getElementById("build").textContent);
const IS_PANEL = /^\/admin(\/|$)/.test(location.pathname);
const LOCK = "forecourt-device"; // held by the one tab that uses the device's files
const RELOAD_TAKES = 3000; // milliseconds within which the page before this one lets go of the lock
const LAST_WORDS = 800; // milliseconds: what is being typed is on disk half a second later
const QUIET_AFTER = 300_000; // milliseconds out of sight: then a new build may be taken on return,
const TABS = /^\/(customers|funnel|team|approvals|me)?$/; // where no form is being filled in
const TAKING_OVER = 3000; // milliseconds a build that was fetched may take to become the active one
const REST_WAITS = 8000; // milliseconds after the start: the first screen and the first sync come first

// The start page ------------------------------------------------------------------------------------

const at = (id) => document.getElementById(id);

function say(key, values) {
  if (at("start")?.dataset.problem) return; // what stopped the start stays, whatever still runs
  if (at("start-message")) at("start-message").textContent = sentence(key, values);
}

// Stops for good: what happened, what to do, and one button.
function stop(key, detail = "", action = "again", act = () => location.reload()) {
  let page = at("start");
  if (!page) {
    page = document.createElement("main");
    page.id = "start";
    page.innerHTML = '<p id="start-message" role="alert"></p><button id="start-action" type="button"></button>';
    document.body.append(page);
  }
  at("start-progress")?.remove();
  delete page.dataset.problem;
  say(key);
  page.dataset.problem = key;
  if (detail) {
    const small = document.createElement("p");
    small.id = "start-detail";
    small.style.cssText = "font-size: 13px; opacity: .7; overflow-wrap: anywhere";
    small.textContent = detail;
    at("start-message").after(small);
  }
  const button = at("start-action");
  button.hidden = false;
  button.textContent = sentence(action);
  button.onclick = act;
}

function ready() {
  // Two frames later Flutter has painted what Python sent.
  requestAnimationFrame(() => requestAnimationFrame(() => at("start")?.remove()));
}

// What this browser can do --------------------------------------------------------------------------

function missing() {
  if (!isSecureContext) return "insecure";
  const able = [
    globalThis.WebAssembly, globalThis.Worker, navigator.locks, globalThis.caches, crypto.subtle,
    navigator.storage?.getDirectory, globalThis.FileSystemFileHandle, globalThis.structuredClone,
  ];
  return able.every(Boolean) ? null : "old_browser";
}

async function storageWorks() {
  try {
    await navigator.storage.getDirectory();
    await caches.has("forecourt-files");
    return true;
  } catch {
    return false; // private browsing of some browsers, or cookies blocked for this site
  }
}

// One tab -------------------------------------------------------------------------------------------

// Resolves when this tab may use the device's files. Another tab can take them over at any time.
function deviceLock(taken) {
  return new Promise((mine) => {
    let held = false;
    const hold = () => {
      held = true;
      restorePage();
      mine();
      return new Promise(() => {}); // until the tab is closed
    };
    const ask = (options) => navigator.locks.request(LOCK, options, hold).catch((error) => {
      if (held) taken();
      else if (error.name === "TimeoutError") waitForTheOther();
    });
    // Goes on by itself when the other tab is closed, or was only slow to let go after a reload.
    const waitForTheOther = () => {
      const patience = new AbortController();
      stop("elsewhere", "", "use_here", () => { patience.abort(); ask({ steal: true }); });
      ask({ signal: patience.signal });
    };
    ask({ signal: AbortSignal.timeout(RELOAD_TAKES) });
  });
}

function restorePage() {
  if (!at("start")?.dataset.problem) return;
  delete at("start").dataset.problem;
  at("start-action").hidden = true;
  say("starting");
}

// The service worker --------------------------------------------------------------------------------

// Resolves when it answers this page, or cannot. Takes over a new build that was fetched before.
async function serviceWorker() {
  if (!navigator.serviceWorker) return;
  try {
    const options = { updateViaCache: "none" };
    const registration = await navigator.serviceWorker.register("/service_worker.js", options);
    const changed = new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    });
    if (registration.waiting && navigator.serviceWorker.controller) {
      // Nothing has begun yet, nothing can be lost: this is the moment for a new build.
      say("updating");
      registration.waiting.postMessage({ takeOver: true });
      if (await soon(changed.then(() => true), TAKING_OVER)) {
        location.reload();
        await new Promise(() => {});
      }
      // A slow phone: the new build came late and removes the files this page is still asking for.
      changed.then(() => { if (at("start")) location.reload(); });
    }
    if (!navigator.serviceWorker.controller) await soon(changed, 4000);
    watchForUpdates(registration);
  } catch (error) {
    console.warn("no service worker:", error); // works, but not offline
  }
}

function soon(promise, milliseconds) {
  return Promise.race([promise, new Promise((resolve) => setTimeout(resolve, milliseconds))]);
}

function watchForUpdates(registration) {
  const look = () => { if (document.visibilityState === "visible") registration.update().catch(() => {}); };
  setInterval(look, 30 * 60_000);
  const tell = () => { if (registration.waiting) toPython({ update: "ready" }); };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", tell);
  });
  let hiddenSince = null;
  document.addEventListener("visibilitychange", () => {
    const away = hiddenSince === null ? 0 : Date.now() - hiddenSince;
    hiddenSince = document.visibilityState === "hidden" ? Date.now() : null;
    if (hiddenSince !== null) return;
    look();
    if (registration.waiting && away > QUIET_AFTER && TABS.test(location.pathname)) location.reload();
  });
}

// Downloads -----------------------------------------------------------------------------------------

// The engine Flutter's loader will choose (flutter_bootstrap.js): wasm with a garbage collector in
// Blink, JavaScript elsewhere.
function engine() {
  const blink = navigator.vendor === "Google Inc." || navigator.userAgent.includes("Edg/");
  const gc = WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 95, 1, 120, 0]));
  return blink && gc ? "skwasm" : "canvaskit";
}

class Progress {
  constructor(files) {
    this.total = files.reduce((sum, [, , wire]) => sum + wire, 0);
    this.done = new Map();
    this.offline = false;
  }

  // Nothing is said when all is here already: a later start is too short for it.
  file = (path, bytes) => {
    this.done.set(path, bytes);
    const done = [...this.done.values()].reduce((a, b) => a + b, 0);
    if (done >= this.total) say("starting");
    else this.show(done);
  };

  waiting = (offline) => { this.offline = offline; };

  show(done) {
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    say(this.offline ? "waiting" : "downloading", { done: megabytes(done), total: megabytes(this.total) });
    if (at("start-progress")) at("start-progress").value = done / this.total;
  }
}

// Python --------------------------------------------------------------------------------------------

let worker = null;
let toFlutter = null;
let announce;
const initialised = new Promise((resolve, reject) => { announce = { resolve, reject }; });
initialised.catch(() => {}); // whoever asks hears of it
const early = []; // messages of Python before Flutter listens

function startPython(config, look) {
  worker = new Worker(`${build.folders.client}python_worker.js`, { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data instanceof Uint8Array) toFlutter ? toFlutter(data) : early.push(data);
    else if (data.started) announce.resolve(data);
    else if (data.ready) ready();
    else if (data.unsaved) holdPage(data.unsaved, data.isUnsaved);
    else if (data.ask) answer(data.ask).then((reply) => toPython({ reply, id: data.id }));
    else if (data.problem) { announce.reject(data.problem); stop(data.problem, data.detail); }
  };
  worker.onerror = (event) => {
    announce.reject("failed");
    stop("failed", event.message ?? "the worker could not be read");
  };
  const invitation = takeInvitation(); // first: the address that Flutter sees is without it
  const where = { documentUrl: document.URL, look, online: navigator.onLine, invitation };
  worker.postMessage({ start: { build, config, isPanel: IS_PANEL, ...where } });
}

// The browser asks before it closes a page with unsaved work.
const unsaved = new Set();
addEventListener("beforeunload", (event) => { if (unsaved.size) event.preventDefault(); });

function holdPage(reason, isUnsaved) {
  if (isUnsaved) unsaved.add(reason);
  else unsaved.delete(reason);
}

function toPython(message) { worker?.postMessage(message); }
watchDevice(toPython);

// Flutter's side of the conversation calls these (flet-web's python.js, 1.0.5).
globalThis.jsConnect = async (appId, args, onMessage) => {
  await initialised;
  toFlutter = onMessage;
  early.splice(0).forEach(onMessage);
};
globalThis.jsSend = async (appId, data) => worker.postMessage(data, [data.buffer]);
globalThis.jsDisconnect = async () => { toFlutter = null; };

function startFlutter() {
  const { flutter, assets, canvaskit, fonts } = build.folders;
  const config = globalThis.flet = {
    pyodide: true, pythonModuleName: "main", multiView: false, noCdn: true, webRenderer: "auto",
    routeUrlStrategy: "path", webSocketEndpoint: "/ws", entrypointBaseUrl: flutter, assetBase: assets,
    canvasKitBaseUrl: canvaskit, canvasKitVariant: "full", fontFallbackBaseUrl: fonts,
  };
  config.flutterAppLoaded = new Promise((resolve) => { config.flutterAppResolve = resolve; });
  const script = document.createElement("script");
  script.src = `${flutter}flutter_bootstrap.js`;
  script.onerror = () => stop("failed", "flutter_bootstrap.js");
  document.body.append(script);
  addEventListener("flutter-first-frame", switchSemanticsOn, { once: true });
}

// Screen readers need not find Flutter's hidden button first. Phones accept the click only at the
// exact centre of the placeholder, and act 300 ms later: try, look, try again.
function switchSemanticsOn(event, tries = 0) {
  if (document.querySelector("flt-semantics-host flt-semantics") || tries > 150) return;
  const placeholder = document.querySelector("flt-semantics-placeholder");
  if (placeholder) {
    const box = placeholder.getBoundingClientRect();
    const [clientX, clientY] = [box.left + box.width / 2, box.top + box.height / 2];
    placeholder.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX, clientY }));
  }
  setTimeout(switchSemanticsOn, 400, event, tries + 1);
}

// The next start is faster with it.
function makeImage() {
  const maker = new Worker(`${build.folders.client}image_worker.js`, { type: "module" });
  maker.onmessage = maker.onerror = () => maker.terminate();
  maker.postMessage({ build });
}

async function readConfig() {
  const answer = await fetch("/config.json", { cache: "no-cache" });
  const config = answer.ok ? await answer.json() : {};
  return config.publishable_key ? config : null;
}

// All in order --------------------------------------------------------------------------------------

async function start() {
  const problem = missing() ?? ((await storageWorks()) ? null : "storage_blocked");
  if (problem) return stop(problem);
  // Looking at another's phone works in memory, and lasts as long as this tab, reloads included.
  if (location.pathname.startsWith("/see/")) sessionStorage.setItem("forecourt.look", location.pathname);
  const look = sessionStorage.getItem("forecourt.look");
  if (IS_PANEL) document.querySelector("base").href = "/admin/"; // Flutter's routes begin there
  else if (!look) { // the panel keeps no files: several of its tabs may work at once
    await deviceLock(() => {
      setTimeout(() => worker?.terminate(), LAST_WORDS);
      announce.reject("moved");
      stop("moved", "", "use_here");
    });
  }
  await serviceWorker();
  const { flutter } = build.files;
  const python = [...build.files.python, ...(IS_PANEL ? build.files.panel : [])];
  const screen = [...flutter.common, ...flutter[engine()]];
  const progress = new Progress([...python, ...screen]);
  // A config that cannot be read because there is no network is tried again with the download.
  const config = readConfig().catch(() => pauseAndRead());
  await download(python, progress.file, progress.waiting);
  const read = await config;
  if (!read) return stop("not_set_up");
  startPython(read, look);
  await download(screen, progress.file, progress.waiting);
  startFlutter();
  addEventListener("online", () => toPython({ online: true }));
  addEventListener("offline", () => toPython({ online: false }));
  const { fromImage } = await initialised;
  await new Promise((resolve) => setTimeout(resolve, REST_WAITS));
  navigator.serviceWorker?.controller?.postMessage({ fonts: true });
  if (!fromImage && !look) makeImage();
}

async function pauseAndRead() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    try { return await readConfig(); } catch { /* still no network */ }
  }
}

// The kept page names files that neither the cache nor the host has any more: ask for today's page.
async function forgetPage() {
  for (const name of await caches.keys()) if (name.startsWith("forecourt-root-")) await caches.delete(name);
  sessionStorage.setItem("forecourt.page-forgotten", build.id);
  location.reload();
}

start().catch((error) => {
  if (typeof error === "string") return; // told already
  const tried = sessionStorage.getItem("forecourt.page-forgotten") === build.id;
  if (error instanceof Gone && !tried) return forgetPage();
  const full = error instanceof DiskFull || error.name === "QuotaExceededError";
  stop(full ? "disk_full" : "failed", String(error));
});
