import { ipKeyGenerator } from 'express-rate-limit';
import { BoundedMap } from '../bounded-map.ts';

/** A host gets a whole /64 (RFC 4291, section 2.5.1) and can use as many of its addresses as it likes. */
const IPV6_PREFIX = 64;
/** Parsing an address takes longer than all else that a limit does. */
const networks = new BoundedMap<string, string>(1_000);

/** The key that an address is counted under: an IPv4 address itself, the /64 of an IPv6 one. */
export function toAddressKey(address: string): string {
  if (!address.includes(':')) return address;
  const known = networks.use(address);
  if (known !== undefined) return known;
  const network = ipKeyGenerator(address, IPV6_PREFIX);
  networks.set(address, network);
  return network;
}
