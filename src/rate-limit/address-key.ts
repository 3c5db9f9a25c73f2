import { ipKeyGenerator } from 'express-rate-limit';

/** A host gets a whole /64 (RFC 4291, section 2.5.1) and can use as many of its addresses as it likes. */
const IPV6_PREFIX = 64;
const MAX_REMEMBERED = 1_000;

const networks = new Map<string, string>();

/** What an address is counted under: an IPv4 address by itself, an IPv6 one by its /64. */
export function toAddressKey(address: string): string {
  if (!address.includes(':')) return address;
  // Parsing one takes longer than all else that a limit does.
  const known = networks.get(address);
  if (known !== undefined) return known;
  const network = ipKeyGenerator(address, IPV6_PREFIX);
  if (networks.size >= MAX_REMEMBERED) networks.clear();
  networks.set(address, network);
  return network;
}
