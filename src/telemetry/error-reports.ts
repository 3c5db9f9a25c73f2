/** Reports what went wrong; the door to Sentry, which is loaded only where it is configured. */
export interface ErrorReports {
  /** A fault of the service: an error that it does not expect. */
  fault(error: unknown, facts: FaultFacts): void;
  /** A server that is given up for now; `reason` is a sentence of ours. Reported once for each reason. */
  serverFailed(server: string, reason: string): void;
  /** Sends what is on its way, for at most two seconds. */
  close(): Promise<void>;
}

/** Names of ours, and what a caller's log lines have too. */
interface FaultFacts {
  readonly method?: string | undefined;
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
}
