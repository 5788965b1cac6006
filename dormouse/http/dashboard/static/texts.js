// Times, amounts and names as people read them. Every time is printed with its zone.

let zone = localStorage.getItem("dormouse-zone") === "UTC" ? "UTC" : undefined;

export function isUtc() {
  return zone === "UTC";
}

export function switchZone() {
  zone = isUtc() ? undefined : "UTC";
  localStorage.setItem("dormouse-zone", zone ?? "local");
}

export function moment(text) {
  const at = new Date(text);
  const day = { year: "numeric", month: "short", day: "numeric" };
  const clock = { hour: "2-digit", minute: "2-digit", hour12: false, timeZoneName: "short", timeZone: zone };
  return new Intl.DateTimeFormat("en-GB", { ...(isFar(at) ? day : {}), ...clock }).format(at);
}

export function exact(at) {
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZoneName: "short", timeZone: zone };
  return new Intl.DateTimeFormat("en-GB", parts).format(new Date(at));
}

let now = Date.now();
export function setNow(text) {
  now = Date.parse(text);
}

export function inWords(text) {
  const seconds = (Date.parse(text) - now) / 1000;
  return seconds >= 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

export function minutesUntil(text) {
  return Math.max(0, Math.round((Date.parse(text) - now) / 60_000));
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

export function money(amount, currency) {
  return amount === null || amount === undefined
    ? "unknown"
    : new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "code" }).format(amount);
}

export function plural(count, noun) {
  return `${new Intl.NumberFormat("en").format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function words(name) {
  const text = String(name ?? "").replaceAll("_", " ").replaceAll("-", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function isFar(at) {
  return Math.abs(at - now) > 20 * 3600 * 1000;
}
