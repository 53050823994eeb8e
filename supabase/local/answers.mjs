// Answers of our own, in the forms that PostgREST and GoTrue give them.

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

/** An error as PostgREST writes it. */
export function restError(status, code, message, headers = {}) {
  const body = { code, message, details: null, hint: null };
  return new Response(JSON.stringify(body), { status, headers: { ...JSON_TYPE, ...headers } });
}

/** An error as GoTrue writes it. */
export function authError(status, code, message, headers = {}) {
  const body = { code: status, error_code: code, msg: message };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...JSON_TYPE, "x-sb-error-code": code, ...headers },
  });
}

/** Thrown wherever a request is refused; `response` is what the caller gets. */
export class Refusal extends Error {
  constructor(response) {
    super("refused");
    this.response = response;
  }
}

export function json(status, body) {
  return new Response(JSON.stringify(body), { status, headers: JSON_TYPE });
}

// Lite answers 500 where PostgREST answers by the class of the SQLSTATE.
// https://docs.postgrest.org/en/stable/references/errors.html
function statusOf(code) {
  if (code === "42883") return 404;
  if (code === "42501") return 403;
  if (code === "25006") return 405;
  if (code === "55000") return 405;
  if (code === "57014") return 500;
  if (/^(08|53)/.test(code)) return 503;
  if (/^(0L|0P|21|22|23|28|42|54|P0)/.test(code)) return 400;
  return 500;
}

/** A failure of Lite's REST part, told by its SQLSTATE as PostgREST tells it, without any text of its own. */
export function restFailure(code) {
  if (!/^[0-9A-Z]{5}$/.test(code)) return restError(500, "XX000", "unexpected failure");
  const message = code === "57014" ? "canceling statement due to statement timeout" : "the request failed";
  return restError(statusOf(code), code, message);
}

/** A failure of Lite's auth part. */
export function authFailure(code) {
  return /^(21|22|23)/.test(code)
    ? authError(400, "validation_failed", "The request is not valid")
    : authError(500, "unexpected_failure", "Unexpected failure, see the server's log");
}
