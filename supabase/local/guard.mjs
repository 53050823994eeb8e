// Who may call: the Host header against rebinding, CORS for the browsers of known origins, the
// keys, the headers of
// every answer.
import { createHmac, timingSafeEqual } from "node:crypto";

const REQUEST_HEADERS = [
  "accept", "accept-profile", "apikey", "authorization", "content-profile", "content-type", "prefer", "range",
  "range-unit", "x-client-info", "x-supabase-api-version",
];
const EXPOSED = "Content-Location, Content-Range, Preference-Applied, Retry-After, X-Sb-Error-Code";
const PASSED_ON = new Set([
  "allow", "connection", "content-location", "content-profile", "content-range", "content-type", "location",
  "preference-applied", "range-unit", "retry-after", "www-authenticate", "x-sb-error-code",
]);

const PREFLIGHT = ["access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"];

const list = (text) => (text ?? "").split(",").map((part) => part.trim()).filter(Boolean);

export class Guard {
  constructor(environment) {
    const { PORT, WEB_PORT, FORECOURT_HOSTS, FORECOURT_ORIGINS } = environment;
    const local = ["127.0.0.1", "localhost", "[::1]"];
    this.hosts = new Set([...local.map((name) => `${name}:${PORT}`), ...list(FORECOURT_HOSTS)]);
    this.origins = new Set([
      ...(WEB_PORT ? local.map((name) => `http://${name}:${WEB_PORT}`) : []),
      ...list(FORECOURT_ORIGINS),
    ]);
    this.publishableKey = environment.PUBLISHABLE_KEY;
    this.secretKey = environment.SECRET_KEY;
    this.jwtSecret = environment.JWT_SECRET;
  }

  allowsHost(host) {
    return this.hosts.has((host ?? "").toLowerCase());
  }

  /** "publishable", "secret" or null. */
  kindOfKey(key) {
    if (equal(key, this.publishableKey)) return "publishable";
    return equal(key, this.secretKey) ? "secret" : null;
  }

  /** The preflight's headers; null for an origin that is not ours. */
  preflight(origin, methods) {
    if (!this.origins.has(origin)) return null;
    return {
      "access-control-allow-methods": [...methods, "OPTIONS"].join(", "),
      "access-control-allow-headers": REQUEST_HEADERS.join(", "),
      "access-control-max-age": "600",
    };
  }

  /** The same answer with our headers and, of its own, only those that say something to a client. */
  seal(answer, origin) {
    const headers = new Headers();
    for (const [name, value] of answer.headers) {
      if (PASSED_ON.has(name)) headers.set(name, value);
    }
    headers.set("vary", "Origin");
    if (this.origins.has(origin)) {
      for (const name of PREFLIGHT) if (answer.headers.has(name)) headers.set(name, answer.headers.get(name));
      headers.set("access-control-allow-origin", origin);
      headers.set("access-control-expose-headers", EXPOSED);
    }
    headers.set("cache-control", "no-store");
    headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    headers.set("referrer-policy", "no-referrer");
    headers.set("x-content-type-options", "nosniff");
    headers.set("x-frame-options", "DENY");
    return new Response(answer.body, { status: answer.status, headers });
  }

  /**
   * Who signed the request: { user } for a token with a good signature that has not ended, {
   * malformed: true } for
   * something that is no token, {} otherwise. Only for counting and sorting: Lite verifies every
   * token once more.
   */
  bearer(authorization) {
    if (!authorization) return {};
    const [, token] = /^Bearer (\S+)$/.exec(authorization) ?? [];
    if (token === undefined) return { malformed: true };
    if (this.kindOfKey(token)) return {};
    const parts = token.split(".");
    if (parts.length !== 3) return { malformed: true };
    const wanted = createHmac("sha256", this.jwtSecret).update(`${parts[0]}.${parts[1]}`).digest("base64url");
    if (!equal(parts[2], wanted)) return {};
    try {
      const claims = JSON.parse(Buffer.from(parts[1], "base64url").toString("utf8"));
      return typeof claims.sub === "string" && claims.exp > Date.now() / 1000 ? { user: claims.sub } : {};
    } catch {
      return { malformed: true };
    }
  }
}

function equal(given, wanted) {
  if (typeof given !== "string" || !wanted) return false;
  const left = createHmac("sha256", "equal").update(given).digest();
  const right = createHmac("sha256", "equal").update(wanted).digest();
  return timingSafeEqual(left, right);
}
