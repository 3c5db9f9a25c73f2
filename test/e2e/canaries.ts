import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A secret that was planted, and the bytes that give it away. */
export interface Canary {
  readonly name: string;
  readonly value: string;
  readonly marks: readonly Buffer[];
}

/** Something that came out of the service and the name by which a failing test calls it. */
export interface Output {
  readonly name: string;
  readonly content: string | Buffer;
}

/**
 * A value whose two halves can be told on their own, so that one that was cut is found as well; between them stands
 * what JSON, HTML, URLs and shells write otherwise.
 */
export function plant(name: string, prefix = '', between = `"'\\/+ <&%é`): Canary {
  const halves = [randomBytes(6).toString('hex'), randomBytes(6).toString('hex')];
  return { name, value: `${prefix}${halves.join(between)}`, marks: halves.flatMap(marksOf) };
}

/** A secret whose value somebody else has chosen: a token, a cookie. Every part of it is looked for, plain and in base64. */
export function known(name: string, value: string): Canary {
  const parts = [value.slice(0, 16), value.slice(-16)].filter((part) => part.length >= 8);
  return { name, value, marks: parts.flatMap(marksOf) };
}

/** A key of 32 bytes, given as base64: its text, its hex digits and the bytes themselves. */
export function plantKey(name: string): Canary {
  const bytes = randomBytes(32);
  const texts = (['base64', 'base64url', 'hex'] as const).map((encoding) => bytes.toString(encoding));
  const halves = texts.flatMap((text) => [text.slice(0, 20), text.slice(20, 40)]);
  return { name, value: bytes.toString('base64'), marks: [...halves.map((text) => Buffer.from(text)), bytes] };
}

/** Which output holds which canary. */
export function findCanaries(outputs: readonly Output[], canaries: readonly Canary[]): string[] {
  return outputs.flatMap(({ name, content }) => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const found = canaries.filter(({ marks }) => marks.some((mark) => bytes.includes(mark)));
    return found.map((canary) => `${name} holds ${canary.name}`);
  });
}

/** The text itself, which JSON and URLs write as it is, and base64 and base64url of a text that it is somewhere in. */
function marksOf(text: string): Buffer[] {
  const inBase64 = [0, 1, 2].map((offset) => {
    const whole = Buffer.from('\0'.repeat(offset) + text).toString('base64url');
    return whole.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + text.length) * 8) / 6));
  });
  return [text, ...inBase64, ...inBase64.map((one) => one.replaceAll('-', '+').replaceAll('_', '/'))].map((one) =>
    Buffer.from(one),
  );
}

/** Every file in a folder and in those below it. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
