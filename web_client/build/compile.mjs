// node compile.mjs PYODIDE FOLDER PREFIX OUT.zip
// Compiles a folder of Python modules into a zip file, inside the interpreter that will run them.
// The zip file is stored, not compressed: it travels compressed, and Python reads it faster so.
import { writeFileSync } from "node:fs";

const [, , pyodideFolder, folder, prefix, out] = process.argv;
const { loadPyodide } = await import(`${pyodideFolder}/pyodide.mjs`);
const python = await loadPyodide({
  indexURL: `${pyodideFolder}/`,
  env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" }, // sets are marshalled in the same order
});
python.FS.mkdirTree("/in");
python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, "/in");
python.globals.set("prefix", prefix);
await python.runPythonAsync(`
import importlib._bootstrap_external as external
import importlib.util
import os
import zipfile

def compiled(source, name):
    # Interned fresh, so that the result does not depend on what was compiled before.
    code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    return bytes(external._code_to_hash_pyc(code, importlib.util.source_hash(source), False))

names = sorted(
    os.path.relpath(os.path.join(root, file), "/in")
    for root, _, files in os.walk("/in")
    for file in files
)
with zipfile.ZipFile("/out.zip", "w") as archive:
    for name in names:
        with open(os.path.join("/in", name), "rb") as file:
            data = file.read()
        if name.endswith(".py"):
            data, name = compiled(data, prefix + name), name + "c"
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
`);
writeFileSync(out, python.FS.readFile("/out.zip"));
process.exit(0);
