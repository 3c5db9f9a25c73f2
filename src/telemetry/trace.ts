import type { TraceContext } from './trace-context.ts';

/** What a span says, by the names of OpenTelemetry's semantic conventions. `undefined` is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An operation that is recorded. */
export interface Span {
  /** What is part of it. */
  readonly context: TraceContext;
  setAttributes(attributes: SpanAttributes): void;
  /** To be called once. `errorType` is a class of errors, such as a code: never what somebody else said. */
  end(errorType?: string): void;
}

/** The trace that a request is a part of. */
export interface Trace {
  /** The request's own span where it is recorded, else the caller's. */
  readonly context: TraceContext;
  /** Begins a span for a request that we send on; absent where nothing is recorded. */
  readonly startClientSpan?: (name: string, attributes: SpanAttributes) => Span;
}
