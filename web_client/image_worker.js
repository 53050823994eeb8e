// Makes a memory image of Python with the whole app imported, once for each build and browser, while
// nobody waits for it. The next start reads the image instead of importing some 900 modules.
//
// The image is made on the device itself: it costs no download, fits this very engine, and holds
// nothing but code, since this worker never opens the device's files and knows no setting.
import { saveImage } from "./memory_image.js";
import { loadPython } from "./python_runtime.js";

const IMPORT_ALL = `
import asyncio
import gc
import logging
import zoneinfo

import flet
import main

main.read_app()
for zone in ("Asia/Shanghai", "UTC"):
    zoneinfo.ZoneInfo(zone)
gc.collect()
`;

self.onmessage = async ({ data: { build } }) => {
  try {
    const python = await loadPython(build, { makeImage: true });
    python.runPython(IMPORT_ALL);
    await saveImage(build, python.makeMemorySnapshot());
    self.postMessage({ made: true });
  } catch (error) {
    console.warn("no memory image:", error); // the app only starts more slowly
    self.postMessage({ made: false });
  }
};
