// Request bodies: never more than the limit in memory, and only JSON that Postgres can store.
import { Refusal, authError, restError } from "./answers.mjs";

const MAX_DEPTH = 64;
const DRAIN_SECONDS = 10;

const tooLarge = (error, limit) =>
  error === authError
    ? authError(413, "request_too_large", `The body may hold ${limit} bytes`, { connection: "close" })
    : restError(413, "PGRST102", `The body may hold ${limit} bytes`, { connection: "close" });

/** Let a client that is still sending finish, so that it reads the answer instead of a reset connection. */
export function drain(incoming) {
  if (incoming.complete || incoming.destroyed) return;
  incoming.resume();
  const end = setTimeout(() => incoming.destroy(), DRAIN_SECONDS * 1000);
  end.unref();
  incoming.once("close", () => clearTimeout(end));
}

export function checkAnnouncedLength(incoming, limit, error) {
  if (Number(incoming.headers["content-length"] ?? 0) > limit) throw new Refusal(tooLarge(error, limit));
}

async function readBytes(incoming, limit, error) {
  const chunks = [];
  let size = 0;
  await new Promise((resolve, reject) => {
    const stop = (finish, value) => {
      incoming.off("data", take).off("end", end).off("error", fail).off("aborted", fail);
      finish(value);
    };
    const take = (chunk) => {
      size += chunk.length;
      if (size <= limit) return chunks.push(chunk);
      chunks.length = 0;
      return stop(reject, new Refusal(tooLarge(error, limit)));
    };
    const end = () => stop(resolve);
    const fail = () => stop(reject, new Refusal(error(400, "PGRST102", "The body was cut off")));
    incoming.on("data", take).on("end", end).on("error", fail).on("aborted", fail);
    if (incoming.readableEnded) end();
  });
  return Buffer.concat(chunks);
}

function checkText(text, error) {
  if (text.includes("\0")) throw new Refusal(error(400, "22P05", "\\u0000 cannot be convert_value to text"));
  if (!text.isWellFormed()) throw new Refusal(error(400, "22P02", "A surrogate has no partner"));
}

function checkValue(value, depth, error) {
  if (depth > MAX_DEPTH) throw new Refusal(error(400, "54001", `nested deeper than ${MAX_DEPTH}`));
  if (typeof value === "string") return checkText(value, error);
  if (value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value)) return value.forEach((part) => checkValue(part, depth + 1, error));
  for (const [key, part] of Object.entries(value)) {
    checkText(key, error);
    checkValue(part, depth + 1, error);
  }
  return undefined;
}

/** The object in the body; an empty body is the empty object. Throws Refusal with 400, 413 or 415. */
export async function readObject(incoming, limit, error) {
  checkAnnouncedLength(incoming, limit, error);
  const bad = (message) => new Refusal(error(400, error === authError ? "bad_json" : "PGRST102", message));
  const encoding = incoming.headers["content-encoding"] ?? "identity";
  const bytes = await readBytes(incoming, limit, error);
  if (bytes.length === 0) return { value: {}, text: "{}" };
  const type = incoming.headers["content-type"] ?? "application/json";
  if (encoding !== "identity" || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new Refusal(error(415, error === authError ? "bad_json" : "PGRST102", "The body must be JSON"));
  }
  let text;
  let value;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw bad("Empty or invalid json");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw bad("The body must be a JSON object");
  }
  checkValue(value, 0, error);
  return { value, text };
}
