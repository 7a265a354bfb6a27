// Run the tests in Pyodide: `node scripts/check_pyodide.mjs FOLDER`; see scripts/check_pyodide.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(process.argv[2]);
const module = pathToFileURL(`${folder}/node_modules/pyodide/pyodide.mjs`);
const { loadPyodide } = await import(module.href);
const python = await loadPyodide();
python.mountNodeFS("/repository", resolve("."));
python.mountNodeFS("/wheels", `${folder}/wheels`);
const failed = python.runPython(`
import os, sys, zipfile
from pathlib import Path

for wheel in Path("/wheels").glob("*.whl"):
    zipfile.ZipFile(wheel).extractall("/site")
sys.path[:0] = ["/site", "/repository/scripts"]
os.chdir("/repository")

from run_in_pyodide import main

main()
`);
process.exit(failed);
