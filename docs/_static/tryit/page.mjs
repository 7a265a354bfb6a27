// The page "Try it": fields to Python, answers to tables and charts. No rule is written here.
const $ = (id) => document.getElementById(id);
const form = $("tryit-form");
const status = $("tryit-status");
const start = performance.now();
const refused = {}; // what an address says and a field cannot hold: Python is asked all the same
let worker, asked = 0, shown = 0, running = 0, Chart;
let machines = [], simulated = null; // the machines of a file; the fields that a simulation was of
const defaults = fieldsOf();

function say(text) { status.textContent = text; }

function fieldsOf() {
  const fields = {};
  for (const each of form.elements) {
    if (!each.name || each.type === "file") continue;
    if (each.type === "checkbox") fields[each.name] = each.checked ? "1" : "";
    else if (each.type !== "radio" || each.checked) fields[each.name] = each.value;
  }
  return { ...fields, ...refused };
}

// -- the address ------------------------------------------------------------------------------

function fromAddress() {
  const told = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(refused)) delete refused[name];
  for (const each of form.elements) {
    if (!each.name || each.type === "file") continue;
    const value = told.get(each.name) ?? defaults[each.name];
    if (value === undefined) continue;
    if (each.type === "checkbox") each.checked = value === "1";
    else if (each.type === "radio") each.checked = each.value === value;
    else each.value = value;
  }
  const held = fieldsOf();
  for (const [name, value] of told) if (Object.hasOwn(defaults, name) && held[name] !== value) refused[name] = value;
  slide();
}

function toAddress(fields) {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== defaults[name]) told.set(name, value);
  history.replaceState(null, "", told.size ? `#${told}` : location.pathname + location.search);
}

// -- faults -----------------------------------------------------------------------------------

function wrong(name, sentence) {
  const at = $(`wrong-${name}`);
  if (!at) return say(`${name}: ${sentence}`);
  at.textContent = sentence;
  for (const each of form.querySelectorAll(`[name="${name}"]`)) each.setAttribute("aria-invalid", "true");
}

function clear() {
  for (const each of form.querySelectorAll(".wrong:not(.file)")) each.textContent = "";
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
}

// -- answers ----------------------------------------------------------------------------------

function element(tag, text, parent, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  parent?.append(made);
  return made;
}

function tableOf({ head, rows, more }, title, parent) {
  if (!rows.length) return;
  const box = element("div", "", parent, "tryit-table");
  box.tabIndex = 0; // so that the keyboard scrolls it
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", title);
  const table = element("table", "", box, "docutils");
  const top = element("tr", "", element("thead", "", table));
  for (const name of head) element("th", name, top).scope = "col";
  const body = element("tbody", "", table);
  rows.forEach((row, index) => {
    const line = element("tr", "", body);
    row.forEach((cell, column) => element("td", column || !more ? cell : "", line));
    if (!more) return;
    const below = element("tr", "", body, "more");
    below.hidden = index > 0;
    element("td", more[index], below).colSpan = row.length;
    const button = element("button", row[0], line.firstChild);
    button.type = "button";
    button.title = "the lines of this price";
    button.setAttribute("aria-expanded", String(!below.hidden));
    button.onclick = () => {
      below.hidden = !below.hidden;
      button.setAttribute("aria-expanded", String(!below.hidden));
    };
  });
}

function drawIntervals({ ctx, valToPos }, [at, , high, low], line) {
  ctx.save();
  ctx.strokeStyle = line;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  at.forEach((value, index) => {
    const x = valToPos(value, "x", true);
    ctx.moveTo(x, valToPos(low[index], "y", true));
    ctx.lineTo(x, valToPos(high[index], "y", true));
  });
  ctx.stroke();
  ctx.restore();
}

function chartOf(chart, title, parent) {
  if (!Chart || !chart.points.length) return;
  const box = element("div", "", parent, "tryit-chart");
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `${title}: ${chart.y} by ${chart.x}; ${chart.points.length} points`);
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--color-foreground-primary").trim() || style.color;
  const line = style.getPropertyValue("--color-brand-primary").trim() || ink;
  const rule = style.getPropertyValue("--color-background-border").trim() || "#8884";
  const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 } };
  // Nothing is drawn between two points: nobody computed what is there.
  const noLine = { stroke: line, width: 0, paths: () => null };
  const series = [{}, { ...noLine, points: { show: true, size: 7, fill: line } }];
  const data = [chart.points.map((one) => one[0]), chart.points.map((one) => one[1])];
  const hooks = {};
  if (chart.low) {
    for (const side of [chart.high, chart.low]) {  // the axis has room for them
      data.push(side);
      series.push({ ...noLine, points: { show: false } });
    }
    hooks.draw = [(plot) => drawIntervals(plot, data, line)];
  }
  const names = chart.names && {
    size: 110, splits: () => chart.names.map((_, row) => row), values: (_, rows) => rows.map((row) => chart.names[row]),
  };
  new Chart({
    width: Math.max(260, box.clientWidth), height: chart.names ? 90 + 26 * chart.names.length : 260,
    scales: { x: { time: false }, y: chart.names ? { range: [-0.6, chart.names.length - 0.4] } : {} },
    axes: [{ ...axis, label: chart.x }, { ...axis, ...(names || { label: chart.y, size: 60 }) }],
    legend: { show: false }, cursor: { show: false }, series, hooks,
  }, data, box);
}

