// Who the user is for the API: a function key that this tab keeps, or a token of Microsoft Entra.
// sessionStorage belongs to one tab: closing it, or `forget`, ends what is in it. Nothing goes into a URL or a cookie.

import * as entra from "./entra.js";

const KEY = "dormouse-key";

export function isSignedIn() {
  return Boolean(sessionStorage.getItem(KEY)) || entra.isSignedIn();
}

export function useKey(key) {
  entra.forget();
  sessionStorage.setItem(KEY, key);
}

export function forget() {
  sessionStorage.removeItem(KEY);
  entra.forget();
}

// The header that authenticates a request, or none; a token that ends soon is renewed first.
export async function credentials() {
  const key = sessionStorage.getItem(KEY);
  if (key) return { "x-functions-key": key };
  const token = await entra.token();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export const signInWithEntra = entra.begin;
export const finishSignIn = entra.finish;
