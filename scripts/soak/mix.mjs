export const API_KEY = 'key-of-the-soak-test';

/**
 * The headers of a call that the service's key makes for a user.
 * @param {string} user
 */
export function headersOf(user) {
  return {
    authorization: `Bearer ${API_KEY}`,
    'x-openwebui-user-id': user,
    'x-openwebui-user-email': `${user}@example.org`,
  };
}

/**
 * A tool of fault-worker.js and its arguments.
 * @param {string | undefined} kind
 * @param {() => number} random
 * @returns {[string, object]}
 */
export function pickTool(kind, random) {
  const chance = random();
  if (kind === 'personal' || chance < 0.1) return ['who', {}];
  if (chance < 0.2) return ['slow', { ms: Math.floor(random() * 500) }];
  if (chance < 0.25) return ['bytes', { count: 200_000 }];
  if (chance < 0.3) return ['garbage', {}];
  return ['echo', {}];
}

/**
 * Mulberry32: the same seed disturbs in the same order.
 * @param {number} seed
 * @returns {() => number}
 */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
