// What the API may log: the kind of an error and where it was raised. Its message, query and
// parameters can hold
// telephone numbers, passwords, codes and tokens, so none of them is ever written.

function describe(part) {
  if (!(part instanceof Error)) return "";
  const frames = (part.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const code = /^[\w.-]{1,40}$/.test(String(part.code ?? "")) ? ` ${part.code}` : "";
  const cause = part.cause instanceof Error ? ` < ${describe(part.cause)}` : "";
  return `${part.name}${code}${frames[0] ? ` ${frames[0].trim()}` : ""}${cause}`;
}

/** Route every console call, Lite's included, through `describe`; answers a logger for our own fixed sentences. */
export function sealConsole() {
  const write = (line) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);
  for (const level of ["log", "info", "debug", "trace", "warn", "error"]) {
    console[level] = (...parts) => {
      const told = parts.map(describe).filter(Boolean).join(" ");
      if (told) write(told);
    };
  }
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error) => {
      write(`${event}: ${describe(error)}`);
      process.exit(1);
    });
  }
  return write;
}
