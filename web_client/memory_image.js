// Keeps the memory image of image_worker.js in the browser's private files: they are read several
// times faster than the cache (65 MB in 0.1 s instead of 0.6 s).
const WHOLE = 0x464f5245; // the last four bytes: the image was written to its end

async function folder() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle("image", { create: true });
}

// An image is good for one build in one version of one browser.
async function nameOf(build) {
  const text = new TextEncoder().encode(`${build.id} ${navigator.userAgent}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The image, or undefined when there is none for this build and browser.
export async function readImage(build) {
  let handle;
  try {
    const file = await (await folder()).getFileHandle(await nameOf(build));
    handle = await file.createSyncAccessHandle();
    const size = handle.getSize();
    const data = new Uint8Array(size);
    if (size < 8 || handle.read(data, { at: 0 }) !== size) return undefined;
    const end = new DataView(data.buffer).getUint32(size - 4, true);
    return end === WHOLE ? data.subarray(0, size - 4) : undefined;
  } catch {
    return undefined;
  } finally {
    handle?.close();
  }
}

export async function saveImage(build, image) {
  const images = await folder();
  await forgetImages();
  const file = await images.getFileHandle(await nameOf(build), { create: true });
  const handle = await file.createSyncAccessHandle();
  try {
    handle.write(image, { at: 0 });
    handle.flush();
    const end = new DataView(new ArrayBuffer(4));
    end.setUint32(0, WHOLE, true);
    handle.write(end, { at: image.length });
    handle.flush();
  } finally {
    handle.close();
  }
}

// Also called when a start from the image failed: the next one imports as usual.
export async function forgetImages() {
  const images = await folder();
  const names = [];
  for await (const name of images.keys()) names.push(name);
  for (const name of names) await images.removeEntry(name).catch(() => {});
}
