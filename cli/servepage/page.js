"use strict";

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
if (token) history.replaceState(null, "", location.pathname + location.hash);

const state = { runs: [], chosen: null, entry: null, tab: "loss", history: null, changed: 0, frames: 0, follow: true };
const chart = new Chart($("chart"), $("readout"));

const url = (path, query) => path + "?" + new URLSearchParams(query);

async function get(path, query = {}) {
  const r = await fetch(url(path, query));
  if (!r.ok) throw new Error(await r.text());
  return r.json();
}

function element(name, text, kind) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text; // never as HTML: names may be hostile
  if (kind) e.className = kind;
  return e;
}

function kindOf(run) {
  if (run.live) return ["live", "running"];
  if (run.outcome === "matched") return ["good", "matched"];
  if (run.outcome === "interrupted") return ["", "interrupted"];
  return ["bad", run.outcome || "?"];
}

function listRuns() {
  const wanted = $("filter").value.toLowerCase();
  const shown = state.runs.filter((r) => (r.id + " " + r.input + " " + r.method + " " + r.outcome).toLowerCase().includes(wanted));
  const list = $("runs");
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach((run, i) => {
    let item = list.children[i];
    if (!item) {
      item = element("li");
      const b = element("button");
      b.append(element("span", "", "name"), element("span", "", "soft"), element("progress"));
      b.lastChild.max = 1;
      b.addEventListener("click", () => choose(b.dataset.id));
      item.append(b);
      list.append(item);
    }
    const b = item.firstChild, [name, facts, bar] = b.children;
    b.dataset.id = run.id;
    b.setAttribute("aria-current", String(run.id === state.chosen));
    name.textContent = run.id === "." ? state.root.split(/[/\\]/).pop() : run.id;
    facts.replaceChildren(element("span", run.method + ", " + kindOf(run)[1]), element("span", run.iterations + (run.live && run.of ? " of " + run.of : "")));
    bar.hidden = !run.live;
    bar.value = run.of ? run.iterations / run.of : 0;
  });
}

async function refreshList() {
  const r = await get("api/runs");
  state.root = r.root;
  $("root").textContent = r.root + ": " + r.runs.length + " runs";
  $("notes").textContent = r.notes.join(" ");
  $("notes").hidden = !r.notes.length;
  state.runs = r.runs.sort((a, b) => b.live - a.live || b.changed - a.changed || (a.id < b.id ? -1 : 1));
  listRuns();
  if (!r.runs.length) $("empty").textContent = "There are no runs yet.";
}

function choose(id) {
  Object.assign(state, { chosen: id, changed: 0, follow: true, history: null });
  location.hash = encodeURIComponent(id);
  $("status").hidden = true;
  $("sentence").textContent = "";
  $("table").replaceChildren();
  $("advice").replaceChildren();
  listRuns();
  refreshRun().catch(complain);
}

function complain(e) { $("asked").textContent = String(e.message || e); }

// refreshRun shows the chosen run, as far as it has changed.
async function refreshRun() {
  const id = state.chosen, entry = state.runs.find((r) => r.id === id);
  if (!entry) return;
  $("empty").hidden = true;
  $("run").hidden = false;
  const [kind, word] = kindOf(entry);
  $("name").textContent = id;
  $("outcome").textContent = word;
  $("outcome").className = "badge " + kind;
  $("buttons").hidden = !entry.live;
  if (entry.live && !document.hidden) post("watch", true);
  const run = await get("api/run", { run: id });
  if (id !== state.chosen) return;
  if (entry.live) $("asked").textContent = run.control && run.control !== "watch" ? "asked to " + run.control : "";
  if (entry.changed === state.changed) return;
  state.changed = entry.changed;
  $("reason").textContent = entry.live ? "" : run.record.reason || "";
  pictures(id, entry, run);
  settings(run.record);
  if (!entry.live) await verdict(0);
  const h = await get("api/history", { run: id, points: 700 }).catch(() => null);
  if (id !== state.chosen) return;
  if (h) curves(h);
  if (entry.live && entry.method === "metamer") await verdict(0);
}

function pictures(id, entry, run) {
  const show = (img, have, path, query) => {
    img.parentElement.hidden = !have;
    if (have) img.src = url(path, { run: id, v: entry.changed, ...query });
  };
  show($("target"), run.files["target.png"], "api/image", { name: "target.png" });
  show($("start"), run.files["start.npy"] && run.files["result.png"], "api/image", { name: "start.npy" });
  state.frames = run.frames;
  const path = entry.method === "geodesic" || entry.method === "eigendistortion";
  $("time").hidden = !(run.frames > 1 || path);
  $("time").max = path ? Math.max(run.rows - 1, 0) : Math.max(run.frames - 1, 0);
  if (state.follow) $("time").value = path ? 0 : $("time").max;
  $("now").parentElement.hidden = !(run.files["result.png"] || path);
  showFrame();
}

