import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from '@jest/globals';
import protobuf from 'protobufjs';

/** The part of opentelemetry-proto 1.x that traces are made of, by its field numbers. */
const DEFINITION = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resourceSpans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; string schemaUrl = 3; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schemaUrl = 3; }
message Scope { string name = 1; string version = 2; }
message Span {
  bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
  fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; Status status = 15;
  fixed32 flags = 16;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; } }
`;
const { root } = protobuf.parse(DEFINITION, { keepCase: true });
const Request = root.lookupType('ExportTraceServiceRequest');

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

type Attributes = Readonly<Record<string, unknown>>;

/** A span as a collector knows it. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: string | undefined;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly status: string | undefined;
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

export interface OtlpReceiver {
  readonly port: number;
  readonly url: string;
  /** Everything that came, as text. */
  readonly raw: string[];
  readonly spans: ReceivedSpan[];
  readonly requests: { readonly path: string | undefined; readonly headers: IncomingHttpHeaders }[];
  /** 200 at first; `hang`: no answer. */
  answer: number | 'hang';
  close(): Promise<void>;
}

const receivers = new Set<OtlpReceiver>();

afterAll(async () => {
  for (const receiver of receivers) await receiver.close();
});

/** Starts a collector that takes traces by OTLP over HTTP, as protobuf and as JSON. */
export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    receiver.requests.push({ path: request.url, headers: request.headers });
    receiver.raw.push(`${JSON.stringify(request.headers)} ${body.toString('latin1')}`);
    if (receiver.answer === 'hang') return;
    if (receiver.answer === 200) receiver.spans.push(...decode(request.headers['content-type'], body));
    response.writeHead(receiver.answer, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const receiver: OtlpReceiver = {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    raw: [],
    spans: [],
    requests: [],
    answer: 200,
    close: async () => {
      receivers.delete(receiver);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  receivers.add(receiver);
  return receiver;
}

interface Wire {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireSpan extends Omit<ReceivedSpan, 'kind' | 'status' | 'attributes'> {
  readonly kind: number;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes?: readonly WireAttribute[];
}

function decode(contentType: string | undefined, body: Buffer): ReceivedSpan[] {
  const wire =
    contentType === 'application/json'
      ? (JSON.parse(body.toString()) as Wire)
      : (Request.toObject(Request.decode(body), { longs: Number, defaults: true }) as Wire);
  return wire.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ kind, status, attributes = [], ...span }) => ({
        name: span.name,
        kind: KINDS[kind],
        traceId: toText(span.traceId),
        spanId: toText(span.spanId),
        parentSpanId: toText(span.parentSpanId ?? ''),
        status: STATUSES[status?.code ?? 0],
        statusMessage: status?.message ?? '',
        attributes: toRecord(attributes),
        resource: toRecord(resource.attributes),
      })),
    ),
  );
}

/** protobufjs gives bytes through `bytes`, JSON has them as hexadecimal digits. */
function toText(id: string | Uint8Array): string {
  return typeof id === 'string' ? id : Buffer.from(id).toString('hex');
}

function toRecord(attributes: readonly WireAttribute[]): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const number = value.intValue ?? value.doubleValue;
      return [key, value.stringValue ?? value.boolValue ?? (number === undefined ? undefined : Number(number))];
    }),
  );
}
