// What may be asked of a view or function over HTTP. PostgREST's filters hand any regular
// expression to Postgres, whose engine takes minutes for some of them, and no setting of PostgREST
// turns the operators off. The text of a failed cast holds the value, and Postgres writes it to its
// log. Nothing the apps send is refused here.

const MAX_QUERY = 8000;       // characters of the whole query string, decoded
const MAX_PARAMETERS = 60;
const MAX_DEPTH = 4;          // parentheses in parentheses: embedded views, conditions in conditions
const MAX_LIKE = 100;         // characters of one like pattern
const MAX_WILDCARDS = 2;      // of one like pattern
const MAX_ALL_WILDCARDS = 8;  // of one parameter that holds several

const REGEX_FILTER = /^[\s(]*(not\s*\.\s*)*i?match\s*[.(]/i;
const REGEX_ANYWHERE = /(^|[.,(\s])i?match\s*[.(]/i;
const LIKE_FILTER = /^[\s(]*(?:not\s*\.\s*)*i?like\s*(?:\([^)]*\))?\s*\.([^]*)$/i;
const LIKE_ANYWHERE = /(?:^|[.,(\s])i?like\s*(?:\([^)]*\))?\s*\.([^,)]*)/gi;
const LOGIC = /(^|\.)(and|or)$/i;     // and, not.or, deals.and
const AGGREGATE = /(^|[,.(:])(count|sum|avg|min|max)\(\)/;

const wildcards = (text) => (text.match(/[*%]/g) ?? []).length;
const isLongLike = (pattern) => pattern.length > MAX_LIKE || wildcards(pattern) > MAX_WILDCARDS;

function depth(text) {
  let now = 0, most = 0;
  for (const sign of text) {
    if (sign === "(") most = Math.max(most, ++now);
    else if (sign === ")") now--;
  }
  return most;
}

const notAllowed = (what) => ({ code: "PGRST100", message: `not allowed: ${what}` });
const REGEX = notAllowed("the operators match and imatch");
const LONG_LIKE = notAllowed("a like pattern with many wildcards");

// Why a parameter may not be asked, or null. In and(…) and or(…) the operator may stand anywhere,
// and quotes are not trusted: who writes them decides what is inside.
function problem(name, value) {
  if ((name + value).includes("\u0000")) {
    return { code: "22021", message: 'invalid byte sequence for encoding "UTF8": 0x00' };
  }
  if (depth(value) > MAX_DEPTH) return notAllowed("parentheses nested too deep");
  const isLogic = LOGIC.test(name.trim());
  const mayCast = isLogic || name === "select";
  if (name.includes("::") || (mayCast && value.includes("::"))) return notAllowed("casts");
  // The parser skips spaces and quotes: "count" ( ) is an aggregate.
  if (name === "select" && AGGREGATE.test(value.replace(/[\s"]/g, ""))) {
    return { code: "PGRST123", message: "Use of aggregate functions is not allowed" };
  }
  if (REGEX_FILTER.test(value)) return REGEX;
  const likes = LIKE_FILTER.exec(value);
  if (likes && isLongLike(likes[1])) return LONG_LIKE;
  if (isLogic) {
    if (REGEX_ANYWHERE.test(value)) return REGEX;
    const patterns = [...value.matchAll(LIKE_ANYWHERE)];
    const tooMany = patterns.length > 0 && wildcards(value) > MAX_ALL_WILDCARDS;
    if (tooMany || patterns.some(([, pattern]) => isLongLike(pattern))) return LONG_LIKE;
  }
  return null;
}

/**
 * Whether a request's address may be handed on. Pure: it looks at nothing but the address.
 * @param {string | URL} url whole or from the path on
 * @returns {null | {status: number, body: {
 *   code: string, message: string, details: null, hint: null,
 * }}}
 */
export function refusal(url) {
  const reject = ({ code, message }) => ({
    status: 400,
    body: { code, message, details: null, hint: null },
  });
  let query;
  try {
    query = new URL(url, "http://localhost").search.slice(1);
    decodeURIComponent(query.replace(/\+/g, " "));
  } catch {
    return reject(notAllowed("an address that cannot be read"));
  }
  const parameters = [...new URLSearchParams(query)];
  if (query.length > 3 * MAX_QUERY) return reject(notAllowed("a query this long"));
  if (parameters.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > MAX_QUERY)
    return reject(notAllowed("a query this long"));
  if (parameters.length > MAX_PARAMETERS) return reject(notAllowed("this many parameters"));
  for (const [name, value] of parameters) {
    const found = problem(name, value);
    if (found) return reject(found);
  }
  return null;
}
