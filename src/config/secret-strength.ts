import { createHash } from 'node:crypto';

/** RFC 7518, section 3.2 requires as many bytes as the hash has; 32 is the least of them. */
const MIN_HMAC_BYTES = 32;
const MIN_KEY_CHARACTERS = 16;
/**
 * Above this share of neighbours such as `ab`, `21` or `aa`, a text was typed along the keyboard or the alphabet. Of 16
 * random hexadecimal digits one in a hundred million is above it.
 */
const MAX_RUN_SHARE = 0.8;

const USE_RANDOM = 'use a random one, as "openssl rand -hex 32" prints it';
const ADVICE = `${USE_RANDOM} (--allow-weak-secrets permits weak ones, on 127.0.0.1 only).`;

/** Words that people type instead of a secret; a secret that consists of these alone is easily guessed. */
const WORDS =
  'admin administrator api app apikey asdfghjkl auth authentication bearer bit bits change changeit changeme chat code default demo dev development dummy enter example foo bar baz foobar for forwarding generate generated good hello here hidden hmac hs insert it jwt key keys letmein local localhost login long master mcp mcpo me my new not only open openwebui open-webui pass passphrase password passwd placeholder please prod production qwerty qwertyuiop random replace sample secret secrets secure server set should signing sk string strong super sure test testing tests that the this to todo token tokens tool tools top topsecret ts use user value very web webui welcome with word world xxx you your zxcvbnm'.split(
    ' ',
  );
const words: ReadonlySet<string> = new Set(WORDS.map((word) => word.replaceAll('-', '')));
const longestWord = Math.max(...[...words].map((word) => word.length));

/** `t0p-s3cr3t` is read as `topsecret`. */
const leet: ReadonlyMap<string, string> = new Map([
  ['0', 'o'],
  ['1', 'i'],
  ['3', 'e'],
  ['4', 'a'],
  ['5', 's'],
  ['7', 't'],
  ['@', 'a'],
  ['$', 's'],
]);

/** Why an API key is too weak, as the end of a sentence that says what to do; `undefined` if it is not. */
export function apiKeyWeakness(key: string): string | undefined {
  return weakness(key, [...key], MIN_KEY_CHARACTERS, 'characters');
}

/** The same for a secret that signs or verifies with HMAC. */
export function hmacSecretWeakness(secret: string): string | undefined {
  return weakness(secret, [...Buffer.from(secret, 'utf8')], MIN_HMAC_BYTES, 'bytes');
}

/** The same for a passphrase of files, which anyone who has one can try to guess for as long as they like. */
export function passphraseWeakness(passphrase: string): string | undefined {
  return weakness(passphrase, [...passphrase], MIN_KEY_CHARACTERS, 'characters', `${USE_RANDOM}.`);
}

/** The same for a key of which only the SHA-256 is known: it is compared with those of well-known words. */
export function hashedKeyWeakness(hash: string): string | undefined {
  return wellKnownHashes().has(hash) ? `is the hash of a well-known word; ${ADVICE}` : undefined;
}

function weakness(
  text: string,
  units: readonly unknown[],
  least: number,
  unit: string,
  advice = ADVICE,
): string | undefined {
  if (units.length < least) return `has fewer than ${least} ${unit}; ${advice}`;
  if (isWellKnown(text)) return `consists of well-known words; ${advice}`;
  if (hasPeriodBelow(least, units) || isRun(text)) return `repeats itself or is a plain sequence; ${advice}`;
  return undefined;
}

/** Whether the text consists of well-known words, digits and punctuation only. */
function isWellKnown(text: string): boolean {
  const lower = text.toLowerCase();
  const spelled = [...lower].map((character) => leet.get(character) ?? character).join('');
  return [lower, spelled].some((one) => consistsOfWords(one.replaceAll(/[^a-z]/g, '')));
}

function consistsOfWords(letters: string): boolean {
  // The offsets that words can end at.
  const ends = new Set([0]);
  for (let end = 1; end <= letters.length; end += 1) {
    for (let length = 1; length <= Math.min(end, longestWord); length += 1) {
      if (ends.has(end - length) && words.has(letters.slice(end - length, end))) ends.add(end);
    }
  }
  return letters !== '' && ends.has(letters.length);
}

/** Whether the text is one short piece again and again. */
function hasPeriodBelow(least: number, units: readonly unknown[]): boolean {
  for (let period = 1; period < least && period <= units.length / 2; period += 1) {
    if (units.every((unit, index) => index < period || unit === units[index - period])) return true;
  }
  return false;
}

function isRun(text: string): boolean {
  const codes = [...text].map((character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).filter((code, index) => Math.abs(code - (codes[index] ?? 0)) <= 1);
  return steps.length > (codes.length - 1) * MAX_RUN_SHARE;
}

let knownHashes: ReadonlySet<string> | undefined;

/** Computed for the first hashed key: most configurations have none. */
function wellKnownHashes(): ReadonlySet<string> {
  const spellings = [
    't0p-s3cr3t',
    'top-secret',
    's3cret',
    's3cr3t',
    'p4ssw0rd',
    'passw0rd',
    'change-me',
    'your-api-key',
  ];
  const endings = ['', '!', '1', '12', '123', '1234', '12345', '123456', '12345678'];
  knownHashes ??= new Set(
    [...words, ...spellings, '123456', '12345678', '1234567890'].flatMap((word) =>
      endings.map((ending) =>
        createHash('sha256')
          .update(word + ending)
          .digest('hex'),
      ),
    ),
  );
  return knownHashes;
}
