// A synchronous, durable folder for Python: an Emscripten file system over the browser's private one.
//
// The browser opens files only asynchronously, SQLite wants to open them at once. So a pool of files
// is opened at the start, and each carries in its head which path it holds at present (the way of
// sqlite-wasm's opfs-sahpool). Reads and writes go straight to the file; fsync is a flush of it.
//
// The head is kept twice and written in turn, with a generation and a checksum: a write that was cut
// short leaves the head before it, and of two files that claim one path the later one is right. That
// makes renaming over an existing file atomic.

const HEAD = 4096; // bytes before the content
const COPY = 1024; // bytes of one copy of the head: two stand at 0 and 2048
const COPIES = [0, 2048];
const MAGIC = 0x46435431;
const SPARE = 24; // free files kept open: as many can be made before the pool must grow
const HANDED_OVER_WITHIN = 8000; // milliseconds a tab before this one may take to let go

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class OpenElsewhere extends Error {}

// Heads -------------------------------------------------------------------------------------------

function checksum(bytes) { // FNV-1a
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function headOf(path, generation) {
  const text = encoder.encode(path);
  const head = new Uint8Array(COPY);
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC);
  view.setUint32(4, generation);
  view.setUint32(8, text.length);
  head.set(text, 16);
  view.setUint32(12, checksum(head.subarray(16, 16 + text.length)) ^ generation);
  return head;
}

function readHead(handle) {
  let best = { path: "", generation: 0 };
  for (const at of COPIES) {
    const head = new Uint8Array(COPY);
    if (handle.read(head, { at }) < COPY) continue;
    const view = new DataView(head.buffer);
    const [magic, generation, length] = [view.getUint32(0), view.getUint32(4), view.getUint32(8)];
    if (magic !== MAGIC || length > COPY - 16) continue;
    const text = head.subarray(16, 16 + length);
    if (((checksum(text) ^ generation) >>> 0) !== view.getUint32(12)) continue;
    if (generation > best.generation) best = { path: decoder.decode(text), generation };
  }
  return best;
}

function writeHead(slot, path) {
  if (encoder.encode(path).length > COPY - 16) throw new RangeError("path too long");
  slot.generation += 1;
  slot.path = path;
  slot.handle.write(headOf(path, slot.generation), { at: COPIES[slot.generation % 2] });
  slot.handle.flush();
}

// The pool ----------------------------------------------------------------------------------------

// Opens all files. Throws OpenElsewhere when another tab keeps them.
export async function openPool() {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("device", { create: true });
  const slots = [];
  let last = 0;
  const names = [];
  for await (const [name, entry] of folder.entries()) if (entry.kind === "file") names.push([name, entry]);
  for (const [name, entry] of names) {
    last = Math.max(last, parseInt(name, 36) || 0);
    const handle = await patiently(entry);
    slots.push({ handle, ...readHead(handle) });
  }
  keepLatest(slots);
  const pool = { slots, flushes: 0, growing: null };
  pool.grow = async () => {
    while (slots.filter((slot) => !slot.path).length < SPARE) {
      last += 1;
      const file = await folder.getFileHandle(last.toString(36), { create: true });
      const handle = await file.createSyncAccessHandle();
      handle.truncate(HEAD);
      slots.push({ handle, path: "", generation: 0 });
    }
  };
  await pool.grow().catch((error) => {
    // A full phone still shows what it holds: nothing of that needs another file.
    if (error.name !== "QuotaExceededError" || !slots.some((slot) => slot.path)) throw error;
  });
  return pool;
}

