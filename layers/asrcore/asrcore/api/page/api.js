// Calls the API that serves this page. An access token is kept for this tab only, and sent to this API only.

import { find, language, say, write } from "../../render/common/common.js";

const TOKEN = "asrcore.token";

export const nothing = () => "";
export function tell(said, isBad = false) {
  write(find("news"), said);
  find("news").className = isBad ? "bad" : "";
}

export class Refused extends Error { // said: returns the reason; status: of HTTP
  constructor(said, status) {
    super(said());
    Object.assign(this, { said, status });
  }
}

// Return the response to a request, or throw Refused. path: from the root of the API.
export async function call(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { "Accept-Language": language(), ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(path.replace(/^\//, ""), { signal: AbortSignal.timeout(60_000), ...options, headers });
  const isOurs = !answer.redirected; // a bucket accepts no token
  const mayRead = token && options.method; // a token with which only a change is forbidden is kept
  if (isOurs && (answer.status === 401 || (answer.status === 403 && !mayRead))) {
    sessionStorage.removeItem(TOKEN);
    find("sign-in").hidden = false;
    throw new Refused(() => say("jobs.token_needed"));
  }
  if (!answer.ok && answer.status !== 304) {
    const { detail, errors } = await answer.json().catch(() => ({})); // API Gateway's own answers have neither
    const { status } = answer, forbidden = isOurs && status === 403 && "jobs.not_allowed";
    const code = forbidden || (status === 429 ? "jobs.too_many_requests" : "jobs.request_failed");
    if (!detail) throw new Refused(() => say(code, { status: `${status}` }), status);
    throw new Refused(() => [detail, ...(errors ?? []).map(({ message }) => message)].join("\n"), status);
  }
  return answer;
}
export const get = async (path, options) => (await call(path, options)).json();
export const post = (path, body = {}, method = "POST") =>
  call(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
export const needsToken = () => !find("sign-in").hidden;

// The API's rejections say why; a browser's message about a failed network does not help: show `otherwise`.
export const reason = (error, otherwise) => (error instanceof Refused ? error.said : () => say(otherwise));
export const failed = (error) => tell(reason(error, "jobs.network_failed"), true);

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, find("token").value.trim());
  find("token").value = "";
  find("sign-in").hidden = true;
  tell(nothing);
  document.dispatchEvent(new Event("signed-in"));
});