function showFrame() {
  const entry = state.runs.find((r) => r.id === state.chosen), k = Number($("time").value);
  const path = entry.method === "geodesic" || entry.method === "eigendistortion";
  const last = !path && (state.frames < 2 || k === state.frames - 1);
  $("nowcaption").textContent = path ? "image " + k + " of the result" : last ? "now, iteration " + entry.iterations : "image " + k + " of those kept";
  $("now").src = last ? url("api/image", { run: state.chosen, name: "result.png", v: entry.changed })
    : url("api/frame", { run: state.chosen, k, of: path ? "result" : "frames", v: entry.changed });
}

function curves(h) {
  state.history = h;
  const names = h.names.filter((n) => !["iteration", "evaluations", "seconds", "stage"].includes(n) && h.columns[n].some((v) => v !== null));
  if (!names.includes(state.tab)) state.tab = names[0] || "loss";
  $("tabs").replaceChildren(...names.map((n) => {
    const b = element("button", n.replace(/_/g, " "));
    b.setAttribute("role", "tab");
    b.setAttribute("aria-selected", String(n === state.tab));
    b.addEventListener("click", () => { state.tab = n; curves(h); });
    return b;
  }));
  const y = h.columns[state.tab] || [];
  chart.show(state.tab, h.columns.iteration || [], y, !/metric/.test(state.tab) && y.some((v) => v > 0));
}

async function verdict(crops) {
  const id = state.chosen;
  const v = await get("api/verdict", { run: id, crops }).catch((e) => ({ sentence: String(e.message || e), table: [], advice: [] }));
  if (id !== state.chosen) return;
  $("sentence").textContent = v.sentence || v.error || "";
  const rows = v.table || [];
  const heads = rows.length ? Object.keys(rows[0]).filter((k) => k !== "good") : [];
  const head = element("tr");
  head.append(...["", ...heads].map((k) => element("th", k)));
  $("table").replaceChildren(...(rows.length ? [head] : []), ...rows.map((r) => {
    const tr = element("tr", undefined, r.good ? "" : "no");
    tr.append(element("td", r.good ? "ok" : "no"), ...heads.map((k) => element("td", r[k])));
    return tr;
  }));
  $("advice").replaceChildren(...(v.advice || []).map((a) => {
    const li = element("li", a.why);
    li.append(element("code", a.command));
    return li;
  }));
}

// spec writes a setting as its flag takes it: name:key=value,…
function spec(v) {
  if (!v.name) return JSON.stringify(v);
  const rest = Object.entries(v).filter(([k]) => k !== "name").map(([k, x]) => k === "spec" ? x : k + "=" + x).join(",");
  return rest ? v.name + ":" + rest : v.name;
}

function settings(record) {
  const list = [];
  for (const [k, v] of Object.entries(record.settings || {})) {
    if (v === null) continue;
    list.push(element("dt", "--" + k), element("dd", typeof v === "object" ? spec(v) : String(v)));
  }
  for (const k of ["device", "cpu_level", "threads", "seed", "started"]) {
    if (record[k] !== undefined) list.push(element("dt", k), element("dd", String(record[k])));
  }
  $("settings").replaceChildren(...list);
}

async function post(word, quiet) {
  const r = await fetch(url("api/control", { run: state.chosen, word }), { method: "POST", headers: { "X-Percept": "1" } });
  if (!quiet) $("asked").textContent = r.ok ? (word === "resume" ? "" : "asked to " + word) : await r.text();
}

document.querySelectorAll("#buttons button").forEach((b) => b.addEventListener("click", () => post(b.dataset.word).catch(complain)));
$("filter").addEventListener("input", listRuns);
$("time").addEventListener("input", () => { state.follow = Number($("time").value) === Number($("time").max); showFrame(); });
$("judge").addEventListener("click", async () => { $("sentence").textContent = "judging…"; await verdict(24); });
$("draw").addEventListener("click", () => { $("status").hidden = false; $("status").src = url("api/figure", { run: state.chosen, v: state.changed }); });
window.addEventListener("resize", () => { if (state.history) chart.draw(); });

async function tick() {
  try {
    await refreshList();
    if (!state.chosen && location.hash.length > 1) choose(decodeURIComponent(location.hash.slice(1)));
    if (state.chosen) await refreshRun();
  } catch (e) { $("root").textContent = "percept serve does not answer: " + (e.message || e); }
  setTimeout(tick, document.hidden ? 5000 : 1500);
}
tick();
