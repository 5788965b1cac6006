// An open link: sign in, start the environment if it sleeps, show how far it is, and lead to what answers there.
// The page asks with GET until the user has said yes: by signing in here, or by a click. Nothing else starts a machine.

import { call } from "./api.js";
import { offersEntra, offersKeys } from "./configuration.js";
import { drawFacts, drawOperation, drawRefusal, drawWays, element, say, show } from "./open-parts.js";
import { forget, isSignedIn, signInWithEntra, useKey } from "./session.js";

const name = decodeURIComponent(location.pathname.replace(/\/+$/, "").split("/").pop());
const path = `environments/${encodeURIComponent(name)}`;
const REQUEST = "dormouse-open"; // that the user has asked to open this environment by signing in
const REQUEST_LASTS = 10 * 60_000; // milliseconds, from leaving for the sign-in to coming back
const COUNTDOWN = 5; // seconds in which a start that follows a sign-in can be cancelled
const AGAIN = { starting: 5, busy: 15, unavailable: 60, asleep: 60, ready: 60, unchecked: 60, unhealthy: 60 }; // seconds
const HIDDEN = 300; // at least so many seconds between questions while the tab is hidden
const LONGEST_PAUSE = 300;

let opening = null; // what the API said last
let waited = false; // whether this visit has seen it on its way
let stopped = ""; // who or what has stopped it since, for as long as it is asleep
let timer = 0;
let ticking = 0;
let failures = 0;
let key = ""; // the idempotency key of the start, until it is known to have arrived

function rememberRequest() {
  sessionStorage.setItem(REQUEST, JSON.stringify({ name, at: Date.now() }));
}

// Whether the user has just signed in here to open this environment; it counts once.
function takeRequest() {
  const requested = JSON.parse(sessionStorage.getItem(REQUEST) ?? "null");
  sessionStorage.removeItem(REQUEST);
  return requested?.name === name && Date.now() - requested.at < REQUEST_LASTS;
}

async function look() {
  clearTimeout(timer);
  if (!isSignedIn()) return askForSignIn();
  try {
    const running = opening?.phase === "starting" && opening.operation?.outcome === null ? opening.operation.id : "";
    if (running) {
      // An operation is read from the records; Azure is asked again when it has ended.
      const operation = await call(`operations/${encodeURIComponent(running)}`);
      if (operation.outcome === null) opening = { ...opening, operation };
      else await ask();
    } else {
      await ask();
    }
    failures = 0;
    draw();
    again(AGAIN[opening.phase]);
  } catch (problem) {
    fail(problem);
  }
}

async function ask() {
  const before = opening?.phase;
  opening = await call(`${path}/opening`);
  if (opening.phase !== "asleep" || opening.operation) stopped = "";
  else if (waited && before && before !== "asleep") stopped = await lastChange();
  if (stopped) opening.text = `${stopped} ${opening.text}`;
  waited ||= opening.phase === "starting" || opening.phase === "ready";
}

// Who or what has stopped it while the user was waiting.
async function lastChange() {
  const known = await call(`operations?limit=1&environment=${encodeURIComponent(name)}`);
  const last = known.value[0];
  return last ? `It was stopped again by ${last.requested_by ?? "an unknown caller"}.` : "It was stopped again.";
}

function again(seconds) {
  clearTimeout(timer);
  timer = setTimeout(look, 1000 * (document.visibilityState === "hidden" ? Math.max(seconds, HIDDEN) : seconds));
}

function draw() {
  const { phase } = opening;
  const checked = opening.operation?.outcome === null && opening.operation.steps.some(isChecking);
  const text = checked ? `${opening.name} runs; its health checks have not all passed yet.` : opening.text;
  say(text, { good: phase === "ready", bad: phase === "unhealthy" || phase === "unavailable" });
  document.title = `${opening.name}: ${phase} - Dormouse`;
  show("sign-in", false);
  show("forget", true);
  show("again", false);
  element("as-of").textContent = `As of ${new Date(opening.observed_at).toLocaleTimeString(undefined, { timeZoneName: "short" })}.`;
  drawFacts(opening);
  drawOperation(opening);
  drawRefusal(opening);
  drawWays(opening);
  drawStart(takeRequest());
}

function isChecking(step) {
  return step.name === "health" && step.state === "running";
}

function drawStart(requested) {
  show("asleep", opening.may_start);
  if (!opening.may_start) return stopCountdown();
  element("warnings").replaceChildren(...opening.warnings.map((text) => item(text)));
  element("start").textContent = `Start ${opening.name}`;
  if (requested && opening.phase === "asleep") countDown();
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function countDown() {
  let left = COUNTDOWN;
  show("countdown", true);
  show("cancel", true);
  element("seconds").textContent = left;
  element("cancel").focus();
  ticking = setInterval(() => {
    left -= 1;
    element("seconds").textContent = Math.max(left, 0);
    if (left <= 0) start();
  }, 1000);
}

function stopCountdown() {
  clearInterval(ticking);
  ticking = 0;
  show("countdown", false);
  show("cancel", false);
}

async function start() {
  stopCountdown();
  clearTimeout(timer);
  element("start").disabled = true;
  key ||= crypto.randomUUID(); // the same one until an answer has come: a start that arrived is not sent as another one
  try {
    await call(`${path}/open`, { method: "POST", key });
    key = "";
    waited = true;
    opening = null;
    await look();
  } catch (problem) {
    if (problem.status) key = "";
    fail(problem);
  } finally {
    element("start").disabled = false;
  }
}

function fail(problem) {
  if (!("status" in problem)) throw problem;
  const { status } = problem;
  stopCountdown();
  if (status === 401) {
    forget();
    return askForSignIn("Your sign-in is not valid or has ended. Sign in again.");
  }
  failures += 1;
  const lasting = [400, 403, 404, 409].includes(status);
  // One text for what is not there and for what this caller may not see.
  const hidden = status === 404 || (status === 403 && !opening);
  say(hidden ? `There is no environment ${name} that you may open.` : problem.message, { bad: true });
  show("forget", true);
  show("again", true);
  if (hidden) clear("Nothing to open - Dormouse");
  else if (status === 409 || !lasting) again(Math.max(problem.retryAfter, Math.min(LONGEST_PAUSE, 5 * 2 ** failures)));
}

// Show nothing of what was known before.
function clear(title) {
  opening = null;
  waited = false;
  stopped = "";
  document.title = title;
  for (const each of ["asleep", "progress", "refusal", "ways", "facts"]) show(each, false);
  element("as-of").textContent = "";
}

function askForSignIn(why = "") {
  clear(`Open ${name} - Dormouse`);
  show("again", false);
  show("forget", false);
  say(why || `Sign in to open ${name}.`, { bad: Boolean(why) });
  show("sign-in", true);
  show("entra", offersEntra);
  show("key-form", offersKeys);
}

element("title").textContent = `Open ${name}`;
element("entra").addEventListener("click", () => {
  rememberRequest();
  signInWithEntra();
});
element("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  rememberRequest();
  useKey(element("key").value.trim());
  element("key").value = "";
  look();
});
element("start").addEventListener("click", start);
element("cancel").addEventListener("click", () => {
  stopCountdown();
  element("start").focus();
});
element("again").addEventListener("click", look);
element("forget").addEventListener("click", () => {
  clearTimeout(timer);
  stopCountdown();
  forget();
  askForSignIn();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && opening && !ticking) look();
});
await look();
