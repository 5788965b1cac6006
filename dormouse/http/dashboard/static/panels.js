// The panels below the list: what runs, the trail, the last sweep, costs. Each is one object, drawn by dashboard.js.

import { h } from "./dom.js";
import { operation } from "./gantt.js";
import { duration, moment, money, plural, words } from "./texts.js";

export const PANELS = [
  { id: "running", title: "Running now", draw: running },
  { id: "costs", title: "Costs this month", draw: costs },
  { id: "orphans", title: "Left behind", draw: orphans },
  { id: "trail", title: "Trail", draw: trail },
  { id: "sweep", title: "Last sweep", draw: sweep },
];

function running({ overview }, may) {
  if (!overview.running_total) return [h("p", { class: "faint" }, "Nothing is running.")];
  const cancels = may("own");
  return [
    overview.running_total > overview.running.length
      && h("p", {}, `${plural(overview.running_total, "operation")} running; the newest ${overview.running.length} are drawn.`),
    ...overview.running.map((view) => {
      const drawn = operation(view, overview.now);
      if (cancels && view.verb === "provision" && mayCancel(overview, view)) {
        drawn.append(h("p", { class: "actions" }, h("button", { type: "button", "data-cancel": view.id, class: "danger" }, "Cancel…",
          h("span", { class: "hidden" }, ` ${view.verb} of ${view.environment}`))));
      }
      return drawn;
    }),
  ];
}

function mayCancel(overview, view) {
  const row = overview.value.find((item) => item.environment === view.environment);
  return overview.me.permissions.includes("operate") || Boolean(row?.may.includes("delete"));
}

// What exists without a record, or is recorded and gone. The section is there only if reconciliation has found or missed something.
function orphans({ findings }) {
  const section = document.getElementById("orphans-section");
  section.hidden = !findings?.value.length && !(findings?.as_of && findings.problems.length);
  if (section.hidden) return [];
  const rows = findings.value.map((one) => [
    [h("span", { dir: "auto" }, one.id.split("/").at(-1)), h("span", { class: "faint" }, ` ${words(one.kind).toLowerCase()}`)],
    [h("span", { dir: "auto" }, one.why), one.since && h("span", { class: "faint" }, ` since ${moment(one.since)}`)],
    one.per_month ? `${amount(one.per_month)} a month` : "–",
    h("span", { dir: "auto" }, one.next_action),
  ]);
  return [
    rows.length > 0 && table("Findings of reconciliation", ["What", "Why", "Price", "What is done with it"], rows, findings.value.map((one) => one.id)),
    findings.next && h("p", { class: "faint" }, "Only the first findings are shown; the API has all of them."),
    findings.problems.length > 0 && h("ul", { class: "faint" }, findings.problems.map((problem) => h("li", { dir: "auto" }, problem))),
  ];
}

function trail({ overview }) {
  if (!overview.recent.length) return [h("p", { class: "faint" }, "Nothing has been done yet.")];
  return [table("Operations, newest first", ["When", "What", "Who, and by which channel", "How it ended"], overview.recent.map((view) => [
    view.accepted_at ? moment(view.accepted_at) : "unknown",
    [h("strong", { dir: "auto" }, view.environment ?? "unknown"), ` ${words(view.verb).toLowerCase()}`],
    `${view.requested_by ?? "unknown"} · ${view.channel ?? "unknown"}`,
    [h("span", { class: `outcome ${view.outcome ?? "open"}` }, words(view.outcome ?? "running")), view.reason && ` ${view.reason}`],
  ]), overview.recent.map((view) => view.id))];
}

function sweep({ overview }, may) {
  const { summary } = overview;
  const run = may("operate") && h("p", { class: "actions" },
    h("button", { type: "button", "data-sweep": "dry" }, "Sweep without acting"),
    h("span", { class: "faint" }, "Judges everything again now, and changes nothing."));
  if (!overview.as_of) return [h("p", { class: "faint" }, "No sweep has ended yet. They begin every five minutes."), run];
  return [
    h("dl", { class: "facts" },
      fact("Ended", moment(overview.as_of)),
      fact("Kind", overview.dry_run ? "Only looked" : "Acts on what it finds"),
      fact("Machines in scope", String(summary.machines)),
      fact("Actions", Object.entries(summary.actions).map(([name, count]) => `${count} ${words(name).toLowerCase()}`).join(", ") || "none"),
      fact("Asleep by sweeps, in all", duration(summary.hours_asleep * 3600)),
      fact("Saved by that, at list prices", money(summary.saved_amount, "USD"))),
    !overview.complete && h("p", { class: "warning" }, "It did not see everything:"),
    overview.problems.length > 0 && h("ul", { class: "warning" }, overview.problems.map((problem) => h("li", { dir: "auto" }, problem))),
    run,
  ];
}

function costs({ costs: report, costsProblem, groupBy }) {
  const choices = ["environment", "owner", "blueprint", "day"];
  const select = h("p", { "data-key": "group" }, h("label", { for: "group-by" }, "By "),
    h("select", { id: "group-by" }, choices.map((name) => h("option", { value: name, selected: name === groupBy }, name))));
  if (costsProblem) return [select, h("p", { class: "warning" }, `Costs are not shown: ${costsProblem}`)];
  if (!report) return [select, h("p", { class: "faint" }, "Loading …")];
  const total = report.total;
  const rows = report.value.map((line) => [
    h("span", { dir: "auto" }, line.key), amount(line.figures.spent), amount(line.figures.saved),
    line.forecast ? amount(line.forecast.expected) : "–",
    line.budget ? `${Math.round(line.budget.used_percent)} % of ${amount(line.budget.monthly)}${line.budget.stops ? ", stops" : ""}` : "none",
  ]);
  return [
    select,
    h("p", {}, h("strong", {}, amount(total.spent)), ` spent from ${moment(report.since)} to ${moment(report.until)}, `,
      h("strong", {}, amount(total.saved)), ` saved by sleep (${duration(total.hours_saved * 3600)})`,
      report.forecast ? `; ${amount(report.forecast.expected)} expected by the end of ${report.forecast.month}` : "",
      ". Estimated at list prices before tax and discounts.",
      total.at_least && " Some prices are not known: the sums are lower bounds."),
    rows.length ? table("Costs", ["For", "Spent", "Saved", "Expected this month", "Budget used"], rows, report.value.map((line) => line.key))
      : h("p", { class: "faint" }, "Nothing has cost anything in this month yet."),
    report.next && h("p", { class: "faint" }, "Only the first rows are shown; the API and `dormouse costs` have all of them."),
  ];
}

export function spentOf(total) {
  return `${amount(total.spent)} spent, ${amount(total.saved)} saved by sleep${total.at_least ? ", or more" : ""}`;
}

function amount(value) {
  return value ? money(value.amount, value.currency) : "unknown";
}

function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

// On a phone each row is shown as a card; the roles say all the same that it is a table.
function table(label, heads, rows, keys) {
  const cell = (content, column) => (column === 0
    ? h("th", { scope: "row", role: "rowheader" }, content)
    : h("td", { role: "cell", "data-head": heads[column] }, content));
  return h("div", { class: "wide", "data-key": "table", tabindex: "0", role: "region", "aria-label": label },
    h("table", { class: "cards", role: "table" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head)))),
      h("tbody", { role: "rowgroup" }, rows.map((cells, place) => h("tr", { role: "row", "data-key": keys[place] }, cells.map(cell))))));
}