// A file of the tab before this one stays locked until its worker has ended.
async function patiently(entry) {
  const end = performance.now() + HANDED_OVER_WITHIN;
  for (;;) {
    try {
      return await entry.createSyncAccessHandle();
    } catch (error) {
      if (error.name !== "NoModificationAllowedError") throw error;
      if (performance.now() > end) throw new OpenElsewhere();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function keepLatest(slots) {
  const holders = new Map();
  for (const slot of slots) {
    if (!slot.path) continue;
    const other = holders.get(slot.path);
    if (!other) { holders.set(slot.path, slot); continue; }
    const [stays, goes] = slot.generation > other.generation ? [slot, other] : [other, slot];
    holders.set(slot.path, stays);
    writeHead(goes, "");
  }
}

// The file system ---------------------------------------------------------------------------------

const ERRNO = { ENOENT: 44, ENOTEMPTY: 55, EINVAL: 28, ENOSPC: 51 };

export function mountPool(FS, mountpoint, pool) {
  const fail = (code) => { throw new FS.ErrnoError(ERRNO[code]); };
  let root;

  // Whatever the browser refuses to write is "no space left" for Python and SQLite.
  const written = (write) => {
    try { return write(); } catch (error) {
      if (error instanceof FS.ErrnoError) throw error;
      return fail(error instanceof RangeError ? "EINVAL" : "ENOSPC");
    }
  };
  const pathOf = (node) => {
    let path = node.name;
    for (let at = node.parent; at !== root; at = at.parent) path = `${at.name}/${path}`;
    return path;
  };
  const take = (path, generation = 0) => {
    const slot = pool.slots.find((candidate) => !candidate.path) ?? fail("ENOSPC"); // it could not grow
    slot.generation = Math.max(slot.generation, generation);
    written(() => { slot.handle.truncate(HEAD); writeHead(slot, path); });
    if (!pool.growing && pool.slots.filter((candidate) => !candidate.path).length < SPARE / 2) {
      pool.growing = pool.grow().catch(() => {}).finally(() => { pool.growing = null; });
    }
    return slot;
  };
  const free = (slot) => { writeHead(slot, ""); written(() => slot.handle.truncate(HEAD)); };
  const sizeOf = (node) => Math.max(node.slot.handle.getSize() - HEAD, 0);
  const view = (buffer, offset, length) => new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);

  const makeNode = (parent, name, mode) => {
    const node = FS.createNode(parent, name, mode, 0);
    Object.assign(node, { node_ops: nodeOps, stream_ops: streamOps });
    node.atime = node.mtime = node.ctime = Date.now();
    if (FS.isDir(mode)) node.contents = new Map();
    parent?.contents.set(name, node);
    return node;
  };

  const nodeOps = {
    getattr(node) {
      const size = FS.isDir(node.mode) ? 4096 : sizeOf(node);
      return {
        dev: 1, ino: node.id, mode: node.mode, nlink: 1, uid: 0, gid: 0, rdev: 0, size,
        atime: new Date(node.atime), mtime: new Date(node.mtime), ctime: new Date(node.ctime),
        blksize: 4096, blocks: Math.ceil(size / 4096),
      };
    },
    setattr(node, attributes) {
      for (const key of ["mode", "atime", "mtime", "ctime"]) {
        if (attributes[key] != null) node[key] = Number(attributes[key]);
      }
      if (attributes.size !== undefined) written(() => node.slot.handle.truncate(HEAD + attributes.size));
    },
    lookup(parent, name) { return parent.contents.get(name) ?? fail("ENOENT"); },
    mknod(parent, name, mode) {
      const node = makeNode(parent, name, mode);
      if (FS.isDir(mode)) return node; // folders exist while something lies in them
      try { node.slot = take(pathOf(node)); } catch (error) { parent.contents.delete(name); throw error; }
      return node;
    },
    rename(node, parent, name) {
      const replaced = parent.contents.get(name);
      if (replaced && FS.isDir(replaced.mode) && replaced.contents.size) fail("ENOTEMPTY");
      node.parent.contents.delete(node.name);
      parent.contents.set(name, node);
      node.name = name;
      node.parent = parent;
      const stamp = (each) => {
        if (FS.isDir(each.mode)) return each.contents.forEach(stamp);
        each.slot.generation = Math.max(each.slot.generation, replaced?.slot?.generation ?? 0);
        writeHead(each.slot, pathOf(each));
      };
      stamp(node);
      if (replaced?.slot && replaced !== node) free(replaced.slot); // last: then nothing is lost in between
    },
    unlink(parent, name) {
      free(parent.contents.get(name).slot);
      parent.contents.delete(name);
    },
    rmdir(parent, name) {
      if (parent.contents.get(name).contents.size) fail("ENOTEMPTY");
      parent.contents.delete(name);
    },
    readdir(node) { return [".", "..", ...node.contents.keys()]; },
    symlink() { fail("EINVAL"); },
    readlink() { fail("EINVAL"); },
  };

  const streamOps = {
    open() {},
    close() {},
    read(stream, buffer, offset, length, position) {
      return stream.node.slot.handle.read(view(buffer, offset, length), { at: HEAD + position });
    },
    write(stream, buffer, offset, length, position) {
      const count = written(() => stream.node.slot.handle.write(view(buffer, offset, length), { at: HEAD + position }));
      if (count < length) fail("ENOSPC");
      stream.node.mtime = Date.now();
      return count;
    },
    llseek(stream, offset, whence) {
      const from = [0, stream.position, stream.node.slot ? sizeOf(stream.node) : 0][whence];
      if (from === undefined || from + offset < 0) fail("EINVAL");
      return from + offset;
    },
    fsync(stream) {
      if (!stream.node.slot) return 0; // SQLite syncs the folder too; a head is flushed when written
      stream.node.slot.handle.flush();
      pool.flushes += 1;
      return 0;
    },
    mmap() { fail("EINVAL"); },
  };

  const fileSystem = { mount: () => (root = makeNode(null, "/", 0o40777)) };
  FS.mkdirTree(mountpoint);
  FS.mount(fileSystem, {}, mountpoint);
  for (const slot of pool.slots) {
    if (!slot.path) continue;
    const parts = slot.path.split("/");
    const name = parts.pop();
    let folder = root;
    for (const part of parts) folder = folder.contents.get(part) ?? makeNode(folder, part, 0o40777);
    makeNode(folder, name, 0o100666).slot = slot;
  }
}
