// The admin API. The token is kept in this tab's session and shown in a header: no cookie goes along by itself, so no other page can act in our name.

const key = "firewall-token";

/** Why the appliance did not answer as wished. Its message is for a person. */
export class Refused extends Error {
  constructor(status, errors) {
    super(errors.join("\n"));
    this.status = status;
  }
}

export const session = {
  get token() { return sessionStorage.getItem(key); },
  set token(value) {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  },
};

async function send(method, path, query, signal) {
  const words = new URLSearchParams(query).toString();
  const response = await fetch(words ? `${path}?${words}` : path, {
    method, signal, cache: "no-store", credentials: "omit", redirect: "error", headers: { Authorization: `Bearer ${session.token}` },
  });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Refused(response.status, answer.errors ?? [`the appliance answered ${response.status}`]);
}

/** One answer. */
export const get = async (path, query = {}, signal = undefined) => (await send("GET", path, query, signal)).json();

/** Has something done. */
export const post = async (path, query = {}) => (await send("POST", path, query)).json();

/** An answer without an end, a JSON value a line; returns when it ends. */
export async function follow(path, query, signal, take) {
  const response = await send("GET", path, query, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    take(lines.filter(line => line.length > 0).map(line => JSON.parse(line)));
  }
}
