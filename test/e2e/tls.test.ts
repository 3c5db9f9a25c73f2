import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from '@jest/globals';
import { fixture, repositoryFolder, startService, temporaryFolder, test, waitFor } from './harness.ts';

const tlsFolder = join(repositoryFolder, 'test/fixtures/tls');

/** The common name of the certificate that is presented on `port`. */
function presentedName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { subject } = socket.getPeerCertificate();
      socket.end();
      resolve(String(subject.CN));
    });
    socket.on('error', reject);
  });
}

test('--ssl-certfile and --ssl-keyfile: HTTPS, and renewed files are picked up without a restart', async () => {
  const folder = temporaryFolder();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const install = (name: string): void => {
    copyFileSync(join(tlsFolder, `${name}-key.pem`), keyFile);
    copyFileSync(join(tlsFolder, `${name}-cert.pem`), certFile);
  };
  install('first');
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    args: ['-t', certFile, '-K', keyFile],
    waitForReady: false,
  });
  expect(service.stdout()).toMatch(/"Listening on https:\/\//);
  expect(await presentedName(service.port)).toBe('first.example');
  install('second');
  await waitFor(async () => (await presentedName(service.port)) === 'second.example', 10_000, 'the new certificate');
});
