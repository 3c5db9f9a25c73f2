import { expect } from '@jest/globals';
import { fixture, startService, test, waitFor } from './harness.ts';
import { startOtlpReceiver } from './otlp-receiver.ts';

const KEY = 'key-of-the-test-of-outages-4b7e';
const authorization = `Bearer ${KEY}`;

test('a collector that is away, refuses or hangs costs one warning, and no call', async () => {
  const receiver = await startOtlpReceiver();
  receiver.answer = 401;
  const service = await startService({
    servers: { stdio: fixture('traced.js') },
    env: {
      MCPO_API_KEY: KEY,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
      OTEL_EXPORTER_OTLP_TIMEOUT: '3000',
    },
  });
  const warnings = () => service.stderr().match(/"warn","message":"traces cannot be sent/g) ?? [];
  const calls = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      expect((await service.call('stdio', 'carried', {}, { authorization })).status).toBe(200);
    }
  };
  await calls(30);
  await waitFor(() => warnings().length > 0 || undefined);
  expect(service.stderr()).toContain('it answers with status 401');
  receiver.answer = 'hang';
  await calls(40);
  await receiver.close();
  await calls(40);
  expect(warnings()).toHaveLength(1);

  const back = await startOtlpReceiver(receiver.port);
  await waitFor(async () => {
    await calls(1);
    return service.stderr().includes('the collector takes traces again') || undefined;
  }, 15_000);
  expect(back.spans.length).toBeGreaterThan(0);
  back.answer = 'hang';
  await calls(1);
  const { code } = await service.stop();
  expect(code).toBe(0);
});