function show(sections, into) {
  const open = new Set([...into.querySelectorAll("details[open]")].map((each) => each.dataset.name));
  const first = !into.children.length;
  const focus = into.contains(document.activeElement) && document.activeElement.closest("details")?.dataset.name;
  into.replaceChildren();
  for (const each of sections) {
    const box = element("details", "", into);
    box.dataset.name = each.name;
    box.open = first ? each.name !== "left_out" : open.has(each.name);
    element("summary", each.title, box);
    for (const text of each.text) element("p", text, box);
    const draw = () => { if (!box.dataset.drawn && box.open) { box.dataset.drawn = "1"; if (each.chart) chartOf(each.chart, each.title, box); } };
    if (each.table) tableOf(each.table, each.title, box);
    draw();
    box.ontoggle = draw;
    if (focus === each.name) box.firstChild.focus({ preventScroll: true });
  }
}

function answered(text, into) {
  const found = JSON.parse(text);
  for (const [name, sentence] of Object.entries(found.errors ?? {})) wrong(name, sentence);
  if (found.errors) into.classList.add("stale");
  if (found.sections) { // some may be answered though others are not
    into.classList.remove("stale");
    into.last = found.sections;
    show(found.sections, into);
  }
  return found;
}

const answerBox = () => $(fieldsOf().who === "host" ? "answer-host" : "answer-renter");

// -- asking -----------------------------------------------------------------------------------

let waiting = false, again = false, pending = 0;

function expect(more) {
  pending += more;
  document.body.dataset.busy = pending ? "1" : "";
}

// A simulation that was of other fields is shown as an old one.
function age() {
  const fields = fieldsOf();
  const other = simulated && Object.entries(simulated).some(([name, value]) => (fields[name] ?? "").trim() !== value);
  $("answer-simulation").classList.toggle("old", Boolean(other));
}

function ask() {
  slide();
  age();
  const fields = fieldsOf();
  toAddress(fields);
  for (const each of form.querySelectorAll("[data-who]")) each.hidden = each.dataset.who !== fields.who;
  for (const who of ["renter", "host"]) $(`answer-${who}`).hidden = who !== fields.who;
  $("answer-simulation").hidden = fields.who !== "host";
  if (waiting) { again = true; return; }
  waiting = true;
  expect(1);
  worker.postMessage({ kind: "answer", number: ++asked, form: JSON.stringify(fields) });
}

function slide() {
  for (const each of form.querySelectorAll("input[type=range]")) {
    const number = form.elements[each.dataset.for];
    if (document.activeElement !== each) each.value = number.value;
  }
}

function simulate() {
  simulated = null;
  age();
  if (running) worker.postMessage({ kind: "stop", number: running });
  running = ++asked;
  $("tryit-stop").hidden = false;
  $("answer-simulation").classList.add("stale"); // until two runs are done
  worker.postMessage({ kind: "simulate", number: running, form: JSON.stringify(fieldsOf()) });
}

function ended(text) {
  running = 0;
  if (document.activeElement === $("tryit-stop")) $("tryit-simulate").focus();
  $("tryit-stop").hidden = true;
  $("tryit-progress").hidden = true;
  if (text) say(text);
}

function failed(text) {
  document.body.dataset.tryit = "failed";
  say(text);
  for (const each of form.querySelectorAll("button, input[type=file]")) each.disabled = true;
}

