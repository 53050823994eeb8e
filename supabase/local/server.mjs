// The embedded API: Supabase Lite behind an allow-list, answering as hosted Supabase does.
//
//   request ─► guard (host, origin, keys) ─► routes (allow-list) ─► query_guard (filters) ─► limits
//   ─► body (size, JSON) ─► auth | Lite
//
// The process ends when its standard input closes: whoever started it is gone.
import { createServer } from "node:http";
import postgres from "postgres";
import { Refusal, authError, authFailure, json, restError, restFailure } from "./answers.mjs";
import { Auth } from "./auth.mjs";
import { checkAnnouncedLength, drain, readObject } from "./body.mjs";
import { Guard } from "./guard.mjs";
import { ConcurrencyLimit } from "./limits.mjs";
import { makeLite, withSqlState } from "./lite.mjs";
import { sealConsole } from "./log.mjs";
import { refusal } from "./query_guard.mjs";
import { findRoute, notFound, refuseWrite } from "./routes.mjs";
import { readSurface } from "./surface.mjs";

const STATEMENT_TIMEOUT = 8_000; // milliseconds, as hosted Supabase's role authenticated
const CONNECTIONS = 12;
const SLOW_CONNECTIONS = 2; // of each longer timeout: slow calls have a pool of their own
// At a time; the rest wait in line. Four busy calls double the time of others on two processors.
const CALLS_OF_A_PERSON = 2;
const SLOW_CALLS_OF_A_PERSON = 1; // the second slow connection is for somebody else
const WAITING_CALLS = 32;
const LONGEST_WAIT = 10; // seconds

const say = sealConsole();
const environment = process.env;
const main = makeLite(environment, { timeout: STATEMENT_TIMEOUT, connections: CONNECTIONS });
await main.ensureSystemSchema();
if (environment.SCHEMA_ONLY) {
  say("system schema ready");
  process.exit(0);
}
await main.init();

const sql = postgres(environment.DB_URL, {
  max: 2,
  onnotice: () => {},
  connection: { application_name: "forecourt_api", statement_timeout: STATEMENT_TIMEOUT },
});
const surface = await readSurface(sql);
const slow = new Map();
for (const timeout of new Set(surface.functions.values())) {
  if (timeout === null) continue;
  const lite = makeLite(environment, { timeout, connections: SLOW_CONNECTIONS });
  await lite.init();
  slow.set(timeout, lite);
}

const guard = new Guard(environment);
const calls = new ConcurrencyLimit(CALLS_OF_A_PERSON, WAITING_CALLS, LONGEST_WAIT);
const slowCalls = new ConcurrencyLimit(SLOW_CALLS_OF_A_PERSON, WAITING_CALLS, LONGEST_WAIT);
const ORIGIN = `http://127.0.0.1:${environment.PORT}`;

