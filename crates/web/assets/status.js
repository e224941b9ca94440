// Shows machines, runs and the last events, and keeps them current.
//
// State is read from the API whole; events only say that it is time to read again. So a missed event can make the
// page late, never wrong. Text is put in as text, so that nothing a machine says can become markup.

const EVENTS_SHOWN = 40;
const RUNS_SHOWN = 20;
const REFRESH_AT_MOST_EVERY_MS = 1000;
const REFRESH_AT_LEAST_EVERY_MS = 15000;

const STATE_CLASS = {
  deployed: "good", succeeded: "good", done: "good",
  failed: "bad", cancelled: "bad", needs_operator: "bad",
  waiting: "waiting", paused: "waiting", retrying: "waiting",
  running: "busy", provisioning: "busy",
};

const byId = (id) => document.getElementById(id);
const names = new Map();
let source = null;
let machines = [];
let runs = [];
let readAt = 0;
let refreshing = false;
let wanted = false;
let lastRefresh = 0;
let timer = null;

class LoggedOut extends Error {}

async function api(path, options = {}) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  if (response.status === 401) throw new LoggedOut();
  if (response.status === 204) return null;
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? `status ${response.status}`);
  return body;
}

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") made.className = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const cell = (text, className = "") => element("td", className ? { class: className } : {}, text ?? "");

function state(word) {
  return element("span", { class: `state ${STATE_CLASS[word] ?? ""}` }, word.replaceAll("_", " "));
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h > 0) return `${h}h${String(m).padStart(2, "0")}m`;
  return m > 0 ? `${m}m${String(s).padStart(2, "0")}s` : `${s}s`;
}

function size(amount, unit) {
  if (unit !== "bytes") return `${amount} ${unit}`;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  while (amount >= 1024 && power < units.length - 1) { amount /= 1024; power += 1; }
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}

// Seconds that have passed since the runs were read: times go on between two readings.
const since = () => (Date.now() - readAt) / 1000;
const grown = (actual, ended) => (actual === null || ended ? actual : actual + since());

const times = (actual, expected) => duration(actual) + (expected ? ` / ${duration(expected)}` : "");

function currentStep(run) {
  for (const stage of [...run.stages, run.finally]) {
    for (const step of stage.steps) {
      if (!["pending", "done", "skipped", "failed", "cancelled"].includes(step.state)) return [stage, step];
    }
  }
  return [null, null];
}

function progress(step) {
  const report = step?.task?.progress;
  if (!report) return "";
  const text = `${report.message} ${size(report.done, report.unit)} of ${size(report.total, report.unit)}`;
  const bar = element("progress", { max: Math.max(report.total, 1), value: report.done, "aria-label": text });
  return element("span", { title: text }, bar, ` ${report.total > 0 ? Math.floor((100 * report.done) / report.total) : 0} %`);
}

function machineRow(machine) {
  const run = runs.find((candidate) => candidate.machine === machine.id);
  const active = run && !run.ended ? run : null;
  const [stage, step] = active ? currentStep(active) : [null, null];
  const where = element("td", {}, step?.use ?? "");
  const reason = active?.reason ?? (machine.status.state === "failed" ? run?.failure?.reason : null);
  if (reason) where.append(element("span", { class: "reason" }, reason));
  if (active?.hint) where.append(element("span", { class: "reason" }, active.hint));
  return element("tr", {},
    cell(machine.name),
    element("td", {}, state(active ? active.state : machine.status.state)),
    cell(stage?.name ?? active?.stage ?? ""),
    where,
    cell(step ? String(Math.max(step.attempts, 1)) : ""),
    element("td", {}, progress(step)),
    cell(run ? times(grown(run.actual_s, run.ended), run.expected_s) : "", "number"));
}

function stageRows(stage) {
  const rows = [element("tr", {},
    cell(stage.name), element("td", {}, state(stage.state)), cell(stage.attempt > 1 ? `attempt ${stage.attempt}` : ""),
    cell(stage.reason ?? "", "facts"), cell(times(grown(stage.actual_s, stage.ended), stage.expected_s), "number"))];
  for (const step of stage.steps) {
    const how = step.how ? step.how.replaceAll("_", " ") : "";
    rows.push(element("tr", { class: "step" },
      cell(step.use), element("td", {}, state(step.state)), cell(step.attempts > 1 ? `attempt ${step.attempts}` : how),
      cell(step.reason ?? "", "facts"), cell(duration(grown(step.actual_s, step.ended)), "number")));
  }
  return rows;
}

