// The dashboard: asks the overview, draws it, and carries out what the user clicks.

import { act, cancel } from "./actions.js";
import { call, Problem } from "./api.js";
import { offersEntra, offersKeys } from "./configuration.js";
import { h, update } from "./dom.js";
import { PANELS, spentOf } from "./panels.js";
import { MISSED, Polling } from "./polling.js";
import { row, verdictName } from "./rows.js";
import * as session from "./session.js";
import { minutes } from "./signals.js";
import { exact, isUtc, setNow, switchZone } from "./texts.js";

const LIMIT = 25, COSTS_EVERY = 10 * 60_000;
const $ = (id) => document.getElementById(id);
const asked = { search: "", verdict: "", sort: "attention" };
const shown = { overview: null, asOf: null, costs: null, costsProblem: "", costsAt: 0, groupBy: "environment", findings: null, failures: 0 };
const evidence = new Map(); // by machine, of the rows that are open
const busy = new Map(); // what was asked for a row and is not yet in the overview, by its ID
let pages = [""]; // the cursors of the pages up to this one

const polling = new Polling(refresh);

async function refresh() {
  try {
    const overview = await call(address());
    shown.overview = overview;
    shown.asOf = overview.now;
    setNow(overview.now);
    shown.failures = 0;
    busy.clear();
  } catch (problem) {
    shown.failures += 1;
    if (problem.status === 401 || problem.status === 403) ended(problem);
    else if (shown.overview === null || shown.failures >= MISSED) notice("error", `${problem.message} It is asked again.${shown.overview ? " What is shown may be old." : ""}`);
    draw();
    throw problem;
  }
  notice("", "");
  document.body.dataset.state = "live";
  draw();
  await Promise.all([refreshCosts(), ...[...document.querySelectorAll("details[data-evidence][open]")].map(showEvidence)]);
  return shown.overview.running_total > 0;
}

function address() {
  const parameters = new URLSearchParams({ limit: LIMIT, sort: asked.sort });
  for (const name of ["search", "verdict"]) if (asked[name]) parameters.set(name, asked[name]);
  const after = pages.at(-1);
  if (after) parameters.set("after", after);
  return `overview?${parameters}`;
}

async function refreshCosts() {
  if (Date.now() - shown.costsAt < COSTS_EVERY) return;
  shown.costsAt = Date.now();
  try {
    [shown.costs, shown.costsProblem] = [await call(`costs?limit=20&group_by=${shown.groupBy}`), ""];
  } catch (problem) {
    [shown.costs, shown.costsProblem] = [null, problem.message];
  }
  shown.findings = await call("reconcile?limit=20").catch((problem) => ({ value: [], as_of: shown.asOf, problems: [problem.message] }));
  draw();
}

async function showEvidence(details) {
  const machine = details.dataset.evidence;
  const place = details.querySelector("[data-own]");
  const known = shown.overview.value.flatMap((item) => item.machines).find((one) => one.id === machine);
  if (!known) return;
  if (!evidence.has(machine)) update(place, h("p", { class: "faint" }, "Loading the minutes …"));
  try {
    evidence.set(machine, await call(`machines/evidence?machine=${encodeURIComponent(machine)}`));
    update(place, ...minutes(evidence.get(machine), known));
  } catch (problem) {
    update(place, h("p", { class: "warning" }, `The minutes cannot be shown: ${problem.message}`));
  }
}

// The session is over, or the role does not suffice: nothing is asked any more, and old data says that it is old.
function ended(problem) {
  polling.stop();
  document.body.dataset.state = problem.status === 403 ? "forbidden" : "signed-out";
  const old = shown.asOf ? ` What is shown is as of ${exact(shown.asOf)}.` : "";
  const why = problem.status === 403
    ? `${problem.message} Ask an admin for a role, or sign in with another account.`
    : `${problem.message} Sign in again.`;
  notice("error", why + old);
}

function may(permission) {
  return shown.overview?.me.permissions.includes(permission) ?? false;
}

function draw() {
  const { overview } = shown;
  const state = document.body.dataset.state;
  $("sign-in").hidden = !["signed-out", "forbidden"].includes(state);
  $("content").hidden = !overview;
  $("loading").hidden = Boolean(overview) || state !== "loading";
  $("sign-out").hidden = !session.isSignedIn();
  $("content").inert = state === "signed-out" || state === "forbidden";
  $("zone").textContent = isUtc() ? "Times: UTC" : "Times: local";
  if (!overview) return;
  $("who").textContent = `${overview.me.name} · ${overview.me.role ?? "no role"}`;
  $("as-of").textContent = `As of ${exact(shown.asOf)}`;
  $("as-of").classList.toggle("warning", shown.failures >= MISSED || state !== "live");
  drawSummary(overview);
  drawList(overview);
  for (const panel of PANELS) update($(panel.id), ...panel.draw(shown, may));
}

