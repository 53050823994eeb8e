// The routes of GoTrue that the apps use, with what Lite leaves out: limits, the hook before a user
// is created, the
// end of the other sessions after a change of password, and bodies of the wrong kind.
import { setTimeout as pause } from "node:timers/promises";
import { Refusal, authError, json } from "./answers.mjs";
import { FailureLimit } from "./limits.mjs";

const FAILED_ANSWER_TAKES = 300; // milliseconds, at least: an unknown account must not answer sooner than a known one
const GRANTS = new Map([
  ["password", ["email", "password"]],
  ["refresh_token", ["refresh_token"]],
]);
const SCOPES = new Set([null, "local", "others", "global"]);
const LONGEST = 1024; // characters of any one value

export class Auth {
  /** `fetchLite(method, path, {headers, body})` asks Lite; `sql` is a pool that may act as supabase_auth_admin. */
  constructor({ fetchLite, sql, publishableKey }) {
    this.fetchLite = fetchLite;
    this.sql = sql;
    this.publishableKey = publishableKey;
    // Failures only: sixty phones behind one address that come back after their router restarts are
    // no attack.
    this.limits = {
      account: new FailureLimit(10, 5 * 60), // one identifier from one address
      everywhere: new FailureLimit(100, 60 * 60), // one identifier from anywhere
      address: new FailureLimit(300, 5 * 60), // sign-ins and refreshes of one address
      signup: new FailureLimit(60, 5 * 60), // sign-ups without a good code, of one address
    };
  }

  async answer(call) {
    switch (call.route.kind) {
      case "signup":
        return this.#signUp(call);
      case "token":
        return this.#token(call);
      case "logout":
        return this.#logout(call);
      case "admin":
        return this.#createUser(call);
      default:
        return call.method === "GET" ? this.#ask(call, null) : this.#updateUser(call);
    }
  }

  async #ask(call, body, query = "", path = call.route.path) {
    const answer = await this.fetchLite(call.method, `${path}${query}`, { headers: call.headers, body });
    return withWholeOffsets(answer);
  }

  // Signing in ------------------------------------------------------------------------------------
  // --------------------

  async #token(call) {
    const grant = call.query.get("grant_type") ?? "";
    const names = GRANTS.get(grant);
    if (names === undefined) return authError(400, "invalid_credentials", "unsupported_grant_type");
    const body = strings(call.body, names);
    const keys = [["address", call.address]];
    if (grant === "password") {
      const name = body.email.trim().toLowerCase();
      keys.push(["account", `${name} ${call.address}`], ["everywhere", name]);
    }
    return this.#limited(keys, () => this.#ask(call, body, `?grant_type=${grant}`));
  }

  /** Counts failures under each of the keys, and lets none of them answer quickly. */
  async #limited(keys, ask) {
    const begun = [];
    for (const [limit, key] of keys) {
      const seconds = this.limits[limit].begin(key);
      if (seconds > 0) {
        for (const [name, earlier] of begun) this.limits[name].forgive(earlier);
        return authError(429, "over_request_rate_limit", "Request rate limit reached", {
          "retry-after": String(seconds),
        });
      }
      begun.push([limit, key]);
    }
    const earliest = pause(FAILED_ANSWER_TAKES);
    const answer = await ask();
    if (answer.status < 400 || answer.status >= 500) {
      for (const [limit, key] of begun) this.limits[limit].forgive(key);
    } else {
      await earliest;
    }
    return answer;
  }

  // Accounts --------------------------------------------------------------------------------------
  // --------------------

  async #signUp(call) {
    const { email, password } = strings(call.body, ["email", "password"]);
    const data = call.body.data ?? {};
    if (typeof data !== "object" || Array.isArray(data)) {
      return authError(400, "validation_failed", "data must be an object");
    }
    return this.#limited([["signup", call.address]], async () => {
      const refusal = await this.#beforeUserCreated(call, email, data);
      return refusal ?? this.#ask(call, { email, password });
    });
  }

  /** GoTrue's hook of that name (supabase/config.toml), called as GoTrue calls it; null lets the user be created. */
  async #beforeUserCreated(call, email, data) {
    const event = {
      metadata: { name: "before-user-created", ip_address: call.address },
      user: { email: email.trim().toLowerCase(), user_metadata: data },
    };
    const [row] = await this.sql.begin(async (transaction) => {
      await transaction`set local role supabase_auth_admin`;
      return transaction`select auth_hooks.before_user_created(${transaction.json(event)}) as reply`;
    });
    const { error } = row.reply;
    return error ? authError(error.http_code, "hook_refused", error.message) : null;
  }

  /** For the operator, with the secret key: GoTrue's admin route, which asks no hook. Lite has none. */
  async #createUser(call) {
    const { email, password } = strings(call.body, ["email", "password"]);
    const headers = { apikey: this.publishableKey };
    const made = await this.fetchLite("POST", "/auth/v1/signup", { headers, body: { email, password } });
    const told = await made.json().catch(() => ({}));
    if (made.status !== 200) {
      const code = told.error_code === "user_already_exists" ? "email_exists" : told.error_code;
      return authError(made.status, code ?? "unexpected_failure", told.msg ?? "no user was made");
    }
    await this.#endSessions(told.access_token, "local");
    return withWholeOffsets(json(200, told.user));
  }

  #endSessions(token, scope) {
    const headers = { apikey: this.publishableKey, authorization: `Bearer ${token}` };
    return this.fetchLite("POST", `/auth/v1/logout?scope=${scope}`, { headers, body: {} });
  }

  /** The password only: a new e-mail address would need mail, and metadata has no reader. */
  async #updateUser(call) {
    const { password, ...rest } = call.body;
    if (Object.keys(rest).length > 0 || typeof password !== "string") {
      return authError(422, "validation_failed", "Only the password can be changed");
    }
    strings(call.body, ["password"]);
    if (Buffer.byteLength(password) > 72) {
      return authError(422, "validation_failed", "Password cannot be longer than 72 characters");
    }
    const answer = await this.#ask(call, { password });
    if (answer.status === 200) {
      const [, token] = /^Bearer (\S+)$/.exec(call.headers.authorization ?? "") ?? [];
      await this.#endSessions(token, "others"); // as GoTrue does
    }
    return answer;
  }

  async #logout(call) {
    const scope = call.query.get("scope");
    if (!SCOPES.has(scope)) return authError(400, "validation_failed", "Unsupported logout scope");
    return this.#ask(call, {}, scope ? `?scope=${scope}` : "");
  }
}

/** These members of the body, each a string of some length. Throws Refusal. */
function strings(body, names) {
  const found = {};
  for (const name of names) {
    const value = body[name];
    if (typeof value !== "string" || value === "" || value.length > LONGEST) {
      throw new Refusal(authError(400, "validation_failed", `${name} must be a text`));
    }
    found[name] = value;
  }
  return found;
}

/** Lite's instants end in +00, which strict clients reject. */
async function withWholeOffsets(answer) {
  if (answer.status === 204) return answer;
  const text = (await answer.text()).replace(/(\d\d:\d\d:\d\d(?:\.\d+)?)\+00"/g, '$1+00:00"');
  return new Response(text || null, { status: answer.status, headers: answer.headers });
}