function runDetails(run, open) {
  const title = element("summary", {},
    element("strong", {}, run.machine_name ?? run.machine), run.workflow, state(run.state), run.stage ?? "",
    element("span", { class: "number" }, times(grown(run.actual_s, run.ended), run.expected_s)));
  const body = element("tbody", {}, ...[...run.stages, run.finally].flatMap(stageRows));
  const details = element("details", { "data-run": run.id }, title, element("div", { class: "scroll" }, element("table", {}, body)));
  details.open = open;
  return details;
}

function show() {
  byId("no-machines").hidden = machines.length > 0;
  byId("machines").hidden = machines.length === 0;
  byId("machines").tBodies[0].replaceChildren(...machines.map(machineRow));
  byId("no-runs").hidden = runs.length > 0;
  const focused = document.activeElement?.closest?.("details")?.dataset.run;
  const open = new Set([...byId("runs").querySelectorAll("details[open]")].map((details) => details.dataset.run));
  byId("runs").replaceChildren(...runs.slice(0, RUNS_SHOWN).map((run) => runDetails(run, open.has(run.id))));
  if (focused) byId("runs").querySelector(`details[data-run="${focused}"] > summary`)?.focus();
}

function showEvent(event) {
  const rows = byId("events").tBodies[0];
  const facts = Object.entries(event.data ?? {}).map(([name, value]) =>
    `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
  const time = element("time", { datetime: event.at }, new Date(event.at).toLocaleTimeString());
  rows.prepend(element("tr", {}, element("td", {}, time), cell(names.get(event.machine) ?? event.machine?.slice(0, 8) ?? ""),
    cell(event.kind), cell(event.actor), cell(facts.length > 300 ? `${facts.slice(0, 300)}…` : facts, "facts")));
  while (rows.rows.length > EVENTS_SHOWN) rows.deleteRow(-1);
}

// Reads everything again, at most once a second however many events come.
async function refresh() {
  wanted = true;
  if (refreshing || timer !== null) return;
  const pause = lastRefresh + REFRESH_AT_MOST_EVERY_MS - Date.now();
  if (pause > 0) {
    timer = setTimeout(() => { timer = null; refresh(); }, pause);
    return;
  }
  refreshing = true;
  wanted = false;
  try {
    const [machinePage, runPage] = await Promise.all([
      api("/api/v1/machines?limit=500"), api("/api/v1/runs?limit=200"),
    ]);
    machines = machinePage.items;
    runs = runPage.items;
    readAt = Date.now();
    for (const machine of machines) names.set(machine.id, machine.name);
    show();
  } catch (error) {
    if (error instanceof LoggedOut) askForLogin();
  } finally {
    lastRefresh = Date.now();
    refreshing = false;
    if (wanted) refresh();
  }
}

function connection(text, lost) {
  byId("connection").textContent = text;
  byId("connection").classList.toggle("lost", lost);
}

function follow(after) {
  source?.close();
  source = new EventSource(`/api/v1/events/stream?after=${after}`);
  source.onopen = () => { connection("live", false); refresh(); };
  source.onerror = () => {
    connection("connection lost, trying again", true);
    // A stream that was refused is not tried again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(start, 3000);
  };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    showEvent(event);
    refresh();
  };
}

function askForLogin() {
  source?.close();
  source = null;
  machines = [];
  runs = [];
  connection("", false);
  byId("content").hidden = true;
  byId("user").hidden = true;
  byId("login").hidden = false;
  byId("token").focus();
}

async function start() {
  try {
    const whoami = await api("/api/v1/whoami");
    byId("user-name").textContent = whoami.name;
    byId("user").hidden = false;
    byId("login").hidden = true;
    byId("content").hidden = false;
    await refresh();
    const last = (await api(`/api/v1/events?limit=${EVENTS_SHOWN}`)).items;
    byId("events").tBodies[0].replaceChildren();
    last.forEach(showEvent);
    follow(last.length > 0 ? last[last.length - 1].seq : 0);
  } catch (error) {
    if (error instanceof LoggedOut) askForLogin();
    else {
      connection(error.message, true);
      setTimeout(start, 3000);
    }
  }
}

byId("login").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const token = byId("token").value.trim();
  byId("login-error").textContent = "";
  try {
    await api("/login", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) });
    byId("token").value = "";
    start();
  } catch (error) {
    byId("login-error").textContent = error instanceof LoggedOut ? "This token is not valid." : error.message;
  }
});

byId("logout").addEventListener("click", async () => {
  await api("/logout", { method: "POST" }).catch(() => {});
  askForLogin();
});

setInterval(() => { if (!byId("content").hidden) refresh(); }, REFRESH_AT_LEAST_EVERY_MS);
setInterval(() => { if (!byId("content").hidden && runs.some((run) => !run.ended)) show(); }, 1000);
start();
