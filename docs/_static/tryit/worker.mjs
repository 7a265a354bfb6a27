// Python in a worker: the page stays alive while it computes. No rule is written here.
let page, drop;

async function load() {
  const files = await fetch(new URL("python/files.json", import.meta.url));
  if (!files.ok) throw new Error("not built");
  const { modules, wheels } = await files.json();
  const { loadPyodide } = await import(new URL("python/pyodide.mjs", import.meta.url));
  const python = await loadPyodide();
  postMessage({ kind: "loading", text: "Python is here; the library is loading …" });
  const get = async (name) => new Uint8Array(await (await fetch(new URL(name, import.meta.url))).arrayBuffer());
  for (const [name, at] of [...wheels.map((each) => [`python/${each}`, "zip"]), ...modules.map((each) => [each, ""])]) {
    const content = await get(name);
    if (at) python.unpackArchive(content, "zip", { extractDir: "/site" });
    else python.FS.writeFile(`/home/pyodide/${name}`, content);
  }
  page = python.runPython(`
import sys
sys.path[:0] = ["/site", "/home/pyodide"]
import answers
answers.Page()
`);
  drop = python.runPython("lambda page, kind, name, content, form: page.drop(kind, name, content.to_bytes(), form)");
}

const ready = load().then(
  () => postMessage({ kind: "ready" }),
  (fault) => postMessage({ kind: "failed", text: String(fault.message ?? fault) }),
);

let stopped = 0;
const pause = () => new Promise((next) => setTimeout(next));

async function simulate(number, form) {
  let report = page.begin(form);
  postMessage({ kind: "report", number, text: report });
  while (JSON.parse(report).more) {
    await pause(); // where "stop" is heard
    if (stopped >= number) return postMessage({ kind: "stopped", number });
    report = page.step();
    postMessage({ kind: "report", number, text: report });
  }
}

onmessage = async ({ data }) => {
  if (data.kind === "stop") {
    stopped = data.number;
    return;
  }
  await ready;
  if (!page) return;
  try {
    if (data.kind === "drop") {
      postMessage({ kind: "dropped", field: data.field, text: drop(page, data.field, data.name, data.content, data.form) });
    } else if (data.kind === "simulate") {
      await simulate(data.number, data.form);
    } else {
      const start = performance.now();
      const text = page.answer(data.form);
      postMessage({ kind: "answer", number: data.number, text, took: performance.now() - start });
    }
  } catch (fault) {
    postMessage({ kind: "broken", text: String(fault.message ?? fault).trim().split("\n").pop() });
  }
};
