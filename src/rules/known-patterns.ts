/**
 * Each of these is linear: a quantifier either has a bound, or takes all that it can and nothing has to follow. What
 * begins inside a run of its own characters is not tried again.
 */

const PRIVATE_KEY_BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const PRIVATE_KEY_END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;

/** PEM and OpenPGP, up to the end of the key, or of a text that is cut before it. */
export function redactPrivateKeys(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text;
  let result = '';
  let copiedTo = 0;
  for (;;) {
    PRIVATE_KEY_BEGIN.lastIndex = copiedTo;
    const begin = PRIVATE_KEY_BEGIN.exec(text);
    if (begin === null) return result + text.slice(copiedTo);
    result += `${text.slice(copiedTo, begin.index)}[redacted: private key]`;
    PRIVATE_KEY_END.lastIndex = begin.index;
    if (PRIVATE_KEY_END.exec(text) === null) return result;
    copiedTo = PRIVATE_KEY_END.lastIndex;
  }
}

/** RFC 7519: the header and the claims are JSON objects in Base64. */
const WEB_TOKEN = /(?<![\w-])eyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*/g;

export function redactWebTokens(text: string): string {
  return text.includes('eyJ') ? text.replace(WEB_TOKEN, '[redacted: token]') : text;
}

/** Keys that their issuers gave a form of their own, so that they can be found. */
const KEYS = new RegExp(
  [
    // Amazon
    '(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])',
    // GitHub, GitLab
    'gh[pousr]_[A-Za-z0-9]{36,255}',
    'github_pat_\\w{22,255}',
    'gl(?:pat|ptt|rt|dt|cbt)-[\\w-]{20,255}',
    // OpenAI, Anthropic and others
    'sk-(?=[\\w-]{0,40}\\d)[\\w-]{20,255}',
    // Slack
    'xox[abeoprs]-[\\w-]{10,255}',
    'xapp-[\\w-]{10,255}',
    // Stripe
    '[prs]k_(?:live|test)_[A-Za-z0-9]{16,255}',
    // Google
    'AIza[\\w-]{35}(?![\\w-])',
    'ya29\\.[\\w-]{20,1000}',
    // Registries of packages and models
    'npm_[A-Za-z0-9]{36}',
    'pypi-[\\w-]{32,1000}',
    'hf_[A-Za-z0-9]{30,255}',
    // SendGrid, DigitalOcean, HashiCorp, Atlassian
    'SG\\.[\\w-]{16,64}\\.[\\w-]{16,64}',
    'do[opr]_v1_[a-f0-9]{64}',
    'hv[sbr]\\.[\\w-]{20,255}',
    'ATATT3[\\w=-]{20,255}',
  ]
    .map((source) => `(?:${source})`)
    .join('|')
    .replace(/^.*$/s, '(?<![A-Za-z0-9_])(?:$&)'),
  'g',
);
/** The token of an `Authorization` header, and the password of a URL. */
const BEARER = /(?<=\b[Bb]earer {1,4})[\w.~+/-]{16,4096}={0,2}/g;
const URL_PASSWORD = /(?<=:\/\/[^\s/:@]{0,64}:)[^\s/@]{1,256}(?=@)/g;
const KEY = '[redacted: key]';

export function redactKeys(text: string): string {
  const clean = text.replace(KEYS, KEY);
  const withoutTokens = /[Bb]earer /.test(clean) ? clean.replace(BEARER, KEY) : clean;
  return withoutTokens.includes('://') ? withoutTokens.replace(URL_PASSWORD, KEY) : withoutTokens;
}

const MAX_LOCAL_PART = 64;
const LOCAL_PART = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const DOMAIN =
  /(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}(?:xn--[a-z\d-]{2,59}|\p{L}{2,24})(?![\p{L}\p{N}])/uy;
/** `git@github.com:…` is a place, and `icon@2x.png` a file. */
const NO_EMAIL = /^git@|\.(?:png|jpe?g|gif|webp|svg)$/i;

/** RFC 5322, as far as people have such addresses. */
export function redactEmails(text: string): string {
  let result = '';
  let copiedTo = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    DOMAIN.lastIndex = at + 1;
    if (!DOMAIN.test(text)) continue;
    const end = DOMAIN.lastIndex;
    let start = at;
    while (start > copiedTo && at - start < MAX_LOCAL_PART && LOCAL_PART.test(text.charAt(start - 1))) start -= 1;
    // Punctuation before an address is not part of it.
    while (start < at && /[^\p{L}\p{N}_+]/u.test(text.charAt(start))) start += 1;
    if (start === at || NO_EMAIL.test(text.slice(start, end))) continue;
    result += `${text.slice(copiedTo, start)}[redacted: email]`;
    copiedTo = end;
  }
  return result + text.slice(copiedTo);
}

/** In one piece, or in the groups that are printed on cards. */
const CARD_NUMBER =
  /(?:(?<![\w.])\d{13,19}|(?<![\w.-])\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{6}\1\d{4,5}))(?!\w|[.-]\d)/g;
/** Prefixes of the issuers with the lengths that they have: Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay. */
const ISSUER =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}|3[068]\d{12}|62\d{14,17})$/;

/** Numbers that an issuer of cards may have given: prefix, length and check digit (ISO/IEC 7812-1). */
export function redactCardNumbers(text: string): string {
  return text.replace(CARD_NUMBER, (found) => {
    const digits = found.replace(/[ -]/g, '');
    return ISSUER.test(digits) && hasCheckDigit(digits) ? '[redacted: card number]' : found;
  });
}

/** Luhn's formula. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
