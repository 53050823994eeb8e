// Counting attempts and calls in this process: no table, nothing to clean up after a restart.

const MOST_KEYS = 50_000;

/** At most `limit` failures of a key within `seconds`. An attempt counts from its start, so parallel ones count too. */
export class FailureLimit {
  #counts = new Map();

  constructor(limit, seconds) {
    this.limit = limit;
    this.seconds = seconds;
  }

  /** Counts an attempt. Answers 0, or the seconds to wait when there were too many. */
  begin(key) {
    const now = Date.now();
    let entry = this.#counts.get(key);
    if (entry === undefined || entry.end <= now) {
      if (this.#counts.size >= MOST_KEYS) this.#forgetEnded(now);
      entry = { count: 0, end: now + this.seconds * 1000 };
      this.#counts.set(key, entry);
    }
    if (entry.count >= this.limit) return Math.ceil((entry.end - now) / 1000);
    entry.count += 1;
    return 0;
  }

  /** The attempt succeeded or was none: it does not count. */
  forgive(key) {
    const entry = this.#counts.get(key);
    if (entry && entry.count > 0) entry.count -= 1;
  }

  #forgetEnded(now) {
    for (const [key, entry] of this.#counts) if (entry.end <= now) this.#counts.delete(key);
    if (this.#counts.size >= MOST_KEYS) this.#counts.delete(this.#counts.keys().next().value);
  }
}

/** At most `running` calls of a key at a time; `waiting` more wait in line for at most `seconds`. */
export class ConcurrencyLimit {
  #lines = new Map();

  constructor(running, waiting, seconds) {
    this.running = running;
    this.waiting = waiting;
    this.seconds = seconds;
  }

  /** Resolves to a function that gives the place back, or to null when the line is too long. */
  async enter(key) {
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = { running: 0, queue: [] }));
    if (line.running < this.running) {
      line.running += 1;
    } else {
      if (line.queue.length >= this.waiting) return null;
      if (!(await this.#wait(line))) return null;
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#leave(key, line);
    };
  }

  #wait(line) {
    return new Promise((resolve) => {
      const place = { go: null };
      const timer = setTimeout(() => {
        line.queue.splice(line.queue.indexOf(place), 1);
        resolve(false);
      }, this.seconds * 1000);
      place.go = () => {
        clearTimeout(timer);
        resolve(true);
      };
      line.queue.push(place);
    });
  }

  #leave(key, line) {
    const next = line.queue.shift();
    if (next) return next.go(); // the place passes on
    line.running -= 1;
    if (line.running === 0) this.#lines.delete(key);
    return undefined;
  }
}
