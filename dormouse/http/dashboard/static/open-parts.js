// The parts of the page of an open link, drawn from what the API says: texts only, never HTML.

const STEP_WORDS = { verify: "Azure shows it as running", health: "health checks inside the machine" };
const RDP_FILE = "application/x-rdp";

export function element(id) {
  return document.getElementById(id);
}

export function show(id, visible) {
  element(id).hidden = !visible;
}

export function say(text, { good = false, bad = false } = {}) {
  const line = element("phase");
  if (line.textContent !== text) line.textContent = text; // read out once, not at every look
  line.classList.toggle("good", good);
  line.classList.toggle("bad", bad);
}

export function drawFacts(opening) {
  const hours = `${opening.hours_today} h`;
  const facts = [
    ["While it runs", money(opening.price_per_hour, " per hour") || "price unknown"],
    ["While it sleeps", money(opening.price_asleep_per_hour, " per hour")],
    ["Today (UTC)", opening.spent_today ? `${money(opening.spent_today)} for ${hours}` : hours],
    ["Owner", opening.owner],
    ["Blueprint", opening.blueprint],
    ["Kept awake", opening.hold ? `until ${moment(opening.hold.until)} by ${opening.hold.by}` : ""],
    ["Next", opening.next.length ? upcoming(opening.next[0]) : ""],
    ["Problem", opening.problem],
  ];
  const rows = facts.filter(([, value]) => value).flatMap(([term, value]) => [made("dt", term), made("dd", value)]);
  element("facts").replaceChildren(...rows);
  show("facts", true);
}

export function drawOperation(opening) {
  const operation = opening.operation?.outcome === null ? opening.operation : null;
  show("progress", Boolean(operation) || opening.phase === "starting");
  if (!operation) {
    element("bar").removeAttribute("value");
    element("elapsed").textContent = "";
    return element("steps").replaceChildren();
  }
  const elapsed = operation.began_at ? Math.max(0, (Date.now() - Date.parse(operation.began_at)) / 1000) : 0;
  const usual = opening.phase === "starting" ? opening.usual_seconds : null;
  element("elapsed").textContent = [
    `${operation.verb} by ${operation.requested_by ?? "an unknown caller"}, for ${seconds(elapsed)}`,
    usual ? `usually ${seconds(usual)}` : "a VM usually takes 1 to 4 minutes",
  ].join("; ");
  // The share of steps that are done, not of a time that is not known.
  const done = operation.steps.filter((step) => step.ended_seconds !== null).length;
  if (operation.steps.length) element("bar").value = (100 * done) / (operation.steps.length + 1);
  else element("bar").removeAttribute("value");
  const steps = operation.steps.map((step) => {
    const took = step.duration_seconds === null ? "" : ` (${seconds(step.duration_seconds)})`;
    return made("li", `${STEP_WORDS[step.name] ?? step.name}: ${step.state}${took}`);
  });
  element("steps").replaceChildren(...steps);
}

// Why it may not be started, or why the last start did not succeed, and what to do.
export function drawRefusal(opening) {
  const ended = opening.operation?.outcome ? opening.operation : null;
  const hindered = !opening.may_start ? opening.obstacle : null;
  show("refusal", Boolean(ended || hindered));
  if (!ended && !hindered) return;
  element("refusal-title").textContent = hindered ? "Why it cannot be started" : `The last ${ended.verb} ended: ${ended.outcome}`;
  element("refusal-reason").textContent = hindered?.detail ?? ended.reason ?? "";
  const tried = (ended?.attempts ?? []).map((one) => made("li", `Tried: ${[one.size, one.region].filter(Boolean).join(" in ")}.`));
  const quotas = (ended?.refusals ?? []).filter((one) => one.quota).map(({ quota }) => {
    const line = made("li", `The quota is ${quota.limit ?? "unknown"}; ${quota.new_limit ?? "more"} would suffice. `);
    line.append(...linked(quota.link, "Ask for more in the Azure portal"));
    return line;
  });
  element("refusal-list").replaceChildren(...quotas, ...tried);
}

export function drawWays(opening) {
  const signature = JSON.stringify(opening.ways_in);
  show("ways", opening.ways_in.length > 0);
  const list = element("ways-list");
  if (list.dataset.shown === signature) return; // focus and what was copied stay
  list.dataset.shown = signature;
  list.replaceChildren(...opening.ways_in.map(way));
}

function way(one) {
  const row = made("li", "");
  row.append(made("strong", one.title), one.ready ? "" : " (not checked since it booted)", document.createElement("br"));
  const actions = made("p", "");
  actions.className = "row";
  const links = linked(one.url, `Open ${one.title}`);
  if (links.length) {
    links[0].className = one.ready ? "button main" : "button";
    actions.append(...links);
  } else {
    row.append(made("code", one.command));
    if (one.kind === "rdp") actions.append(button("Download .rdp file", () => download(one)));
    actions.append(button(`Copy the ${one.title} command`, (self) => copy(one.command, self)));
  }
  row.append(actions);
  const about = [one.username ? `Log in as ${one.username}.` : "", one.note ?? ""].filter(Boolean).join(" ");
  if (about) {
    const line = made("p", about);
    line.className = "quiet";
    row.append(line);
  }
  return row;
}

// A link to a page that the API named, or nothing: only https is followed.
function linked(url, text) {
  if (!URL.canParse(url ?? "") || new URL(url).protocol !== "https:") return [];
  const link = made("a", text);
  link.href = new URL(url).href;
  link.rel = "noopener noreferrer";
  return [link];
}

// https://learn.microsoft.com/azure/virtual-desktop/rdp-properties
function download(one) {
  const lines = [`full address:s:${one.host}:${one.port}`, `username:s:${one.username ?? ""}`, "prompt for credentials:i:1"];
  const text = lines.map((line) => `${line.replaceAll(/[\r\n]/g, "")}\r\n`).join("");
  const link = made("a", "");
  link.href = URL.createObjectURL(new Blob([text], { type: RDP_FILE }));
  link.download = `${one.host}.rdp`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function copy(text, self) {
  try {
    await navigator.clipboard.writeText(text);
    self.textContent = "Copied";
  } catch {
    self.textContent = "Select the text to copy it";
  }
}

function button(text, act) {
  const one = made("button", text);
  one.type = "button";
  one.addEventListener("click", () => act(one));
  return one;
}

function made(tag, text) {
  const one = document.createElement(tag);
  one.textContent = text;
  return one;
}

function money(amount, unit = "") {
  return amount ? `${amount.amount.toFixed(2)} ${amount.currency}${unit}` : "";
}

function upcoming({ what, at, because }) {
  return `${what.replaceAll("_", " ")}${at ? ` at ${moment(at)}` : ""}: ${because}`;
}

function moment(text) {
  return new Date(text).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
}

function seconds(total) {
  const whole = Math.round(total);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
