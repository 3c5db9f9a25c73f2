import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { PendingRequests } from '../../../src/mcp/pending-requests.ts';
import { tapStream } from '../../../src/mcp/upstream-stream.ts';

const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\ndata:\n\n');
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

test('a stream that its reader cancels is dropped, and what still comes of it harms nothing', async () => {
  const answered = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = http.get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  request.on('error', () => {});
  const [body] = (await once(request, 'response')) as [IncomingMessage];
  const ends: unknown[] = [];
  const stream = tapStream({
    response: { status: 200, headers: body.headers, body },
    pending: new PendingRequests('raw', async () => {}),
    maxResultBytes: 1_000,
    firstEventId: undefined,
    onEnd: (end) => ends.push(end),
  });
  const reader = stream.body.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('id: 1\ndata:\n\n');

  const [, response] = await answered;
  const dropped = once(response, 'close');
  await reader.cancel();
  body.emit('data', Buffer.from('id: 2\ndata:\n\n'));
  stream.finish(1);
  await dropped;
  expect(ends).toEqual([{ lastEventId: '2', isInitialized: false }]);
});
