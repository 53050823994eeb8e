// Supabase Lite as the embedded API: it answers Lite's known gaps on the postgres driver and loads nothing else.
//   json/jsonb arguments arrive double-encoded without our serialisers (a jsonb argument would be a string)
//   rlsState = "active" skips Lite's GRANT ALL on every schema that has row security (our crm would be open)
//   auth timestamps end in +00, which strict clients refuse
//   the process ends when its standard input closes: whoever started it is gone
import { serve } from "@hono/node-server";
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

const json = (v) => { if (typeof v === "string") { try { JSON.parse(v); return v; } catch { /* a bare string */ } } return JSON.stringify(v); };
const type = (oid) => ({ to: oid, from: [oid], serialize: json, parse: JSON.parse });
const connection = createPostgresConnection({
  url: process.env.DB_URL,
  postgresOptions: { types: { json: type(114), jsonb: type(3802) }, max: 8, onnotice: () => {} },
});
connection.rlsState = "active";

const app = new App({
  connection,
  api: { schemas: ["api"], max_rows: 1000 },
  options: { server: { admin: false } },
  auth: {
    enabled: true, enable_signup: true, email: { enable_confirmations: false },
    jwt_secret: process.env.JWT_SECRET, jwt_expiry: Number(process.env.JWT_EXPIRY ?? 3600),
    publishable_key: process.env.PUBLISHABLE_KEY, secret_key: process.env.SECRET_KEY,
  },
});
await app.ensureSystemSchema();
if (process.env.SCHEMA_ONLY) { console.log("system schema ready"); process.exit(0); }
await app.init();

serve({
  port: Number(process.env.PORT), hostname: "127.0.0.1",
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/healthz") return new Response("ok");
    const answer = await app.fetch(request, { peerAddress: env.incoming.socket.remoteAddress ?? null });
    if (!new URL(request.url).pathname.startsWith("/auth/v1/")) return answer;
    const body = (await answer.text()).replace(/(\d\d:\d\d:\d\d(?:\.\d+)?)\+00"/g, '$1+00:00"');
    const headers = new Headers(answer.headers);
    headers.delete("content-length");
    headers.delete("content-encoding");
    return new Response(body || null, { status: answer.status, headers });
  },
}, () => console.log(`listening on ${process.env.PORT}`));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
