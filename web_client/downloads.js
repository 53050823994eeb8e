// Fetches the files of a build into the cache the service worker answers from. What is there already
// is never fetched again, so a download that was cut short goes on where it stopped.
export const FILES = "forecourt-files";
const WAITS = [1000, 2000, 4000, 8000]; // milliseconds between tries of one file; the last one repeats

export class DiskFull extends Error {}
export class Gone extends Error {} // the host has another build by now

// `files`: [[path, bytes, bytes on the wire, SHA-256 in hex]]. `progress(wire bytes so far of this file)`.
export async function download(files, progress, waiting) {
  const cache = await caches.open(FILES);
  const queue = [...files];
  const work = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) await one(cache, file, progress, waiting);
  };
  await Promise.all([work(), work(), work()]);
}

async function one(cache, [path, size, wire, hash], progress, waiting) {
  if (await cache.match(path)) return progress(path, wire);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await fetch(path, { cache: "no-store" });
      if (answer.status === 404 || answer.status === 410) throw new Gone(path);
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
      const data = await whole(answer, (read) => progress(path, (wire * read) / size));
      // A log-in page of a hotel also answers 200: only the file itself may be kept for ever.
      if ((await sha256(data)) !== hash) throw new Error(`${path}: not the file of this build`);
      const headers = new Headers(answer.headers); // the host's content policy must hold offline too
      for (const name of ["content-encoding", "content-length"]) headers.delete(name);
      await cache.put(path, new Response(data, { headers }));
      waiting(false);
      return progress(path, wire);
    } catch (error) {
      if (error instanceof Gone) throw error;
      if (error.name === "QuotaExceededError") throw new DiskFull(String(error));
      progress(path, 0);
      waiting(true);
      await pause(WAITS[Math.min(attempt, WAITS.length - 1)]);
    }
  }
}

async function whole(answer, read) {
  const parts = [];
  let bytes = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    bytes += value.length;
    read(bytes);
  }
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

export async function sha256(data) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Ends early when the network comes back.
function pause(milliseconds) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
  });
}
