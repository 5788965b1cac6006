// What the page was served with: where the API is, and how users sign in. None of it is secret.

export const API = new URL("../../", import.meta.url).href; // ends in /api/
export const SIGN_IN = JSON.parse(document.querySelector('meta[name="sign-in"]').content);
export const offersKeys = SIGN_IN.keys;
export const offersEntra = Boolean(SIGN_IN.client);
