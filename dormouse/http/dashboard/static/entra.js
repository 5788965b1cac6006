// Sign-in with Microsoft Entra: authorization code with PKCE, for an app registration with a redirect URI of the type SPA.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
// The access token stays in memory. The refresh token, which Entra ends after 24 hours, stays in sessionStorage of this tab.

import { API, SIGN_IN } from "./configuration.js";

const REFRESH = "dormouse-refresh";
const PENDING = "dormouse-sign-in"; // state, nonce and code verifier between leaving for Entra and coming back
const EARLY = 120; // seconds before its end at which a token is renewed
const REDIRECT = `${API}dashboard`; // the only one that must be registered
let access = { token: "", ends: 0 };
let renewal = null;

export function isSignedIn() {
  return Boolean(access.token || sessionStorage.getItem(REFRESH));
}

export function forget() {
  access = { token: "", ends: 0 };
  sessionStorage.removeItem(REFRESH);
  sessionStorage.removeItem(PENDING);
}

// An access token, renewed if it ends soon; "" if the user has to sign in (again).
export async function token() {
  if (access.token && Date.now() / 1000 < access.ends - EARLY) return access.token;
  if (!sessionStorage.getItem(REFRESH)) return "";
  renewal ??= renew().finally(() => (renewal = null));
  await renewal;
  return access.token;
}

// Leave for Entra; the page comes back to where it is now.
export async function begin() {
  const [state, nonce, verifier] = [random(), random(), random()];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  sessionStorage.setItem(PENDING, JSON.stringify({ state, nonce, verifier, returnTo: location.pathname + location.search }));
  const query = new URLSearchParams({
    client_id: SIGN_IN.client,
    response_type: "code",
    redirect_uri: REDIRECT,
    response_mode: "fragment",
    scope: SIGN_IN.scope,
    state,
    nonce,
    code_challenge: encoded(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${endpoint("authorize")}?${query}`);
}

// After Entra has sent the user back: redeem the code. Says what went wrong, or "" for success or nothing to do.
export async function finish() {
  const answer = new URLSearchParams(location.hash.slice(1));
  if (!answer.has("code") && !answer.has("error")) return "";
  history.replaceState(null, "", location.pathname + location.search); // the code stays in no history
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (!pending || answer.get("state") !== pending.state) return "This sign-in was not begun in this tab. Sign in again.";
  if (answer.has("error")) return `Microsoft Entra: ${answer.get("error_description") ?? answer.get("error")}`;
  const grant = { grant_type: "authorization_code", code: answer.get("code"), redirect_uri: REDIRECT, code_verifier: pending.verifier };
  const failure = await redeem(grant, pending.nonce).catch((error) => `${error.message} Sign in again.`);
  if (failure) return failure;
  const back = new URL(pending.returnTo, location.origin);
  if (!back.href.startsWith(API)) return "";
  if (back.pathname === location.pathname) history.replaceState(null, "", back.href);
  else location.replace(back.href);
  return "";
}

async function renew() {
  const failure = await redeem({ grant_type: "refresh_token", refresh_token: sessionStorage.getItem(REFRESH) });
  if (failure) forget();
}

// Says why Entra denies tokens, or ""; throws if it cannot be reached, which ends no session.
async function redeem(grant, nonce) {
  const body = new URLSearchParams({ client_id: SIGN_IN.client, scope: SIGN_IN.scope, ...grant });
  const response = await fetch(endpoint("token"), { method: "POST", body }).catch(() => null);
  const tokens = await response?.json().catch(() => null);
  if (!tokens || response.status >= 500) throw new Error("Microsoft Entra cannot be reached.");
  if (!response.ok) return `Microsoft Entra: ${tokens.error_description ?? tokens.error ?? response.status}`;
  if (nonce && claims(tokens.id_token).nonce !== nonce) return "The answer of Microsoft Entra belongs to another sign-in.";
  access = { token: tokens.access_token, ends: Date.now() / 1000 + Number(tokens.expires_in) };
  if (tokens.refresh_token) sessionStorage.setItem(REFRESH, tokens.refresh_token);
  return "";
}

// What an ID token says. It came straight from the authority over TLS, so its signature needs no check (OpenID Connect, 3.1.3.7).
function claims(jwt) {
  try {
    const part = jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (one) => one.charCodeAt(0))));
  } catch {
    return {};
  }
}

function endpoint(name) {
  return `${SIGN_IN.authority}/${SIGN_IN.tenant}/oauth2/v2.0/${name}`;
}

function random() {
  return encoded(crypto.getRandomValues(new Uint8Array(32))); // 43 characters, as RFC 7636 asks for
}

function encoded(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
