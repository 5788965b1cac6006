// When to ask again. Every question costs a little money: often only while something runs and someone looks.

const RUNNING = 5, QUIET = 30, HIDDEN = 300, LONGEST = 300; // seconds
export const MISSED = 3; // polls that failed one after another, from which on what is shown counts as old

export class Polling {
  constructor(ask) {
    Object.assign(this, { ask, timer: 0, failures: 0, stopped: true, busy: false, running: false, again: false });
    document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? this.plan() : this.now()));
  }

  // Ask at once, and go on from there.
  now() {
    if (this.stopped) return Promise.resolve();
    clearTimeout(this.timer);
    if (this.busy) {
      this.again = true;
      return this.asked;
    }
    this.asked = this.round();
    return this.asked;
  }

  start() {
    this.stopped = false;
    this.failures = 0;
    return this.now();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  // Seconds until the next question: doubled after each failure, never sooner than the server said.
  pause(retryAfter = 0) {
    const usual = document.visibilityState === "hidden" ? HIDDEN : this.running ? RUNNING : QUIET;
    if (!this.failures) return usual;
    const jitter = 1 + Math.random() / 4;
    return Math.max(Math.min(usual * 2 ** this.failures, LONGEST) * jitter, retryAfter);
  }

  plan(retryAfter) {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.now(), this.pause(retryAfter) * 1000);
  }

  async round() {
    this.busy = true;
    let retryAfter = 0;
    try {
      this.running = await this.ask();
      this.failures = 0;
    } catch (problem) {
      this.failures += 1;
      retryAfter = problem.retryAfter ?? 0;
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      return this.now();
    }
    this.plan(retryAfter);
  }
}
