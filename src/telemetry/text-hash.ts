import { randomInt } from 'node:crypto';

/** Primes below 2^26: a product of two remainders is an exact number. */
const P = 67_108_859;
const Q = 67_108_837;
const SHIFT = 67_108_864;
/** Random, so that no text can be made to collide. */
const BASE_P = randomInt(2 ** 20, P);
const BASE_Q = randomInt(2 ** 20, Q);

/** The powers of the bases, as far as they were needed. */
let powersP = Uint32Array.of(1);
let powersQ = Uint32Array.of(1);

/** Letters beyond these have no case, or none that matters. */
const FOLDED = Uint16Array.from({ length: 0x590 }, (_, code) => {
  const lower = String.fromCharCode(code).toLowerCase();
  return lower.length === 1 ? lower.charCodeAt(0) : code;
});

/** The code of a character without its letter case. */
export function foldedCode(code: number): number {
  return FOLDED[code] ?? code;
}

/** Hashes any part of one text in constant time after one pass; letter case does not matter. */
export class TextHash {
  readonly #text: string;
  readonly #p: Uint32Array;
  readonly #q: Uint32Array;
  #done = 0;

  constructor(text: string) {
    this.#text = text;
    this.#p = new Uint32Array(text.length + 1);
    this.#q = new Uint32Array(text.length + 1);
  }

  /** A number of 26 bits, the same for equal parts of whatever texts. */
  short(start: number, length: number): number {
    const end = start + length;
    if (end > this.#done) this.#hashTo(end);
    if (length >= powersP.length) growPowers(length);
    const hash = (this.#p[end] as number) - mod((this.#p[start] as number) * (powersP[length] as number), P);
    return hash < 0 ? hash + P : hash;
  }

  /** A number of 52 bits: texts with the same one can be taken for equal. */
  long(start: number, length: number): number {
    const first = this.short(start, length);
    const hash = (this.#q[start + length] as number) - mod((this.#q[start] as number) * (powersQ[length] as number), Q);
    return first * SHIFT + (hash < 0 ? hash + Q : hash);
  }

  /** In steps that double, since what follows is most often asked for as well. */
  #hashTo(end: number): void {
    const to = Math.min(this.#text.length, Math.max(end, this.#done * 2));
    let p = this.#p[this.#done] as number;
    let q = this.#q[this.#done] as number;
    for (let at = this.#done; at < to; at++) {
      const code = foldedCode(this.#text.charCodeAt(at)) + 1;
      p = mod(p * BASE_P + code, P);
      q = mod(q * BASE_Q + code, Q);
      this.#p[at + 1] = p;
      this.#q[at + 1] = q;
    }
    this.#done = to;
  }
}

/** `value % modulus` for whole numbers below 2^53, several times faster than the operator. */
function mod(value: number, modulus: typeof P | typeof Q): number {
  const rest = value - Math.floor(value * (modulus === P ? 1 / P : 1 / Q)) * modulus;
  if (rest < 0) return rest + modulus;
  return rest >= modulus ? rest - modulus : rest;
}

function growPowers(length: number): void {
  const from = powersP.length;
  const to = Math.max(length + 1, from * 2);
  const [p, q] = [new Uint32Array(to), new Uint32Array(to)];
  p.set(powersP);
  q.set(powersQ);
  for (let at = from; at < to; at++) {
    p[at] = mod((p[at - 1] as number) * BASE_P, P);
    q[at] = mod((q[at - 1] as number) * BASE_Q, Q);
  }
  [powersP, powersQ] = [p, q];
}
