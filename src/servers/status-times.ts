/** Since when a session is as it is, and when it is tried again. Both are milliseconds since the epoch. */
export class StatusTimes {
  since: number | undefined;
  nextTryAt: number | undefined;
  #condition: string | undefined;

  /** Notes how it is now: tries that fail one after the other are one condition, which began with the first. */
  note(condition: string, retryInMs: number | undefined): void {
    const now = Date.now();
    if (condition !== this.#condition) this.since = now;
    this.#condition = condition;
    this.nextTryAt = retryInMs === undefined ? undefined : now + retryInMs;
  }
}
