import type { KeyObject } from 'node:crypto';
import { type AuditKeys, isMac, mac } from './audit-keys.ts';

/** Where the chain stands: the number and the HMAC of its last line. */
export interface ChainState {
  readonly seq: number;
  readonly hmac: string;
}

/** Before the first line of all. */
export const CHAIN_START: ChainState = { seq: 0, hmac: '' };

/** One line as it was found. */
export interface ChainLine extends ChainState {
  readonly previous: string;
  /** Whether the line is unchanged since the key signed it. */
  readonly isAuthentic: boolean;
}

/** A state that was stored with its MAC; `forged`: the log's key did not make that. */
export type Found<State> =
  | { readonly kind: 'found'; readonly state: State }
  | { readonly kind: 'missing' }
  | { readonly kind: 'forged' };

const MAC_CHARACTERS = 43;
const BEFORE_MAC = ',"hmac":"';
const AFTER_MAC = '"}';
const TAIL_BYTES = BEFORE_MAC.length + MAC_CHARACTERS + AFTER_MAC.length;
const TAIL = /^,"hmac":"([\w-]{43})"\}$/;
const LINKS = /,"seq":(\d{1,15}),"previous":"([\w-]{43}|)"$/;
/** Longer than the longest that `LINKS` matches. */
const LINKS_BYTES = 100;

/**
 * Adds the chain's fields to the JSON object of an event: its number, the HMAC of the line before, and the HMAC of
 * everything before it in this line.
 */
export function sealLine(body: string, after: ChainState, key: KeyObject): ChainState & { readonly line: string } {
  const seq = after.seq + 1;
  const sealed = `${body.slice(0, -1)},"seq":${seq},"previous":"${after.hmac}"`;
  const hmac = mac(key, sealed);
  return { seq, hmac, line: `${sealed}${BEFORE_MAC}${hmac}${AFTER_MAC}\n` };
}

/** Reads a line without its line end, byte by byte as it was signed; `undefined` when it is not of this shape. */
export function openLine(line: Buffer, key: KeyObject): ChainLine | undefined {
  if (line.length <= TAIL_BYTES) return undefined;
  const sealed = line.subarray(0, line.length - TAIL_BYTES);
  const hmac = TAIL.exec(line.toString('latin1', sealed.length))?.[1];
  const links = LINKS.exec(sealed.toString('latin1', Math.max(0, sealed.length - LINKS_BYTES)));
  if (hmac === undefined || links === null) return undefined;
  return { seq: Number(links[1]), previous: links[2] ?? '', hmac, isAuthentic: isMac(key, sealed, hmac) };
}

/** Signs a state; `use` keeps a head and an anchor apart, so that neither passes as the other. */
export function signState(use: number | 'anchor', { seq, hmac }: ChainState, keys: AuditKeys): string {
  return mac(keys.head, `${use}:${seq}:${hmac}`);
}

/** Checks a stored state against its MAC. */
export function openState<State extends ChainState>(
  use: number | 'anchor',
  state: State,
  signature: string,
  keys: AuditKeys,
): Found<State> {
  const isOurs = isMac(keys.head, `${use}:${state.seq}:${state.hmac}`, signature);
  return isOurs ? { kind: 'found', state } : { kind: 'forged' };
}
