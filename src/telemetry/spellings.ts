/** Shorter values would blank out ordinary words. */
export const MIN_SECRET_LENGTH = 4;
/** Shorter parts of base64 would be found in anything. */
const MIN_BASE64_LENGTH = 8;
/** Longer values are looked for piece by piece, so that no spelling is longer than `MAX_SPELLING_LENGTH`. */
const MAX_PIECE_LENGTH = 16 * 1024;
/** Of a piece's characters, each as `\u` with four digits. */
export const MAX_SPELLING_LENGTH = MAX_PIECE_LENGTH * 9;

/** How programs escape HTML: each row is one widespread set of replacements. */
const HTML_ESCAPES: readonly Readonly<Record<string, string>>[] = [
  { '&': '&amp;', '<': '&lt;', '>': '&gt;' },
  { '&': '&amp;', '<': '&lt;', '"': '&quot;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#039;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;' },
];

/**
 * Returns each form in which a program may print a secret value: as it is, escaped for JSON, HTML or a URL, as hex and
 * inside base64. Letter case is left to the search, which ignores it. Values shorter than four characters have none.
 */
export function spellingsOf(value: string): ReadonlySet<string> {
  const spellings = new Set<string>();
  for (const piece of piecesOf(value)) {
    for (const spelling of ofPiece(piece)) if (spelling.length >= MIN_SECRET_LENGTH) spellings.add(spelling);
  }
  return spellings;
}

function piecesOf(value: string): readonly string[] {
  if (value.length < MIN_SECRET_LENGTH) return [];
  const pieces: string[] = [];
  for (let start = 0; start + MAX_PIECE_LENGTH < value.length; start += MAX_PIECE_LENGTH) {
    pieces.push(value.slice(start, start + MAX_PIECE_LENGTH));
  }
  // The last piece may overlap the one before it; a short rest would be found in anything.
  return [...pieces, value.slice(-MAX_PIECE_LENGTH)];
}

function* ofPiece(value: string): Generator<string> {
  yield value;
  // The search ignores the case of single letters; a few become two.
  if (value.toUpperCase().length !== value.length) yield value.toUpperCase();
  // Most are tokens, which need no escaping.
  if (!/^[\w.-]*$/.test(value)) {
    yield* jsonForms(value);
    yield* urlForms(value.toWellFormed());
  }
  yield escapedWhole(value);
  if (/[&<>"'/`=]/.test(value)) for (const escapes of HTML_ESCAPES) yield replaceEach(value, escapes);
  const bytes = Buffer.from(value);
  yield bytes.toString('hex');
  yield* base64Forms(bytes);
}

function* jsonForms(value: string): Generator<string> {
  const json = JSON.stringify(value).slice(1, -1);
  yield json;
  yield JSON.stringify(json).slice(1, -1);
  // PHP escapes the slash, Go and many web frameworks what means something in HTML, Python all that is not ASCII.
  yield json.replaceAll('/', '\\/');
  yield json.replace(/[<>&]/g, toUnicodeEscape);
  yield json.replace(/[<>&'+`=]/g, toUnicodeEscape);
  yield json.replace(/[^\0-\x7f]/g, toUnicodeEscape);
}

function escapedWhole(value: string): string {
  let escaped = '';
  for (let at = 0; at < value.length; at++) escaped += `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return escaped;
}

function* urlForms(value: string): Generator<string> {
  const component = encodeURIComponent(value);
  yield component;
  yield encodeURI(value);
  const strict = component.replace(/[!'()*]/g, toPercent);
  yield strict;
  yield strict.replaceAll('%2F', '/');
  // `application/x-www-form-urlencoded`, with and without "~".
  yield strict.replaceAll('%20', '+');
  yield strict.replaceAll('%20', '+').replaceAll('%2A', '*').replaceAll('~', '%7E');
}

/** Alone, and what it looks like inside a longer text in base64, such as `user:value`, without what it shares. */
function* base64Forms(bytes: Buffer): Generator<string> {
  for (const base64 of [bytes.toString('base64'), ...[0, 1, 2].map((offset) => base64Inside(bytes, offset))]) {
    if (base64.length < MIN_BASE64_LENGTH && base64 !== '') continue;
    yield base64;
    if (/[+/]/.test(base64)) yield base64.replaceAll('+', '-').replaceAll('/', '_');
    if (base64.endsWith('=')) yield base64.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  }
}

function base64Inside(value: Buffer, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), value]);
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64');
  return whole.slice(offset === 0 ? 0 : 4);
}

function replaceEach(value: string, replacements: Readonly<Record<string, string>>): string {
  return value.replace(/[&<>"'/`=]/g, (character) => replacements[character] ?? character);
}

function toUnicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function toPercent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
