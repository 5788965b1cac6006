// The HTTP API, as every other client uses it.

import { API } from "./configuration.js";
import { credentials } from "./session.js";

// An answer that is no success: the status, and the problem (RFC 9457) as far as there is one. Status 0: no answer came.
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? body?.title ?? sentence(status));
    Object.assign(this, { status, code: body?.code ?? "", retryAfter, operation: body?.operation ?? null });
  }
}

// The JSON of a successful answer; throws Problem. `path` is relative to the API, or a `next` link of it. `key` is the
// Idempotency-Key of a command that is sent again.
export async function call(path, { method = "GET", body, signal, key } = {}) {
  const url = new URL(path.replace(/^\/api\//, ""), API);
  const known = await credentials().catch((error) => {
    throw new Problem(0, { detail: error.message }, 0);
  });
  if (!Object.keys(known).length) throw new Problem(401, { detail: "Your sign-in has ended." }, 0); // nothing is asked without
  const headers = { Accept: "application/json", ...known };
  if (method !== "GET") headers["Idempotency-Key"] = key ?? crypto.randomUUID();
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, null, 0);
  }
  const content = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, content, Number(response.headers.get("Retry-After")) || 0);
  return content;
}

function sentence(status) {
  if (status === 0) return "The control plane cannot be reached.";
  if (status === 401) return "The key or sign-in is not valid.";
  return `The control plane answered ${status}.`;
}
