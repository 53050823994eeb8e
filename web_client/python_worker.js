// The worker in which an app runs, the phone's or the panel: Python, its files, and the conversation with Flutter on the page.
import { forgetImages, readImage } from "./memory_image.js";
import { OpenElsewhere, mountPool, openPool } from "./opfs_pool.js";
import { bytesOf, loadPython } from "./python_runtime.js";

const began = performance.now();
const marks = {};

// What Python reaches as `import flet_js` (Flet's own name for it) and `import forecourt_js`.
self.flet_js = {};
const bridge = {
  mark: (what) => { marks[what] = Math.round(performance.now() - began); },
  ready: () => {
    bridge.mark("ready");
    self.postMessage({ ready: true, marks });
    console.log(`forecourt started ${JSON.stringify(marks)}`);
  },
  listen: (callback) => { bridge.tell = callback; },
  // A question to the page (device.js), as JSON; resolves with the answer, as JSON.
  ask: (question) => new Promise((resolve) => {
    asked += 1;
    waiting.set(asked, resolve);
    self.postMessage({ ask: JSON.parse(question), id: asked });
  }),
  storage: async (wanted) => {
    const persisted = await navigator.storage.persisted();
    const { usage } = await navigator.storage.estimate();
    return JSON.stringify({ persisted, usage, room: await hasRoom(wanted) });
  },
  // What would be lost if the page were closed now; several reasons may hold at once.
  unsaved: (reason, isUnsaved) => self.postMessage({ unsaved: reason, isUnsaved }),
  look: null, // the address of another's phone that this tab shows
  online: true,
  invitation: null, // the code of the link that was opened
  tell: null,
};
const waiting = new Map(); // questions to the page that were not answered yet
let asked = 0;

// Whether so many bytes could still be stored. The browser's own estimate names a round figure so that
// sites cannot recognise a disk; growing a file asks for the room without writing anything.
async function hasRoom(bytes) {
  const root = await navigator.storage.getDirectory();
  const file = await root.getFileHandle("room", { create: true });
  const handle = await file.createSyncAccessHandle();
  try {
    handle.truncate(bytes);
    return true;
  } catch {
    return false;
  } finally {
    handle.truncate(0);
    handle.close();
  }
}

const toFlutter = (message) => {
  const bytes = message.toJs(); // a fresh copy, so its buffer can be handed over
  self.postMessage(bytes, [bytes.buffer]);
};
self.flet_js.receive_callback = toFlutter;

async function start({ build, config, isPanel, documentUrl, look, online, invitation }) {
  Object.assign(bridge, { look, online, invitation });
  const pool = look || isPanel ? null : openPool();
  pool?.catch(() => {});
  const panel = isPanel ? bytesOf(`${build.folders.panel}panel.zip`) : null;
  panel?.catch(() => {});
  const image = await readImage(build);
  bridge.mark("image");
  const python = await loadPython(build, { image });
  bridge.mark("python");
  python.registerJsModule("flet_js", self.flet_js);
  python.registerJsModule("forecourt_js", bridge);
  if (pool) mountPool(python.FS, "/device", await pool);
  else python.FS.mkdirTree("/device"); // another's phone and the panel leave nothing
  if (panel) python.unpackArchive(await panel, "zip", { extractDir: "/app" });
  bridge.mark("files");
  self.flet_js.documentUrl = documentUrl;
  python.globals.set("supabase_url", config.supabase_url || self.location.origin);
  python.globals.set("publishable_key", config.publishable_key);
  python.globals.set("app", isPanel ? "admin" : "main");
  await python.runPythonAsync(`
import os
import random
import runpy

random.seed()  # a memory image holds the same state for everybody
os.environ.update(
    FORECOURT_DEVICES="/device",
    SUPABASE_URL=supabase_url,
    SUPABASE_PUBLISHABLE_KEY=publishable_key,
)
os.chdir("/app")
runpy.run_module(app, run_name="__main__")
`);
  bridge.mark("main");
  await self.flet_js.start_connection(toFlutter);
  bridge.mark("connected");
  self.postMessage({ started: true, fromImage: Boolean(image) });
}

function problemOf(error) {
  if (error instanceof OpenElsewhere) return "elsewhere";
  if (error.name === "QuotaExceededError") return "disk_full";
  if (error.name === "SecurityError" || error.name === "UnknownError") return "storage_blocked";
  if (/createSyncAccessHandle/.test(String(error))) return "old_browser";
  return "failed";
}

self.onmessage = ({ data }) => {
  if (data instanceof Uint8Array) return self.flet_js.send?.(data);
  if (data.start) {
    return start(data.start).catch(async (error) => {
      console.error(error);
      await forgetImages().catch(() => {}); // should it be the image, the next start goes without
      self.postMessage({ problem: problemOf(error), detail: String(error) });
    });
  }
  if (data.reply) {
    waiting.get(data.id)?.(JSON.stringify(data.reply));
    return waiting.delete(data.id);
  }
  if ("online" in data) bridge.online = data.online;
  bridge.tell?.(JSON.stringify(data));
};