/** Asks Lite with the headers it needs and a canonical address. `body` is an object, JSON text or null. */
async function askLite(lite, method, target, { headers, body }) {
  const init = { method, headers: new Headers(headers) };
  if (body !== null && method !== "GET" && method !== "HEAD") {
    init.headers.set("content-type", "application/json");
    init.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  const request = new Request(ORIGIN + target, init);
  const [answer, code] = await withSqlState(() => lite.fetch(request, { peerAddress: null }));
  if (answer.status < 500) return answer;
  return target.startsWith("/auth/") ? authFailure(code) : restFailure(code);
}

const auth = new Auth({
  fetchLite: (method, target, options) => askLite(main, method, target, options),
  sql,
  publishableKey: environment.PUBLISHABLE_KEY,
});

const FORWARDED = ["accept", "apikey", "authorization", "range", "range-unit"];

function forwardedHeaders(incoming) {
  const headers = { "accept-profile": "api", "content-profile": "api" };
  for (const name of FORWARDED) {
    if (typeof incoming.headers[name] === "string") headers[name] = incoming.headers[name];
  }
  // Other preferences change how a write answers, and there are no writes; a planned count would
  // tell of hidden rows.
  if (/\bcount=(exact|planned|estimated)\b/.test(incoming.headers.prefer ?? "")) headers.prefer = "count=exact";
  return headers;
}

async function answerRest(call, incoming, search) {
  const { route, method } = call;
  if (/vnd\.pgrst\.plan/.test(incoming.headers.accept ?? "")) {
    return restError(406, "PGRST107", "None of these media types are available");
  }
  checkAnnouncedLength(incoming, route.bodyLimit, restError);
  const lite = slow.get(route.timeout) ?? main;
  const leave = await (lite === main ? calls : slowCalls).enter(call.person);
  if (leave === null) {
    return restError(429, "PGRST003", "Too many calls of one person at a time", { "retry-after": "2" });
  }
  try {
    const body = method === "POST" ? (await readObject(incoming, route.bodyLimit, restError)).text : null;
    return await askLite(lite, method, route.path + search, { headers: call.headers, body });
  } finally {
    leave();
  }
}

async function answerCall(incoming) {
  const [path, query = ""] = splitOnce(incoming.url, "?");
  const search = query ? `?${query}` : "";
  const { method } = incoming;
  if (path === "/healthz" && (method === "GET" || method === "HEAD")) return new Response("ok");
  const profile = incoming.headers[method === "GET" || method === "HEAD" ? "accept-profile" : "content-profile"];
  if (path.startsWith("/rest/v1/") && profile && profile !== "api") {
    return restError(406, "PGRST106", "The schema must be one of the following: api");
  }
  const route = findRoute(path, surface);
  if (route === null) return notFound(path);
  const error = route.area === "auth" ? authError : restError;
  if (method === "OPTIONS") {
    const headers = guard.preflight(incoming.headers.origin, route.methods);
    return headers
      ? new Response(null, { status: 204, headers })
      : error(403, "origin_not_allowed", "This origin is not allowed");
  }
  const headers = forwardedHeaders(incoming);
  const params = new URLSearchParams(search);
  headers.apikey ??= params.get("apikey") ?? undefined;
  const key = guard.kindOfKey(headers.apikey);
  if (route.kind === "admin" && key !== "secret") return notFound(path);
  if (key === null) return error(401, "no_api_key", "No API key found in request, or it is not valid");
  const bearer = guard.bearer(incoming.headers.authorization);
  if (bearer.malformed) {
    return error(401, route.area === "auth" ? "bad_jwt" : "PGRST301", "The bearer is no token");
  }
  if (route.area === "rest") {
    const refused = refusal(path + search);
    if (refused !== null) return json(refused.status, refused.body);
  }
  if (!route.methods.includes(method)) {
    const isWrite = route.kind === "relation" && ["POST", "PUT", "PATCH", "DELETE"].includes(method);
    if (isWrite) return refuseWrite(method, route, search, bearer.user !== undefined);
    return error(405, "PGRST117", "Unsupported HTTP method", { allow: route.methods.join(", ") });
  }
  const address = incoming.socket.remoteAddress ?? "";
  const call = { route, method, headers, address, query: params, person: bearer.user ?? `at ${address}` };
  if (route.area === "rest") return answerRest(call, incoming, search);
  if (method !== "GET") call.body = (await readObject(incoming, route.bodyLimit, authError)).value;
  return auth.answer(call);
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

async function handle(incoming, outgoing) {
  let answer;
  if (!guard.allowsHost(incoming.headers.host)) {
    answer = restError(421, "PGRST125", "This host name is not served here");
  } else {
    try {
      answer = await answerCall(incoming);
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      answer = error instanceof Refusal ? error.response : restError(500, "XX000", "unexpected failure");
    }
  }
  const sealed = guard.seal(answer, incoming.headers.origin);
  const body = Buffer.from(await sealed.arrayBuffer());
  const headers = Object.fromEntries(sealed.headers);
  if (sealed.status !== 204) headers["content-length"] = String(body.length);
  if (!incoming.complete) headers.connection = "close"; // what is still being sent is not read as another request
  outgoing.writeHead(sealed.status, headers);
  outgoing.end(incoming.method === "HEAD" ? undefined : body);
  drain(incoming);
}

const server = createServer({ headersTimeout: 15_000, requestTimeout: 120_000, maxHeaderSize: 32 * 1024 });
server.maxConnections = 1_000;
server.on("request", (incoming, outgoing) => {
  handle(incoming, outgoing).catch((error) => {
    console.error(error);
    outgoing.destroy();
  });
});
server.listen(Number(environment.PORT), "127.0.0.1", () => say(`listening on ${environment.PORT}`));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