function drawSummary(overview) {
  const all = Object.values(overview.verdicts).reduce((sum, count) => sum + count, 0);
  const chip = (verdict, label, count) => h("button", {
    type: "button", class: `chip ${verdict}`, "data-verdict": verdict, "data-key": verdict || "all",
    "aria-pressed": String(asked.verdict === verdict),
  }, h("strong", {}, String(count)), ` ${label}`);
  update($("verdicts"), chip("", "all", all), ...Object.entries(overview.verdicts).map(([name, count]) => chip(name, verdictName(name), count)));
  $("spent").textContent = shown.costs ? `This month: ${spentOf(shown.costs.total)}` : "";
}

function drawList(overview) {
  const filtered = asked.search || asked.verdict;
  const first = (pages.length - 1) * LIMIT + 1;
  const last = first + overview.value.length - 1;
  $("count").textContent = overview.total
    ? `${first} to ${last} of ${overview.total} environments and machines${filtered ? " that match" : ""}` : "";
  const empty = filtered
    ? h("li", { class: "empty", "data-key": "empty" }, h("p", {}, "Nothing matches."), h("button", { type: "button", "data-clear": true }, "Show all"))
    : h("li", { class: "empty", "data-key": "empty" }, h("p", {}, "There is nothing here yet."),
      h("p", { class: "faint" }, "Build an environment with ", h("code", {}, "dormouse apply"),
        ", or let sweeps watch a machine with ", h("code", {}, "dormouse adopt"), "."));
  update($("rows"), ...(overview.value.length ? overview.value.map((item) => row(item, busy.get(item.id))) : [empty]));
  $("previous").disabled = pages.length === 1;
  $("following").disabled = !overview.next;
  $("pages").hidden = pages.length === 1 && !overview.next;
}

function notice(kind, text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
  $("notice").className = kind;
}

function say(text) {
  $("said").textContent = text;
}

async function perform(work, id, label) {
  try {
    busy.set(id, label);
    const done = await work();
    busy.delete(id);
    if (!done) return draw();
    say(done);
    await polling.now();
  } catch (problem) {
    busy.delete(id);
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) ended(problem);
    say(`Not done. ${problem.message}`);
    draw();
  }
}

function ask(change) {
  Object.assign(asked, change);
  pages = [""];
  const parameters = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  history.replaceState(null, "", `${location.pathname}?${parameters}`);
  return polling.now();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { do: action, id, cancel: operation, sweep, verdict, clear } = button.dataset;
  const item = id && shown.overview.value.find((one) => one.id === id);
  if (item) perform(() => act(action, item), id, action.split(":")[0]);
  else if (operation) perform(() => cancel(shown.overview.running.find((one) => one.id === operation)), operation, "cancel");
  else if (sweep) perform(async () => {
    await call("sweeps?dry_run=true", { method: "POST" });
    return "A sweep that only looks has begun; its report appears in about a minute.";
  }, "sweep", "sweep");
  else if (verdict !== undefined) ask({ verdict });
  else if (clear !== undefined) {
    $("search").value = "";
    ask({ search: "", verdict: "" });
  }
});
document.addEventListener("toggle", (event) => {
  if (event.target.open && event.target.matches("details[data-evidence]")) showEvidence(event.target);
}, true);
$("filter").addEventListener("submit", (event) => event.preventDefault());
let typing = 0;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => ask({ search: $("search").value.trim() }), 300);
});
$("sort").addEventListener("change", () => ask({ sort: $("sort").value }));
$("content").addEventListener("change", (event) => {
  if (event.target.id !== "group-by") return;
  Object.assign(shown, { groupBy: event.target.value, costsAt: 0 });
  refreshCosts();
});
$("following").addEventListener("click", () => {
  pages.push(new URL(shown.overview.next, location.origin).searchParams.get("after"));
  polling.now().then(() => $("list-title").focus());
});
$("previous").addEventListener("click", () => {
  pages.pop();
  polling.now().then(() => $("list-title").focus());
});
$("zone").addEventListener("click", () => {
  switchZone();
  draw();
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  session.useKey($("key").value.trim());
  $("key").value = "";
  begin();
});
$("entra").addEventListener("click", () => session.signInWithEntra());
$("sign-out").addEventListener("click", () => {
  session.forget();
  polling.stop();
  Object.assign(shown, { overview: null, costs: null, costsAt: 0 });
  evidence.clear();
  document.body.dataset.state = "signed-out";
  notice("", "You have signed out of this tab.");
  draw();
  $("sign-in-title").focus();
});

function begin() {
  document.body.dataset.state = "loading";
  notice("", "");
  draw();
  polling.start();
}

$("key-form").hidden = !offersKeys;
$("entra-form").hidden = !offersEntra;
const failure = await session.finishSignIn(); // it leads back to the address that was left for it
for (const [name, value] of new URLSearchParams(location.search)) if (name in asked) asked[name] = value;
$("search").value = asked.search;
$("sort").value = asked.sort;
if (session.isSignedIn()) begin();
else {
  document.body.dataset.state = "signed-out";
  notice(failure ? "error" : "", failure);
  draw();
}
