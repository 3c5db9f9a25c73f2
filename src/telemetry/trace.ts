import type { TraceContext } from './trace-context.ts';

/** What a span says, by the names of OpenTelemetry's semantic conventions. `undefined` is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An operation that is recorded. */
export interface Span {
  /** What is part of it. */
  readonly context: TraceContext;
  setName(name: string): void;
  setAttributes(attributes: SpanAttributes): void;
  /** To be called once. `errorType` is a class of errors, such as a code: never what somebody else said. */
  end(errorType?: string): void;
}

/** Records what requests and sessions do; the door to OpenTelemetry, which is loaded only where traces are sent. */
export interface Tracing {
  /** Begins a span, below `parent` or as a trace of its own. */
  startSpan(
    kind: 'server' | 'client' | 'internal',
    name: string,
    attributes: SpanAttributes,
    parent: TraceContext | undefined,
  ): Span;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

/** The trace that a request is a part of. */
export interface Trace {
  /** The request's own span where it is recorded, else the caller's. */
  readonly context: TraceContext;
  /** Records further spans below it; `undefined` where none are recorded. */
  readonly tracing?: Tracing | undefined;
  /** The request's own span. */
  readonly span?: Span | undefined;
}
