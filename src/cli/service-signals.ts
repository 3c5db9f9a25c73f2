const NAMES = ['SIGHUP', 'SIGUSR2'] as const;

type SignalName = (typeof NAMES)[number];
type SignalHandlers = Readonly<Record<SignalName, () => void>>;

/**
 * The signals with which an admin asks something of a running service. Their default action would end the process, so
 * they are caught from its first line on: what comes during the start is remembered until the service can do it.
 */
export class ServiceSignals {
  readonly #waiting = new Set<SignalName>();
  #handlers: SignalHandlers | undefined;

  constructor() {
    for (const name of NAMES) process.on(name, this.#receive);
  }

  /** Handles each signal from here on, and once each that has come already. */
  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    for (const name of this.#waiting) handlers[name]();
    this.#waiting.clear();
  }

  /** For a command that does not serve: the signals end the process again, and so does one that has come already. */
  release(): void {
    for (const name of NAMES) process.off(name, this.#receive);
    for (const name of this.#waiting) process.kill(process.pid, name);
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    const known = name as SignalName;
    if (this.#handlers === undefined) this.#waiting.add(known);
    else this.#handlers[known]();
  };
}