const heard = {
  loading: ({ text }) => say(text),
  ready: () => ask(),
  failed: ({ text }) => failed(text === "not built"
    ? "These pages were built without Python, so nothing can be asked here. The command numgenius answers the same questions."
    : `Python did not start: ${text}. The command numgenius answers the same questions.`),
  broken: ({ text }) => { waiting = false; expect(-pending); ended(`That went wrong, and nothing is lost: ${text}`); },
  dropped: ({ field, text }) => {
    const found = JSON.parse(text);
    for (const each of form.querySelectorAll(`#wrong-${field}`)) each.textContent = "";
    for (const [name, sentence] of Object.entries(found.errors ?? {})) wrong(name, sentence);
    if (found.choices?.length) choose(found.choices);
    $(`file-${field}`).textContent = found.text ?? $(`file-${field}`).textContent;
    ask();
    expect(-1);
  },
  answer: ({ text, took }) => {
    waiting = false;
    clear();
    const found = answered(text, answerBox());
    shown += 1;
    const first = document.body.dataset.tryit !== "ready";
    document.body.dataset.tryit = "ready";
    if (first) document.body.dataset.first = String(Math.round(performance.now() - start));
    document.body.dataset.took = String(Math.round(took));
    document.body.dataset.shown = String(shown);
    say(found.errors ? `Not ${found.sections ? "all can be " : ""}answered: see the field.` : `Answered in ${(took / 1000).toFixed(2)} s, on your machine.`);
    if (found.prices && reprice(found.prices)) again = true;
    if (again) { again = false; ask(); }
    expect(-1);
  },
  report: ({ number, text }) => {
    if (number !== running) return;
    const found = answered(text, $("answer-simulation"));
    if (found.errors) return ended("Not simulated: see the field.");
    if (found.form) { simulated = found.form; age(); }
    $("tryit-progress").hidden = false;
    $("tryit-progress").value = found.share;
    say(`Simulated ${found.done} of ${found.of} runs.`);
    if (!found.more) ended(`Simulated ${found.of} runs.`);
  },
  stopped: ({ number }) => {
    const known = !$("answer-simulation").classList.contains("stale");
    if (number === running) ended(known ? "Stopped; what was simulated so far stands below." : "Stopped before two runs were done: nothing is known yet.");
  },
};

// The machines of a file: the fields are those of the first, and then of the one that is chosen.
// What the file does not say is as the page opens, not as the machine before had it.
function choose(choices) {
  const list = $("tryit-machine");
  machines = choices;
  list.replaceChildren(...choices.map(([name]) => new Option(name)));
  list.disabled = false;
  list.oninput = () => // before the form hears of it
    fill(choices[list.selectedIndex][1]);
  fill(choices[0][1]);
}

// With another fee clients pay another price; one that was typed stays.
function reprice(prices) {
  const at = $("tryit-machine").selectedIndex, before = machines[at]?.[1].price;
  machines.forEach(([, fields], index) => { fields.price = prices[index]; });
  if (!before || form.elements.price.value !== before) return false;
  form.elements.price.value = prices[at];
  return prices[at] !== before;
}

function fill(fields) {
  for (const [name, value] of Object.entries(fields)) {
    form.elements[name].value = value ?? defaults[name];
    delete refused[name];
  }
}

async function drop(field, file) {
  if (!file || document.body.dataset.tryit === "failed") return;
  if (file.size > 256 * 2 ** 20) { $(`wrong-${field}`).textContent = `need at most 268,435,456 bytes, got ${file.size.toLocaleString("en")}`; return; }
  say(`Reading ${file.name} …`);
  expect(1);
  worker.postMessage({ kind: "drop", field, name: file.name, form: JSON.stringify(fieldsOf()), content: new Uint8Array(await file.arrayBuffer()) });
}

// -- start ------------------------------------------------------------------------------------

// While Python loads: what CPython answered to the form as it opens, when the docs were built.
async function first() {
  if (JSON.stringify(fieldsOf()) !== JSON.stringify(defaults)) return;
  const found = await fetch(new URL("python/first.json", import.meta.url));
  const text = found.ok && (await found.text());
  if (text && !shown) answered(text, $("answer-renter"));
}

function begin() {
  fromAddress();
  first();
  if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
    return failed("This browser has no WebAssembly or no workers, so Python cannot run in it. The command numgenius answers the same questions.");
  }
  import(new URL("python/uPlot.esm.js", import.meta.url)).then((found) => { Chart = found.default; redraw(); }, () => {});
  worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => heard[data.kind](data);
  worker.onerror = (fault) => failed(`Python did not start: ${fault.message ?? "the worker ended"}.`);
  form.addEventListener("input", ({ target }) => {
    if (target.type === "file") return;
    if (target.dataset.for) form.elements[target.dataset.for].value = target.value;
    delete refused[target.dataset.for ?? target.name];
    ask();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const each of form.querySelectorAll("input[type=file]")) {
    each.addEventListener("change", () => drop(each.name, each.files[0]));
    const zone = each.closest(".drop");
    zone.addEventListener("dragover", (event) => event.preventDefault());
    zone.addEventListener("drop", (event) => { event.preventDefault(); drop(each.name, event.dataTransfer.files[0]); });
  }
  $("tryit-simulate")?.addEventListener("click", simulate);
  $("tryit-stop")?.addEventListener("click", () => worker.postMessage({ kind: "stop", number: running }));
  addEventListener("hashchange", () => { fromAddress(); ask(); });
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function redraw() {
  for (const into of document.querySelectorAll(".tryit-answer")) if (into.last) show(into.last, into);
}

begin();
