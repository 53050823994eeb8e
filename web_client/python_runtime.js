// Loads Pyodide with our packages and our code; nothing is resolved at run time, all is of this origin.
//
// The two compiled packages are loaded before the interpreter starts, always in this order and at the
// same place of the function table. Only so can a memory image, in which they are imported, be put back.

const NATIVE = [
  "pydantic_core/_pydantic_core.cpython-314-wasm32-emscripten.so",
  "msgpack/_cmsgpack.cpython-314-wasm32-emscripten.so",
];
const TABLE = 16384; // engines put a function or two into the table first; ours begin here everywhere
const NO_PACKAGES = {
  info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2", version: "314.0.7" },
  packages: {},
};

// Python finds packages in lib.zip; zip files cannot hold compiled modules, so their finder is ours.
const FIND_MODULES = `
import importlib.machinery
import importlib.util
import sys

class CompiledModules:
    """The modules that were loaded before the interpreter started."""

    files = {
        "pydantic_core._pydantic_core": "/native/pydantic_core/_pydantic_core.cpython-314-wasm32-emscripten.so",
        "msgpack._cmsgpack": "/native/msgpack/_cmsgpack.cpython-314-wasm32-emscripten.so",
    }

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if (file := cls.files.get(name)) is None:
            return None
        loader = importlib.machinery.ExtensionFileLoader(name, file)
        return importlib.util.spec_from_file_location(name, file, loader=loader)

sys.path[:0] = ["/app", "/lib.zip"]
sys.meta_path.insert(0, CompiledModules)
`;

export async function bytesOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

function withNative(factory, native, image) {
  return async (settings) => {
    const loadNative = async (Module) => {
      Module.addRunDependency("native");
      const table = Module.wasmTable;
      if (table.length > TABLE) throw new Error(`the function table has ${table.length} entries`);
      table.grow(TABLE - table.length);
      for (const name of NATIVE) {
        const path = `/native/${name}`;
        // loadDynamicLibrary would look for the file, which nobody can before main()
        const library = Module.newDSO(path, undefined, "loading");
        Object.assign(library, { refcount: Infinity, global: false });
        const options = { loadAsync: true, global: false, nodelete: true, allowUndefined: true };
        library.exports = await Module.loadWebAssemblyModule(await native[name], options, path, {});
      }
      Module.removeRunDependency("native");
    };
    settings.preRun = [...[settings.preRun ?? []].flat(), loadNative];
    const Module = await factory(settings);
    const size = image?.length ?? 0;
    if (size > Module.HEAP8.length) Module.growMemory(size);
    if (image) keepOwnTrampoline(Module);
    return Module;
  };
}

// The interpreter's call trampoline belongs to the engine that runs, not to the one that made the image.
function keepOwnTrampoline(Module) {
  const offset = Module.HEAP32[Module.__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET / 4 >>> 0];
  const at = (Module.__PyRuntime + offset) / 4 >>> 0;
  const own = Module.HEAP32[at];
  const restore = Module.API.restoreSnapshot;
  Module.API.restoreSnapshot = (bytes) => {
    const config = restore(bytes);
    Module.HEAP32[at] = own;
    return config;
  };
}

// `image`: bytes of a memory image in which all is imported already; `makeImage`: one will be made.
export async function loadPython(build, { image, makeImage = false } = {}) {
  const { pyodide: core, python: packages, app } = build.folders;
  const native = Object.fromEntries(NATIVE.map((name) => {
    const module = WebAssembly.compileStreaming(wasm(`${packages}native/${name}`));
    module.catch(() => {}); // awaited later, and reported there
    return [name, module];
  }));
  const lib = bytesOf(`${packages}lib.zip`);
  const code = bytesOf(`${app}app.zip`);
  const [{ loadPyodide }, { default: factory }] = await Promise.all([
    import(`${core}pyodide.mjs`),
    import(`${core}pyodide.asm.mjs`),
  ]);
  const python = await loadPyodide({
    indexURL: new URL(core, self.location).href,
    stdLibURL: new URL(`${packages}stdlib.zip`, self.location).href,
    lockFileContents: NO_PACKAGES,
    packages: [],
    stdout: console.log,
    stderr: console.error,
    env: { HOME: "/home/pyodide", TZ: "UTC", PYPINYIN_NO_PHRASES: "1" },
    createPyodideModule: withNative(factory, native, image),
    ...(image ? { _loadSnapshot: image } : {}),
    ...(makeImage ? { _makeSnapshot: true } : {}),
  });
  for (const name of NATIVE) {
    // An empty file: Python's finder looks whether it is there, dlopen finds the module by its name.
    const path = `/native/${name}`;
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    python.FS.writeFile(path, new Uint8Array(1));
  }
  python.FS.writeFile("/lib.zip", await lib, { canOwn: true });
  python.unpackArchive(await code, "zip", { extractDir: "/app" });
  if (!image) python.runPython(FIND_MODULES);
  return python;
}

// compileStreaming insists on the type, which some hosts do not send for .so files.
async function wasm(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Response(answer.body, { headers: { "content-type": "application/wasm" } });
}
