// Supabase Lite, set up as the real servers behave. Its known gaps on the postgres driver are
// answered here:
//   json and jsonb arguments arrive double-encoded without our serialisers (a jsonb argument would
//   be a string)
//   rlsState = "active" skips Lite's GRANT ALL on every schema that has row security (our crm would
//   be open)
//   role settings are ignored, so the timeouts of the callers' roles are set on its connections
//   the SQLSTATE of an error it does not know is lost in its answer, so it is kept beside the
//   request
import { AsyncLocalStorage } from "node:async_hooks";
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

const LOCK_TIMEOUT = 8_000; // milliseconds, as hosted Supabase's authenticator
const IDLE_IN_TRANSACTION = 30_000;

function serializeJson(value) {
  if (typeof value === "string") {
    try {
      JSON.parse(value);
      return value;
    } catch {
      // a bare string
    }
  }
  return JSON.stringify(value);
}

const jsonType = (oid) => ({ to: oid, from: [oid], serialize: serializeJson, parse: JSON.parse });
const silent = { send: async () => {} }; // mail would hold codes and links, and Lite writes undelivered mail to its log

const failures = new AsyncLocalStorage();

/** Runs `ask` and answers [its response, the SQLSTATE of the last error of the database, or ""]. */
export async function withSqlState(ask) {
  const failure = { code: "" };
  const answer = await failures.run(failure, ask);
  return [answer, failure.code];
}

/** An app with a pool of its own, whose statements end after `timeout` milliseconds. */
export function makeLite(environment, { timeout, connections }) {
  const connection = createPostgresConnection({
    url: environment.DB_URL,
    postgresOptions: {
      types: { json: jsonType(114), jsonb: jsonType(3802) },
      max: connections,
      onnotice: () => {},
      connection: {
        application_name: "supabase_lite",
        statement_timeout: timeout,
        lock_timeout: Math.min(LOCK_TIMEOUT, timeout),
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
      },
    },
  });
  connection.rlsState = "active";
  const normalize = connection.normalizeDbError.bind(connection);
  connection.normalizeDbError = (error) => {
    const found = normalize(error);
    const failure = failures.getStore();
    if (failure) failure.code = String(found?.code ?? error?.code ?? "");
    return found;
  };
  return new App({
    connection,
    api: { schemas: ["api"], max_rows: 1000 },
    studio: { enabled: false },
    options: {
      server: { admin: false, disableStudio: true, disableFallback: true },
      drivers: { email: silent, sms: silent },
    },
    auth: {
      enabled: true,
      enable_signup: true,
      minimum_password_length: 10,
      email: { enable_confirmations: false },
      jwt_secret: environment.JWT_SECRET,
      jwt_expiry: Number(environment.JWT_EXPIRY ?? 3600),
      publishable_key: environment.PUBLISHABLE_KEY,
      secret_key: environment.SECRET_KEY,
    },
  });
}
