import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { blocksOf } from '../document-blocks.ts';
import { repositoryFolder, temporaryFolder, test } from '../e2e/harness.ts';

const page = blocksOf('docs/network.md');
const textsOf = (language: string) => page.filter((block) => block.language === language).map(({ text }) => text);

/** Runs a script in a network of its own, in which it may do everything. */
function inOwnNetwork(script: string, ...args: readonly string[]): string {
  return execFileSync('unshare', ['--user', '--map-root-user', '--net', 'sh', '-ec', script, 'sh', ...args], {
    encoding: 'utf8',
  });
}

/** Two machines: this one is 192.0.2.1, the other one has every address that is asked for. */
const REACH = `
ip link set lo up
unshare --net sleep 60 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add outside type veth peer name inside netns $other
ip addr add 192.0.2.1/24 dev outside
ip link set outside up
on_other() { nsenter --net --target $other "$@"; }
on_other ip link set inside up
for address in 10 20 30 99; do on_other ip addr add 192.0.2.$address/24 dev inside; done
[ -z "$1" ] || nft -f "$1"
"$2" -e 'for (const port of [8000, 9464]) require("node:http").createServer((_, answer) => answer.end()).listen(port, "0.0.0.0")' &
service=$!
until curl -s http://127.0.0.1:8000/ && curl -s http://127.0.0.1:9464/; do :; done
for port in 8000 9464; do
  for address in 10 20 30 99; do
    if on_other curl -s --max-time 1 --interface 192.0.2.$address http://192.0.2.1:$port/; then echo "$address $port"; fi
  done
done
kill $service $other`;

const written = (name: string, text: string): string => {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  return file;
};

test('nft accepts the rules, also where they are loaded already', () => {
  const rules = textsOf('nft');
  expect(rules).toHaveLength(2);
  for (const text of rules) {
    inOwnNetwork('nft --check --file "$1"; nft --file "$1"; nft --file "$1"', written('rules.nft', text));
  }
});

test('only the proxy and Open WebUI reach the port, and only Prometheus the metrics', () => {
  const [rules = ''] = textsOf('nft');
  const everybody = inOwnNetwork(REACH, '', process.execPath).trim().split('\n');
  expect(everybody).toHaveLength(8);
  const admitted = inOwnNetwork(REACH, written('rules.nft', rules), process.execPath).trim().split('\n');
  expect(admitted).toEqual(['10 8000', '20 8000', '30 9464']);
}, 60_000);

test('wg-quick accepts both files, and each names the key of the other', () => {
  const keys = ['MCPO_TS', 'OPEN_WEBUI'].map((name) => {
    const secret = execFileSync('wg', ['genkey'], { encoding: 'utf8' }).trim();
    return { name, secret, open: execFileSync('wg', ['pubkey'], { input: secret, encoding: 'utf8' }).trim() };
  });
  const files = textsOf('ini').map((text) =>
    keys.reduce(
      (file, { name, secret, open }) =>
        file.replace(`PRIVATE_KEY_OF_${name}`, secret).replace(`PUBLIC_KEY_OF_${name}`, open),
      text,
    ),
  );
  expect(files).toHaveLength(2);
  for (const [index, text] of files.entries()) {
    const kept = execFileSync('wg-quick', ['strip', written('mcpo.conf', text)], { encoding: 'utf8' });
    expect(kept).toContain(`PrivateKey = ${keys[index]?.secret}`);
    expect(kept).toContain(`PublicKey = ${keys[1 - index]?.open}`);
    // The kernel's own reader, which wg-quick would call, needs an interface; wg's finds a wrong key or address.
    expect(kept).not.toMatch(/_OF_/);
  }
});

test('systemd accepts the unit of the service', () => {
  const unit = join(repositoryFolder, 'deploy/systemd/mcpo-ts.service');
  execFileSync('systemd-analyze', ['verify', unit], { stdio: 'pipe' });
});
