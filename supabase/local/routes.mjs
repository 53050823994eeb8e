// The allow-list: everything that is not found here is 404 and never reaches Lite.
import { restError } from "./answers.mjs";

const READ = ["GET", "HEAD"];
const KB = 1024;
const MB = 1024 * KB;

const AUTH = new Map([
  ["/auth/v1/signup", { kind: "signup", methods: ["POST"] }],
  ["/auth/v1/token", { kind: "token", methods: ["POST"] }],
  ["/auth/v1/logout", { kind: "logout", methods: ["POST"] }],
  ["/auth/v1/user", { kind: "user", methods: ["GET", "PUT"] }],
  ["/auth/v1/admin/users", { kind: "admin", methods: ["POST"] }],
]);
const AUTH_BODY = 16 * KB;
const LARGE_CALLS = /^(sync_push|import_)/;

/**
 * The route of an exact path, or null. `path` is the raw path of the request line: no encoding, no
 * doubled slash and
 * no trailing slash is accepted, so there is one spelling for each route.
 */
export function findRoute(path, surface) {
  const auth = AUTH.get(path);
  if (auth) return { ...auth, path, area: "auth", bodyLimit: AUTH_BODY };
  const [, rpc, name] = /^\/rest\/v1\/(rpc\/)?([a-z_][a-z0-9_]*)$/.exec(path) ?? [];
  if (name === undefined) return null;
  if (rpc && surface.functions.has(name)) {
    return {
      kind: "function",
      name,
      path,
      area: "rest",
      methods: [...READ, "POST"],
      timeout: surface.functions.get(name),
      bodyLimit: LARGE_CALLS.test(name) ? 8 * MB : 2 * MB,
    };
  }
  if (!rpc && surface.relations.has(name)) {
    return { kind: "relation", name, path, area: "rest", methods: READ, bodyLimit: 64 * KB };
  }
  return null;
}

export function notFound(path) {
  if (path.startsWith("/rest/v1/rpc/")) {
    return restError(404, "PGRST202", "Could not find the function in the schema cache");
  }
  if (path.startsWith("/rest/v1/")) {
    return restError(404, "PGRST205", "Could not find the relation in the schema cache");
  }
  return restError(404, "PGRST125", "Invalid path specified in request URL");
}

const NO_FILTER = new Set(["select", "order", "limit", "offset", "columns", "on_conflict", "apikey"]);

/**
 * A write to a view: the answer that the grants and `safeupdate` of a hosted Supabase give. The
 * database has no such grant either; Lite would turn its refusal into a 500.
 */
export function refuseWrite(method, route, search, isSignedIn) {
  const filtered = [...new URLSearchParams(search)].some(([key]) => !NO_FILTER.has(key));
  if ((method === "PATCH" || method === "DELETE") && !filtered) {
    const verb = method === "PATCH" ? "UPDATE" : "DELETE";
    return restError(400, "21000", `${verb} requires a WHERE clause`);
  }
  return restError(isSignedIn ? 403 : 401, "42501", `permission denied for view ${route.name}`);
}
